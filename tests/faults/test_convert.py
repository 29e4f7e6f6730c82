"""Stops restantectl's `mailbox convert --remove-source` and `mailbox import` at system calls; then the same command is
given again and must end well: each message there once, the same octets, for a conversion the same UIDLs and an empty
source. A sample of the system calls; RESTANTE_FAULTS=all for each of them.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

import faults
from faults import BUILD, KILLED, NEED_ROOM, NO_ERRORS, STEP, strace_works

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "system"))

import restante  # noqa: E402
from restante import ROOT  # noqa: E402

SAMPLE = None if os.environ.get("RESTANTE_FAULTS") == "all" else 8
MESSAGES = [b"Subject: one\n\n.dot\n", b"Subject: long\n\n" + b"a line of text\n" * 9000, b"Subject: three\n\n>From me\n"]
FROM = b"From sender@example.org Mon Nov 23 01:30:09 2026\n"
PATHS = {"maildir": "Maildir", "mbox": "mbox", "archive": "Archive"}
ARCHIVE = (BUILD / ".libs/storage-archive.so").exists()
WAYS = [("maildir", "mbox"), ("mbox", "maildir")]
WAYS += [("maildir", "archive"), ("archive", "mbox")] if ARCHIVE else []
pytestmark = [
    pytest.mark.skipif(not strace_works(), reason="strace is missing or may not trace"),
    pytest.mark.skipif(not (BUILD / ".libs/storage-mbox.so").exists(), reason="no plugin as an object of its own"),
]


@pytest.fixture(scope="module")
def server():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="restante-faults-"))
    folder.chmod(0o755)
    storages = {"storage_mbox": {"path": "~/mbox", "state": "~/state", "lock_wait": "1s"}}
    if ARCHIVE:
        storages["storage_archive"] = {"path": "~/Archive"}
    yield restante.Server(folder, start=False, **storages)
    restante.remove_tree(folder)


class Mailbox:
    """A fresh one for each fault, and the command that is disturbed on it."""

    def __init__(self, server, storage, *words):
        self.server, self.words = server, [words[0], "u", *words[1:]]
        shutil.rmtree(server.folder / "home", ignore_errors=True)
        self.user = server.user("u", extra=f"storage={storage}")
        self.path = self.user.home / "x"  # for the trace beside it
        self.opens = self.user.home / PATHS[storage]

    def run(self, *words, tracer=()):
        command = [*tracer, BUILD / "restantectl", "-c", self.server.conf, "mailbox", *(words or self.words)]
        return subprocess.run(command, capture_output=True, text=True)

    def see(self, storage):
        """What a session sees: lines of UIDL, octets, digest."""
        settings = [f"state={self.user.home}/state"] if storage == "mbox" else []
        command = [STEP, BUILD / f".libs/storage-{storage}.so", self.user.home / PATHS[storage], *settings, "list"]
        (self.user.home / "state").mkdir(exist_ok=True)
        if ROOT:
            os.chown(self.user.home / "state", self.user.uid, self.user.uid)
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, **({"user": self.user.uid} if ROOT else {})
        )
        return done.stdout.splitlines()


def disturbed(make, fault):
    """As faults.disturbed(), for a sample. What runs before is not the same to the last read() each time, so the call
    that is meant may be missed by a few."""
    points = faults.points(make())
    for call, when in points if SAMPLE is None else points[:: len(points) // SAMPLE + 1]:
        if fault.startswith("error") and call in NO_ERRORS | {"futex"}:  # the C library takes no error of it
            continue
        if fault == "error=ENOSPC" and call not in NEED_ROOM:
            continue
        mailbox = make()
        inject = ["-e", f"trace={call}", "-e", f"inject={call}:{fault}:when={when}"]
        done = mailbox.run(tracer=["strace", "-qq", "-o", "/dev/null", *inject])
        assert done.returncode in (KILLED, 0, 1), (call, when, done)
        yield mailbox, done, f"{call} #{when}: {done.returncode} {done.stderr}"


@pytest.mark.parametrize("fault", ["signal=SIGKILL", "error=EIO", "error=ENOSPC"])
@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_a_conversion(server, way, fault):
    source, target = way
    seen = []

    def make():
        mailbox = Mailbox(server, source, "convert", "--to", target, "--remove-source")
        for message in MESSAGES:
            mailbox.user.deliver(message)
        if source != "maildir":
            done = mailbox.run("convert", "u", "--from", "maildir", "--to", source, "--remove-source")
            assert done.returncode == 0, done.stderr
        seen[:] = mailbox.see(source)
        assert len(seen) == len(MESSAGES)
        return mailbox

    for mailbox, done, place in disturbed(make, fault):
        if done.returncode != 0:
            again = mailbox.run()
            assert again.returncode == 0, (place, again)
        order = list if fault == "signal=SIGKILL" else sorted  # what could not be read at first comes last
        assert order(mailbox.see(target)) == order(seen), place
        assert mailbox.see(source) == [], place


@pytest.mark.parametrize("fault", ["signal=SIGKILL", "error=EIO", "error=ENOSPC"])
def test_an_import(server, fault):
    file = server.folder / "in.mbox"
    file.write_bytes(b"".join(FROM + message.replace(b">From", b">>From") + b"\n" for message in MESSAGES))
    reference = Mailbox(server, "maildir", "import", file)
    assert reference.run().returncode == 0
    seen = sorted(reference.see("maildir"))
    assert len(seen) == len(MESSAGES)
    for mailbox, done, place in disturbed(lambda: Mailbox(server, "maildir", "import", file), fault):
        if done.returncode != 0:
            again = mailbox.run()
            assert again.returncode == 0, (place, again)
        assert sorted(mailbox.see("maildir")) == seen, place
