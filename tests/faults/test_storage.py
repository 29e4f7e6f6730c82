"""Stops a storage plugin at every system call in turn, by strace's injection: killed there, or told that the call
failed. Afterwards a session that nobody disturbs must see: no message lost that was not to be deleted, none
twice, every byte and every UIDL the same; and what was reported as done is done.
"""

import os
import pathlib
import re
import shutil
import tempfile

import pytest

from faults import BUILD, FAULTS, KILLED, run, strace_works
import faults

PLUGIN = BUILD / ".libs/storage-maildir.so"
# What a message may be: no final newline, CRLF, dots, empty, longer than a buffer; in both folders, one name illegal.
MESSAGES = {
    "new/1700000001.M1P1.host": b"Subject: one\n\nno final newline",
    "new/1700000002.M1P1.host,S=27,W=27": b"Subject: two\r\n\r\n.dot\r\n.\r\n\r\n",
    "cur/1700000003.M1P1.host:2,S": b"",
    "cur/1700000004.M1 P1.host:2,": b"Subject: four\n\n" + b"x" * 70 + b"\n",
    "cur/1700000005.M1P1.host:2,RS": b"Subject: five\n\n" + b"long line of text\n" * 9000,
}
DELIVERED = b"Subject: new\n\n" + b"another text\n" * 800


pytestmark = [
    pytest.mark.skipif(not strace_works(), reason="strace is missing or may not trace"),
    pytest.mark.skipif(not PLUGIN.exists(), reason="no plugin as an object of its own"),
]


class Mailbox:
    """A fresh one for each fault."""

    def __init__(self, path, index):
        self.path = self.opens = path
        shutil.rmtree(path, ignore_errors=True)
        for sub in ("new", "cur", "tmp"):
            (path / sub).mkdir(parents=True)
        for name, text in MESSAGES.items():
            (path / name).write_bytes(text)
        for sub in ("new", "cur"):  # long ago: an index may rely on it
            os.utime(path / sub, (1700000000, 1700000000))
        if index:
            self.list()

    def run(self, *step, tracer=()):
        return run(PLUGIN, self.path, *step, tracer=tracer)

    def list(self):
        """What an undisturbed session sees: lines of UIDL, octets, digest."""
        done = self.run("list")
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout.splitlines()

    def see(self):
        """The same, and that the index makes no difference."""
        seen = self.list()
        (self.path / "restante.index").unlink(missing_ok=True)
        assert self.list() == seen
        return seen


def disturbed(path, fault, index, *step):
    return faults.disturbed(lambda: Mailbox(path, index), fault, *step)


@pytest.fixture(scope="module")
def path():
    with tempfile.TemporaryDirectory(prefix="restante-faults-") as folder:
        yield pathlib.Path(folder) / "Maildir"


@pytest.fixture(scope="module")
def whole(path):
    seen = Mailbox(path, index=False).see()
    assert len(seen) == len(MESSAGES)
    return seen


def changes(path, *step):
    """What an undisturbed step does to the mail, in order: (call, which folder or file of tmp/ it is about)."""
    mailbox = Mailbox(path, index=True)
    trace = path.parent / "trace"
    wanted = "trace=openat,fsync,fdatasync,renameat,unlinkat,write"
    mailbox.run(*step, tracer=["strace", "-qq", "-y", "-e", wanted, "-o", trace])
    for line in trace.read_text().splitlines():
        call = line.split("(")[0]
        names = re.findall(rf"{path}/(new|cur|tmp)", line) or re.findall(r'"(new|cur|tmp)/', line)
        if call != "openat" and names:
            yield call, names[-1]


def test_a_delivery_is_synced_before_and_after_it_is_seen(path):
    source = path.parent / "message"
    source.write_bytes(DELIVERED)
    order = [step for step in changes(path, "deliver", source) if step[0] != "write"]
    assert order == [("fsync", "tmp"), ("renameat", "new"), ("fsync", "new")]


def test_deletions_are_synced_in_both_folders(path, whole):
    order = list(changes(path, "delete", *map(uid, whole)))
    assert order == [("unlinkat", "new")] * 2 + [("unlinkat", "cur")] * 3 + [("fsync", "new"), ("fsync", "cur")]


def uid(line):
    return line.split()[0]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("index", [True, False], ids=["known", "first_seen"])
def test_a_session_that_deletes(path, whole, index, fault):
    doomed = [whole[i] for i in (0, 2, 4)]
    kept = [whole[i] for i in (1, 3)]
    for mailbox, done, place in disturbed(path, fault, index, "delete", *map(uid, doomed)):
        seen = mailbox.see()
        assert [line for line in seen if line in kept] == kept, place
        assert [line for line in whole if line in seen] == seen, place  # the order, and nothing new
        if done.returncode == 0 and index:
            assert seen == kept, place


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("index", [True, False], ids=["known", "first_seen"])
def test_a_session_that_reads(path, whole, index, fault):
    for mailbox, done, place in disturbed(path, fault, index, "list"):
        if done.returncode == 0:  # what it was told is true, if it was not told of all
            assert [line for line in whole if line in done.stdout.splitlines()] == done.stdout.splitlines(), place
        assert mailbox.see() == whole, place


@pytest.mark.parametrize("fault", FAULTS)
def test_a_delivery(path, whole, fault):
    source = path.parent / "message"
    source.write_bytes(DELIVERED)
    reference = Mailbox(path, index=True)
    assert reference.run("deliver", source).returncode == 0
    octets, digest = reference.see()[-1].split()[1:]
    for mailbox, done, place in disturbed(path, fault, True, "deliver", source):
        left = list((mailbox.path / "tmp").iterdir())
        seen = mailbox.see()
        assert seen[: len(whole)] == whole, place
        more = [line.split()[1:] for line in seen[len(whole) :]]
        if done.returncode == KILLED:
            assert more in ([], [[octets, digest]]), place
            assert len(left) <= 1, place
        else:
            assert more == ([[octets, digest]] if done.returncode == 0 else []), place
            assert left == [], place
        # The delivery agent tries again.
        assert mailbox.run("deliver", source).returncode == 0
        assert mailbox.see()[-1].split()[1:] == [octets, digest], place


@pytest.mark.parametrize("fault", FAULTS)
def test_maintenance(path, whole, fault):
    for mailbox, _, place in disturbed(path, fault, True, "maintain"):
        assert mailbox.see() == whole, place


@pytest.mark.parametrize("fault", FAULTS)
def test_a_note(path, whole, fault):
    for mailbox, done, place in disturbed(path, fault, True, "note", "second"):
        after = mailbox.run("note").stdout.strip()
        assert after in (["second"] if done.returncode == 0 else ["", "second"]), place
        assert mailbox.see() == whole, place
        assert mailbox.run("note", "first").returncode == 0
        assert mailbox.run("note").stdout == "first\n", place
