"""Stops storage-mbox at every system call in turn, in both ways of deleting and in a delivery; then an MTA that knows
nothing of it appends a message, and the next session must see: all or nothing of what was to be done, every other byte
and every UIDL the same, and the MTA's message. Then the same for changes that a crash left half written.
"""

import os
import pathlib
import shutil
import tempfile
import time

import pytest

import faults
from faults import BUILD, FAULTS, KILLED, strace_works

PLUGIN = BUILD / ".libs/storage-mbox.so"
WAYS = {"new_file": [], "in_place": ["locks=fcntl"]}  # nobody may be kept from a new file without the dotlock
MESSAGES = [
    b"Subject: one\n\nfirst\n",
    b"Subject: two\r\n\r\n.dot\r\n>From here\r\n.\r\n",
    b"Subject: same\n\nsame\n",  # the first of these is deleted: which one is left can then only be known from the record
    b"Subject: same\n\nsame\n",
    b"Subject: four\n\n" + b"long line of text\n" * 9000,
    b"",
]
DELIVERED = b"Subject: new\n\nFrom the start\n>From quoted\n" + b"another text\n" * 800
MTA = b"From mta@example.org Mon Nov 23 02:00:00 2026\nSubject: mta\n\nfrom the MTA\n\n"

pytestmark = [
    pytest.mark.skipif(not strace_works(), reason="strace is missing or may not trace"),
    pytest.mark.skipif(not PLUGIN.exists(), reason="no plugin as an object of its own"),
]


def stored(text):
    return b"From a@example.org Mon Nov 23 01:30:09 2026\n" + text + b"\n"


class Mailbox:
    """A fresh one for each fault."""

    def __init__(self, path, way="new_file", known=False):
        self.path, self.settings = path, [*WAYS[way], f"state={path}.state", "lock_wait=1s"]
        self.state = self.opens = path.with_name(path.name + ".state")
        shutil.rmtree(path.parent, ignore_errors=True)
        self.state.mkdir(parents=True)
        path.write_bytes(b"".join(map(stored, MESSAGES)))
        if known:
            time.sleep(0.025)  # an index of a file that has just been written is not believed
            self.list()

    def run(self, *step, tracer=()):
        return faults.run(PLUGIN, self.path, *self.settings, *step, tracer=tracer)

    def list(self):
        """What an undisturbed session sees: lines of UIDL, octets, digest."""
        done = self.run("list")
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout.splitlines()

    def see(self):
        """The same, and that the index makes no difference."""
        seen = self.list()
        (self.state / "mbox.index").unlink(missing_ok=True)
        assert self.list() == seen
        assert not list(self.state.glob("mbox.journal*")), "a journal is left"
        return seen

    def append(self, octets):
        with self.path.open("ab") as file:
            file.write(octets)


@pytest.fixture(scope="module")
def path():
    with tempfile.TemporaryDirectory(prefix="restante-faults-") as folder:
        yield pathlib.Path(folder) / "spool" / "u"


@pytest.fixture(scope="module")
def whole(path):
    seen = Mailbox(path).see()
    assert len(seen) == len(MESSAGES)
    return seen


@pytest.fixture(scope="module")
def from_mta(path, whole):
    mailbox = Mailbox(path)
    mailbox.append(MTA)
    seen = mailbox.see()
    assert seen[:-1] == whole
    return seen[-1]


@pytest.fixture(scope="module")
def source(path):
    file = path.parent.parent / "message"
    file.write_bytes(DELIVERED)
    return file


def uid(line):
    return line.split()[0]


DOOMED = {"first": (0,), "some": (1, 2, 5), "last": (5,), "all": range(6)}


def split(whole, doomed):
    kept = [line for n, line in enumerate(whole) if n not in DOOMED[doomed]]
    text = b"".join(stored(text) for n, text in enumerate(MESSAGES) if n not in DOOMED[doomed])
    return [uid(whole[n]) for n in DOOMED[doomed]], kept, text


@pytest.mark.parametrize("doomed", DOOMED)
@pytest.mark.parametrize("way", WAYS)
def test_undisturbed(path, whole, way, doomed):
    uids, kept, text = split(whole, doomed)
    mailbox = Mailbox(path, way, known=True)
    before = path.stat()
    assert mailbox.run("delete", *uids).returncode == 0
    assert path.read_bytes() == text
    assert mailbox.see() == kept
    replaced = path.stat().st_ino != before.st_ino
    assert replaced == (way == "new_file" and doomed in ("first", "some")), "in the way that is meant"
    assert sorted(file.name for file in path.parent.iterdir()) == ["u", "u.state"]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("way", WAYS)
def test_a_session_that_deletes(path, whole, from_mta, way, fault):
    uids, kept, text = split(whole, "some")
    for mailbox, done, place in faults.disturbed(lambda: Mailbox(path, way, known=True), fault, "delete", *uids):
        mailbox.append(MTA)
        seen = mailbox.see()
        assert seen in (whole + [from_mta], kept + [from_mta]), place
        if done.returncode == 0:
            assert seen == kept + [from_mta], place
        assert path.read_bytes() in (text + MTA, b"".join(map(stored, MESSAGES)) + MTA), place


@pytest.mark.parametrize("way", WAYS)
def test_a_first_session_that_deletes_and_one_that_does_it_again(path, whole, way):
    uids, kept, text = split(whole, "some")
    for mailbox, done, place in faults.disturbed(lambda: Mailbox(path, way), FAULTS[0], "delete", *uids):
        assert mailbox.run("delete", *uids).returncode == 0, place
        assert mailbox.list() == kept, place
        assert path.read_bytes() == text, place


@pytest.mark.parametrize("fault", FAULTS)
def test_a_session_that_reads(path, whole, fault):
    for mailbox, _, place in faults.disturbed(lambda: Mailbox(path), fault, "list", must_sync=False):
        assert path.read_bytes() == b"".join(map(stored, MESSAGES)), place
        assert mailbox.list() == whole, place


@pytest.mark.parametrize("fault", FAULTS)
def test_a_delivery(path, whole, from_mta, source, fault):
    reference = Mailbox(path)
    assert reference.run("deliver", source).returncode == 0
    new = reference.see()[-1].split()[1:]
    for mailbox, done, place in faults.disturbed(lambda: Mailbox(path), fault, "deliver", source):
        mailbox.append(MTA)
        seen = mailbox.see()
        assert seen[: len(whole)] == whole, place
        assert seen[-1] == from_mta, place
        more = [line.split()[1:] for line in seen[len(whole) : -1]]
        if done.returncode == KILLED:
            assert more in ([], [new]), place
        else:
            assert more == ([new] if done.returncode == 0 else []), place
        if fault == FAULTS[0]:  # the delivery agent tries again
            assert mailbox.run("deliver", source).returncode == 0, place
            assert mailbox.list()[-1].split()[1:] == new, place


@pytest.mark.parametrize("fault", FAULTS)
def test_a_delivery_that_brings_its_uidl(path, whole, from_mta, source, fault):
    """Who sees the message sees that UIDL; a line of mbox.uidl without its message means nothing."""
    reference = Mailbox(path, known=True)
    assert reference.run("deliver", source, "kept").returncode == 0
    new = reference.see()[-1].split()
    assert new[0] == "kept"
    for mailbox, done, place in faults.disturbed(lambda: Mailbox(path, known=True), fault, "deliver", source, "kept"):
        mailbox.append(MTA)
        seen = mailbox.see()
        assert seen[: len(whole)] == whole, place
        assert seen[-1] == from_mta, place
        more = [line.split() for line in seen[len(whole) : -1]]
        assert more in ([], [new]), place
        if done.returncode != KILLED:
            assert more == ([new] if done.returncode == 0 else []), place
        if not more:  # who converts tries again
            assert mailbox.run("deliver", source, "kept").returncode == 0, place
            assert mailbox.see()[-1].split() == new, place


@pytest.mark.parametrize("fault", FAULTS)
def test_a_note(path, whole, fault):
    for mailbox, done, place in faults.disturbed(lambda: Mailbox(path, known=True), fault, "note", "second"):
        after = mailbox.run("note").stdout.strip()
        assert after in (["second"] if done.returncode == 0 else ["", "second"]), place
        assert mailbox.list() == whole, place


def killed_before(mailbox, call, *step):
    tracer = ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL"]
    assert mailbox.run(*step, tracer=tracer).returncode == KILLED
    assert (mailbox.state / "mbox.journal").exists()


def places(length):
    """Where to tear something of that length: at all ends, and here and there."""
    return sorted({0, 1, 2, 3, 5, 6, 7, 40, 45, length // 2, length - 2, length - 1, length})


@pytest.mark.parametrize("appended", [b"", MTA], ids=["alone", "mta"])
def test_a_torn_rewriting_in_place_is_completed(path, whole, from_mta, appended):
    uids, kept, text = split(whole, "some")
    old = b"".join(map(stored, MESSAGES))
    start = len(stored(MESSAGES[0]))
    expected = kept + ([from_mta] if appended else [])
    for torn in places(len(text) - start):
        for backwards in (False, True):  # a disk writes in any order
            mailbox = Mailbox(path, "in_place")
            killed_before(mailbox, "pwrite64", "delete", *uids)
            assert path.read_bytes() == old
            if backwards:
                state = old[: len(text) - torn] + text[len(text) - torn :] + old[len(text) :]
            else:
                state = text[: start + torn] + old[start + torn :]
            assert len(state) == len(old)
            with path.open("r+b") as file:
                file.write(state + appended)
            assert mailbox.see() == expected, (torn, backwards)
            assert path.read_bytes() == text + appended


@pytest.mark.parametrize("appended", [b"", MTA, b"\n" + MTA, MTA * 400], ids=["alone", "mta", "blank", "many"])
@pytest.mark.parametrize("call", ["ftruncate", "unlinkat"], ids=["before_the_cut", "after_the_cut"])
def test_a_rewriting_in_place_that_was_cut_off_or_not(path, whole, call, appended):
    """Where the file would be cut, an MTA's message that came behind the cut must not be taken for old mail."""
    uids, kept, text = split(whole, "some")
    mailbox = Mailbox(path, "in_place")
    killed_before(mailbox, call, "delete", *uids)
    mailbox.append(appended)
    assert [uid(line) for line in mailbox.see()][: len(kept)] == [uid(line) for line in kept]
    assert path.read_bytes() == text + appended


def test_a_completion_may_be_stopped_at_every_system_call_too(path, whole, from_mta):
    uids, kept, text = split(whole, "some")

    def torn():
        mailbox = Mailbox(path, "in_place")
        killed_before(mailbox, "ftruncate", "delete", *uids)
        mailbox.append(MTA)
        return mailbox

    for mailbox, _, place in faults.disturbed(torn, "signal=SIGKILL", "list"):
        mailbox.append(MTA)
        assert mailbox.list()[:-1] == kept + [from_mta], place
        assert path.read_bytes() == text + MTA + MTA, place


@pytest.mark.parametrize("appended", [b"", MTA, b"\n" + MTA], ids=["alone", "mta", "blank"])
def test_a_torn_delivery_is_undone(path, whole, source, appended):
    """Half a message would swallow what an MTA writes behind it."""
    old = b"".join(map(stored, MESSAGES))
    reference = Mailbox(path)
    killed_before(reference, "unlinkat", "deliver", source)  # the one of the journal
    new = path.read_bytes()[len(old) :]
    for torn in places(len(new))[appended.startswith(b"\n") :]:  # without ours the blank line is the last message's
        mailbox = Mailbox(path)
        killed_before(mailbox, "pwrite64", "deliver", source)
        ours = (mailbox.state / "mbox.journal").read_bytes()[-len(new) :]
        path.write_bytes(old + ours[:torn])  # the same inode
        mailbox.append(appended)
        seen = mailbox.see()
        assert seen[: len(whole)] == whole, torn
        there = path.read_bytes()
        if torn == len(new):
            assert there == old + ours + appended
        else:
            whole_by_chance = old + ours[:torn] + appended if appended[: len(ours) - torn] == ours[torn:] else None
            assert there in (old + appended, old + appended.lstrip(b"\n"), whole_by_chance), torn


@pytest.mark.parametrize("change", ["replaced", "shortened", "rewritten", "journal"])
def test_a_journal_that_does_not_fit_is_set_aside(path, change):
    mailbox = Mailbox(path, "in_place")
    killed_before(mailbox, "pwrite64", "delete", uid(mailbox.list()[1]))
    journal = mailbox.state / "mbox.journal"
    octets = journal.read_bytes()
    if change == "replaced":
        shutil.copy(path, str(path) + ".new")
        os.rename(str(path) + ".new", path)
    elif change == "shortened":
        path.write_bytes(stored(MESSAGES[0]))
    elif change == "rewritten":
        path.write_bytes(path.read_bytes().replace(b"first", b"First"))
    else:
        octets = octets[:-20] + b"!" + octets[-19:]
        journal.write_bytes(octets)
    before = path.read_bytes()
    done = mailbox.run("list")
    assert done.returncode == 0
    assert path.read_bytes() == before
    assert not journal.exists()
    (aside,) = mailbox.state.glob("mbox.journal.bad.*")
    assert aside.read_bytes() == octets
    assert aside.name in done.stderr, "an administrator is told"
