"""Stops storage-archive at every system call in turn: in deliveries (to a segment, to a new one, of a large message),
in deletions (marked, rewritten, purged, all), in a compaction, in a repair and where a torn end is cut. Then the next session must see:
all or nothing of what was to be done, every other byte and every UIDL the same; the next delivery must succeed; and
zcat must find nothing wrong.
"""

import gzip
import os
import pathlib
import random
import shutil
import tempfile
from itertools import product

import pytest

import faults
from faults import BUILD, FAULTS, KILLED, strace_works

PLUGIN = BUILD / ".libs/storage-archive.so"
MESSAGES = [
    b"Subject: one\n\nno final newline",
    b"Subject: two\r\n\r\n.dot\r\n>From here\r\n.\r\n",
    b"",
    b"Subject: four\n\n" + b"long line of text\n" * 9000,
    b"Subject: five\n\nFrom me\n",
]
SMALL = b"Subject: new\n\nFrom the start\n" + b"another text\n" * 80
LARGE = b"Subject: large\n\n" + random.Random(1).randbytes(700_000)
KILL, EIO, ENOSPC = FAULTS

pytestmark = [
    pytest.mark.skipif(not strace_works(), reason="strace is missing or may not trace"),
    pytest.mark.skipif(not PLUGIN.exists(), reason="no plugin as an object of its own"),
]


class Archive:
    """A fresh copy of the template for each fault."""

    def __init__(self, path, template, *settings, change=None):
        self.path = self.opens = path
        self.settings = settings
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(template, path)
        self.list()  # so that what is known of the segments is true of these files
        if change:
            change(self)

    def run(self, *step, tracer=()):
        return faults.run(PLUGIN, self.path, *self.settings, *step, tracer=tracer)

    def list(self):
        """What an undisturbed session sees: lines of UIDL, octets, digest."""
        done = self.run("list")
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout.splitlines()

    def see(self):
        """The same, and that index and hint make no difference, and that zcat reads it."""
        seen = self.list()
        for name in ("restante.index", "restante.append"):
            (self.path / name).unlink(missing_ok=True)
        assert self.list() == seen
        assert all(gzip.decompress(file.read_bytes()) for file in self.segments())
        return seen

    def segments(self):
        return sorted(self.path.glob("????????.mbox.gz"))


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory(prefix="restante-faults-") as folder:
        yield pathlib.Path(folder)


@pytest.fixture(scope="module")
def path(folder):
    return folder / "archive"


@pytest.fixture(scope="module")
def template(folder):
    template, message = folder / "template", folder / "message"
    for text in MESSAGES:
        message.write_bytes(text)
        assert faults.run(PLUGIN, template, "deliver", message).returncode == 0
    return template


@pytest.fixture(scope="module")
def whole(path, template):
    seen = Archive(path, template).see()
    assert len(seen) == len(MESSAGES)
    return seen


def some(names, few, every):
    """The cases of make check, or with RESTANTE_ALL_FAULTS=1 all (two minutes)."""
    return pytest.mark.parametrize(names, list(every) if "RESTANTE_ALL_FAULTS" in os.environ else few)


def uid(line):
    return line.split()[0]



DELIVERIES = {"append": (SMALL, []), "new_segment": (SMALL, ["segment_size=200"]), "large": (LARGE, [])}


@some("what, fault", [("append", KILL), ("append", EIO), ("new_segment", ENOSPC)], product(DELIVERIES, FAULTS))
def test_a_delivery(folder, path, template, whole, what, fault):
    text, settings = DELIVERIES[what]
    source = folder / "message"
    source.write_bytes(text)
    reference = Archive(path, template, *settings)
    assert reference.run("deliver", source).returncode == 0
    assert len(reference.segments()) == (2 if what == "new_segment" else 1)
    octets, digest = reference.see()[-1].split()[1:]
    for archive, done, place in faults.disturbed(lambda: Archive(path, template, *settings), fault, "deliver", source):
        seen = archive.see()
        assert seen[: len(whole)] == whole, place
        more = [line.split()[1:] for line in seen[len(whole) :]]
        if done.returncode == KILLED:
            assert more in ([], [[octets, digest]]), place
        else:
            assert more == ([[octets, digest]] if done.returncode == 0 else []), place
            assert place.startswith("unlinkat") or not list(path.glob("restante.tmp.*")), place
        assert not place.startswith("fdatasync") or done.returncode != 0, "its error is not passed on"
        assert not (path / "damaged").exists() or done.returncode == KILLED, place
        # The delivery agent tries again.
        assert archive.run("deliver", source).returncode == 0
        assert archive.list()[: len(seen)] == seen and archive.list()[-1].split()[1:] == [octets, digest], place


DELETIONS = {
    "marked": ((1,), [], 1),
    "rewritten": ((0, 3), ["compact=1"], 1),
    "purged": ((4,), ["purge=yes"], 1),
    "all": (range(5), [], 0),
}


@some(
    "way, fault",
    [("marked", KILL), ("rewritten", KILL), ("rewritten", ENOSPC), ("purged", EIO), ("all", KILL)],
    product(DELETIONS, FAULTS),
)
def test_a_session_that_deletes(path, template, whole, way, fault):
    doomed, settings, left = DELETIONS[way]
    uids, kept = [uid(whole[n]) for n in doomed], [line for n, line in enumerate(whole) if n not in doomed]

    def make():
        return Archive(path, template, *settings)

    reference = make()
    size = reference.segments()[0].stat().st_size
    assert reference.run("delete", *uids).returncode == 0
    assert reference.list() == kept
    assert len(reference.segments()) == left
    if left:
        assert (reference.segments()[0].stat().st_size < size) == (way != "marked")
    for archive, done, place in faults.disturbed(make, fault, "delete", *uids, must_sync=way in ("marked", "purged")):
        seen = archive.see()
        assert [line for line in seen if line in kept] == kept, place
        assert [line for line in whole if line in seen] == seen, place  # the order, and nothing new
        if done.returncode == 0:
            assert seen == kept, place
        assert not place.startswith("fdatasync") or done.returncode != 0, "its error is not passed on"
        if done.returncode == 0 and way == "purged":
            assert archive.segments()[0].stat().st_size == reference_size(path, size, way), place
        # The next session does what was left undone.
        assert archive.run("delete", *uids).returncode == 0
        assert archive.list() == kept, place


def reference_size(path, size, way):
    """Of the first segment without its last message."""
    octets, at = (path / "00000001.mbox.gz").read_bytes(), 0
    members = 0
    while at < len(octets):
        at += int.from_bytes(octets[at + 24 : at + 32], "little")
        members += 1
    assert at == len(octets) < size and members == len(MESSAGES) - 1, way
    return at


def tear(torn, hint):
    """A crash left so much of a fifth member; hint: it is known where the fourth one ends."""

    def change(archive):
        segment = archive.segments()[0]
        octets, at = segment.read_bytes(), 0
        for _ in range(4):
            at += int.from_bytes(octets[at + 24 : at + 32], "little")
        os.truncate(segment, at)
        (archive.path / "restante.append").unlink()
        if hint:
            assert len(archive.list()) == 4
        segment.write_bytes(octets[: at + torn])

    return change


@some(
    "step, hint, fault",
    [("list", True, KILL), ("deliver", False, EIO)],
    product(["list", "deliver"], [True, False], FAULTS),
)
def test_cutting_a_torn_end(folder, path, template, whole, step, hint, fault):
    source = folder / "message"
    source.write_bytes(SMALL)
    words = [step, source] if step == "deliver" else [step]

    def make():
        return Archive(path, template, change=tear(100, hint))

    for archive, done, place in faults.disturbed(make, fault, *words, must_sync=False):
        seen = archive.see()
        assert seen[:4] == whole[:4], place
        assert len(seen) <= 5 and (len(seen) == 5 or step == "list" or done.returncode != 0), place
        assert hint or (path / "damaged").exists(), place
        assert archive.run("deliver", source).returncode == 0
        assert archive.list()[:-1] == seen, place


@some("fault", [KILL], FAULTS)
def test_a_compaction(path, template, whole, fault):
    """Of two segments: in one of them some are deleted, in the other all."""
    kept, doomed = [whole[0], whole[2]], [whole[1], whole[3], whole[4]]

    def make():
        archive = Archive(path, template)
        octets, at = archive.segments()[0].read_bytes(), 0
        for _ in range(3):
            at += int.from_bytes(octets[at + 24 : at + 32], "little")
        (path / "00000001.mbox.gz").write_bytes(octets[:at])
        (path / "00000002.mbox.gz").write_bytes(octets[at:])
        states = [bytearray(file.read_bytes()) for file in archive.segments()]
        for octets in states:
            at = 0
            while at < len(octets):
                if octets[at + 60 : at + 60 + octets[at + 19]].decode() in map(uid, doomed):
                    octets[at + 17] = 0xB3
                at += int.from_bytes(octets[at + 24 : at + 32], "little")
        for file, octets in zip(archive.segments(), states):
            file.write_bytes(octets)
            os.utime(file, (1700000000, 1700000000))  # long ago: an index may rely on it
        assert archive.list() == kept
        return archive

    reference = make()
    assert reference.run("compact").returncode == 0
    assert reference.see() == kept and len(reference.segments()) == 1
    size = reference.segments()[0].stat().st_size
    for archive, done, place in faults.disturbed(make, fault, "compact", must_sync=False):
        assert archive.see() == kept, place
        assert done.returncode != 0 or [s.stat().st_size for s in archive.segments()] == [size], place
        assert archive.run("compact").returncode == 0
        assert archive.see() == kept and [s.stat().st_size for s in archive.segments()] == [size], place


@some("fault", [KILL], FAULTS)
def test_a_repair_loses_no_octet(path, template, whole, fault):
    octets = b""

    def hurt(archive):
        """The second header, and the contents of the fourth."""
        nonlocal octets
        segment = archive.segments()[0]
        octets = bytearray(segment.read_bytes())
        starts = [0]
        while starts[-1] < len(octets):
            starts.append(starts[-1] + int.from_bytes(octets[starts[-1] + 24 : starts[-1] + 32], "little"))
        octets[starts[1] + 30] ^= 1
        octets[starts[3] + 200] ^= 1
        segment.write_bytes(octets)
        hurt.pieces = [bytes(octets[a:b]) for a, b in zip(starts, starts[1:])]

    expected = [whole[0], whole[2], whole[4]]
    for archive, done, place in faults.disturbed(lambda: Archive(path, template, change=hurt), fault, "maintain",
                                                 must_sync=False):
        there = b"".join(file.read_bytes() for file in archive.segments())
        aside = (path / "damaged").read_bytes() if (path / "damaged").exists() else b""
        assert all(piece in there or piece in aside for piece in hurt.pieces), place
        assert archive.run("maintain").returncode == 0, place
        assert archive.see() == expected, place


@some("fault", [EIO], FAULTS)
def test_a_session_that_reads(path, template, whole, fault):
    for archive, done, place in faults.disturbed(lambda: Archive(path, template), fault, "list", must_sync=False):
        if done.returncode == 0:  # what it was told is true, if it was not told of all
            told = done.stdout.splitlines()
            assert [line for line in whole if line in told] == told, place
        assert archive.see() == whole, place


@some("fault", [KILL], FAULTS)
def test_a_note(path, template, whole, fault):
    for archive, done, place in faults.disturbed(lambda: Archive(path, template), fault, "note", "second"):
        after = archive.run("note").stdout.strip()
        assert after in (["second"] if done.returncode == 0 else ["", "second"]), place
        assert archive.see() == whole, place
