"""Stops a session of the running server at every system call of a QUIT or a RETR in turn, by strace's injection.

What the client hears must be true. +OK to QUIT means that the marked messages are gone; otherwise none but those may
be; and whatever happened, the rest is there, unchanged, under the same UIDLs. A message that ends with the dot is
whole. The next session opens as if nothing had been.
"""

import collections
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "system"))

import restante  # noqa: E402

FAULTS = ["signal=SIGKILL", "error=EIO", "error=ENOSPC"]
NO_ERRORS = {"brk", "exit_group", "exit", "restart_syscall"}
NEED_ROOM = {"openat", "write", "fsync", "renameat", "mkdirat"}
MESSAGES = [b"Subject: %d\n\n.text\n" % n + b"x" * n for n in range(5)]
MESSAGES += [b"Subject: long\n\n" + b".line\n" * 60000]
MARKED = (1, 3, 6)


@pytest.fixture(scope="module")
def server():
    folder = tempfile.mkdtemp(prefix="restante-test-")
    with restante.Server(folder) as running:
        running.expect(r"why=crash signal=9")  # that is us
        yield running
    restante.remove_tree(folder)


class Traced:
    """strace on a session that waits for commands."""

    def __init__(self, process, *options):
        self.out = tempfile.NamedTemporaryFile()
        command = ["strace", "-p", str(process.pid), "-o", self.out.name, *options]
        self.strace = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        said = self.strace.stderr.readline()
        if "attached" not in said:
            self.strace.wait()
            pytest.skip(f"strace may not attach: {said.strip()}")

    def calls(self):
        self.strace.wait(10)
        self.strace.stderr.close()
        calls = re.findall(r"^(\w+)\(", pathlib.Path(self.out.name).read_text(), re.M)
        return calls[1:]  # it was waiting in the first one, too late to disturb that


def fresh(server):
    """A user with these messages in both folders, and the UIDLs of a session before."""
    fresh.count = getattr(fresh, "count", 0) + 1
    user = server.user(f"quit{fresh.count}")
    for n, message in enumerate(MESSAGES):
        user.deliver(message, f"{1700000000 + n}.M1P1.host" + ":2,S" * (n % 2), "cur" if n % 2 else "new")
    with server.login(user) as c:
        uids = c.uids()
        c.quit()
    return user, uids


def say(server, user, commands, *options):
    """One write of commands to a traced session. Returns what the client heard, and the calls."""
    before = {p.pid for p in server.role("session")}
    client = server.login(user)
    (session,) = [p for p in server.role("session") if p.pid not in before]
    traced = Traced(session, *options)
    client.send(commands)
    heard = client.rest()
    client.close()
    return heard, traced.calls()


def disturbed(server, commands, fault):
    """Says it once for each system call that it takes, disturbed there. Yields user, uids, what was heard, place."""
    user, _ = fresh(server)
    _, calls = say(server, user, commands)
    count = collections.Counter()
    for call in calls:
        count[call] += 1
        if fault.startswith("error") and call in NO_ERRORS or fault == "error=ENOSPC" and call not in NEED_ROOM:
            continue
        user, uids = fresh(server)
        inject = f"inject={call}:{fault}:when={count[call]}"
        heard, _ = say(server, user, commands, "-e", f"trace={call}", "-e", inject)
        yield user, uids, heard, f"{call} #{count[call]}: {heard[:200]}"


def stored(user):
    return collections.Counter(path.read_bytes() for path in user.files().values())


QUIT = b"".join(b"DELE %d\r\n" % n for n in MARKED) + b"QUIT\r\n"


def test_quit_undisturbed(server):
    user, _ = fresh(server)
    heard, calls = say(server, user, QUIT)
    assert heard.count(b"+OK") == len(MARKED) + 1
    assert {"unlinkat", "fsync"} <= set(calls), "the calls that matter are seen"


@pytest.mark.parametrize("fault", FAULTS)
def test_quit(server, fault):
    kept = collections.Counter(m for n, m in enumerate(MESSAGES, 1) if n not in MARKED)
    for user, uids, heard, place in disturbed(server, QUIT, fault):
        replies = heard.split(b"\r\n")[:-1]
        done = len(replies) > len(MARKED) and replies[len(MARKED)].startswith(b"+OK")
        there = stored(user)
        assert there & kept == kept, place
        assert there <= collections.Counter(MESSAGES), place
        if done:
            assert there == kept, place
        if place.startswith("fsync"):
            assert not done, place
        with server.login(user) as c:
            seen = c.uids()
            assert set(seen.values()) <= set(uids.values()), place
            for n, uid in seen.items():
                first = next(k for k, v in uids.items() if v == uid)
                assert c.retr(n) == restante.wire(MESSAGES[first - 1]), place
            c.quit()


@pytest.mark.parametrize("fault", FAULTS[:2])
def test_retr(server, fault):
    """DESIGN section 9: after a read error others end the message as if it were whole."""
    number = len(MESSAGES)
    whole = re.sub(rb"(?m)^\.", b"..", restante.wire(MESSAGES[-1])) + b".\r\n"
    ended = 0
    for user, _, heard, place in disturbed(server, b"RETR %d\r\nQUIT\r\n" % number, fault):
        reply, _, body = heard.partition(b"\r\n")
        if reply.startswith(b"+OK") and b"\r\n.\r\n" in body:
            assert body.startswith(whole), place
            ended += 1
        else:
            assert whole.startswith(body) or not reply.startswith(b"+OK"), place
        assert stored(user) == collections.Counter(MESSAGES), place
    assert ended > 0, "some faults come after the dot"
