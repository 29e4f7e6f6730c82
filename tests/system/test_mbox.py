"""mbox files: what real clients get of them through the whole server, while other programs change them."""

import os
import random
import re
import shutil
import subprocess

import pytest
from restante import ROOT, SANITIZED, corpus, samples, wire

SETTINGS = {"storage_timeout": "5min", "storage_mbox": {"path": "~/mail/mbox", "state": "~/state", "lock_wait": "2s"}}
FROM = b"From sender@example.org Mon Nov 23 01:30:09 2026\n"


def quoted(message):
    """As mboxrd."""
    return re.sub(rb"^(>*From )", rb">\1", message, flags=re.M)


def entry(message, from_line=FROM):
    """What a delivery appends."""
    end = b"" if message.endswith(b"\n") else b"\n"
    return from_line + quoted(message) + end + b"\n"


def own(user, *paths):
    if ROOT:
        for path in paths:
            os.chown(path, user.uid, user.uid)


def mbox_user(server, name, **more):
    user = server.user(name, extra="storage=mbox", **more)
    folder = user.home / "mail"
    folder.mkdir()
    own(user, folder)
    user.mbox = folder / "mbox"
    return user


@pytest.fixture
def user(server, name):
    return mbox_user(server, name)


def fill(user, messages):
    user.mbox.write_bytes(b"".join(entry(m) for m in messages))
    own(user, user.mbox)


def whole(message):
    """A delivery completes the last line."""
    return message if message.endswith(b"\n") else message + b"\n"


def uidls(client):
    return list(client.uids().values())


def test_each_sample_is_sent_as_it_was_delivered(server, user):
    messages = samples()
    fill(user, messages)
    with server.login(user) as c:
        assert c.stat() == (len(messages), sum(len(wire(whole(m))) for m in messages))
        for n, message in enumerate(messages, 1):
            assert c.retr(n) == wire(whole(message))
        assert c.quit().startswith(b"+OK")


def test_no_file_is_an_empty_maildrop(server, user):
    with server.login(user) as c:
        assert c.stat() == (0, 0)
        assert c.quit().startswith(b"+OK")
    assert not user.mbox.exists()


def test_garbage_is_a_permanent_error_and_stays(server, user):
    user.mbox.write_bytes(b"not an mbox\n" + entry(b"a: b\n\nc\n"))
    own(user, user.mbox)
    before = user.mbox.stat()
    with server.connect() as c:
        c.command(f"USER {user.name}")
        assert c.command(f"PASS {user.password}").startswith(b"-ERR [SYS/PERM]")
    after = user.mbox.stat()
    assert (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
    server.wait_log(r"expected a From_ line at octet 0, found \"not an mbox")


@pytest.mark.skipif(SANITIZED, reason="reads 4 GiB, which takes minutes with sanitizers")
def test_messages_beyond_four_gigabytes_are_served_and_deleted(server, user):
    """Offsets and totals in 32 bits wrap there. The file has a hole, of which each octet is read once."""
    hole = 1 << 32
    with open(user.mbox, "wb") as f:
        f.write(FROM + b"Subject: one\n\n")
        f.seek(hole, os.SEEK_CUR)
        first = f.write(b"\n") and f.tell() - len(FROM)
        f.write(b"\n" + entry(b"Subject: two\n\nbody\n"))
        second = f.tell()
        f.write(entry(b"Subject: three\n\n"))
    own(user, user.mbox)
    with server.login(user, timeout=300) as c:
        assert c.sizes() == {1: first + 3, 2: 22, 3: 18}
        assert c.stat() == (3, first + 3 + 22 + 18)
        assert c.retr(2) == b"Subject: two\r\n\r\nbody\r\n"
        c.ok("DELE 3")
        assert c.quit().startswith(b"+OK")
    assert user.mbox.stat().st_size == second
    user.mbox.unlink()


def test_a_session_that_only_reads_never_writes(server, user):
    fill(user, samples())
    before = user.mbox.stat()
    for _ in range(2):
        with server.login(user) as c:
            for n in range(1, len(samples()) + 1):
                c.retr(n)
            c.command("DELE 1")
            c.command("RSET")
            assert c.quit().startswith(b"+OK")
    after = user.mbox.stat()
    assert (before.st_ino, before.st_mtime_ns, before.st_ctime_ns) == (
        after.st_ino, after.st_mtime_ns, after.st_ctime_ns)


def test_deleting_all_leaves_an_empty_file(server, user):
    fill(user, samples())
    mode = user.mbox.stat().st_mode
    with server.login(user) as c:
        for n in range(1, len(samples()) + 1):
            c.command(f"DELE {n}")
        assert c.quit().startswith(b"+OK")
    assert user.mbox.read_bytes() == b""
    assert user.mbox.stat().st_mode == mode


def test_quit_that_cannot_delete_says_so(server, user):
    """Courier and Cyrus say +OK. RFC 1939 section 6: -ERR some deleted messages not removed."""
    fill(user, samples())
    before = user.mbox.read_bytes()
    user.mbox.chmod(0o444)
    if ROOT:
        os.chown(user.mbox, 0, 0)
    with server.login(user) as c:
        c.ok("DELE 1")
        assert c.quit().startswith(b"-ERR")
    assert user.mbox.read_bytes() == before


def test_a_from_line_in_a_body_is_body(server, user):
    """Dovecot splits a message there, and writes its headers into the body."""
    body = b"Subject: one\n\nHe wrote:\n" + FROM + b"Subject: no header\n\nAnd:\n\nFrom me to you\n"
    two = b"Subject: two\n\n"
    user.mbox.write_bytes(entry(two) + FROM + body + b"\n" + entry(two))
    own(user, user.mbox)
    with server.login(user) as c:
        assert [c.retr(n) for n in c.sizes()] == [wire(m) for m in (two, body, two)]
        c.ok("DELE 1")
        c.ok("DELE 3")
        c.quit()
    assert user.mbox.read_bytes() == FROM + body + b"\n"


def test_mail_that_comes_while_a_session_lasts_stays(server, user):
    fill(user, [b"a: 1\n\none\n", b"a: 2\n\ntwo\n"])
    with server.login(user) as c:
        with open(user.mbox, "ab") as f:
            f.write(entry(b"a: 3\n\nthree\n"))
        assert c.stat()[0] == 2
        assert c.retr(2) == b"a: 2\r\n\r\ntwo\r\n"
        c.command("DELE 1")
        c.command("DELE 2")
        assert c.quit().startswith(b"+OK")
    assert user.mbox.read_bytes() == entry(b"a: 3\n\nthree\n")


def test_a_message_that_vanished_is_an_error_and_the_numbers_stay(server, user):
    one, two, three = b"a: 1\n\none\n", b"a: 2\n\ntwo\n", b"a: 3\n\nthree\n"
    fill(user, [one, two, three])
    with server.login(user) as c:
        fill(user, [one, three])
        assert c.command("RETR 2").startswith(b"-ERR")
        assert c.retr(3) == wire(three)
        c.command("DELE 3")
        assert c.quit().startswith(b"+OK")
    assert user.mbox.read_bytes() == entry(one)


def test_two_sessions_at_a_time_are_one_too_many(server, user):
    fill(user, samples())
    with server.login(user):
        with server.connect() as c:
            c.command(f"USER {user.name}")
            assert c.command(f"PASS {user.password}").startswith(b"-ERR [IN-USE]")


def test_a_dotlock_at_quit_deletes_nothing_and_says_so(server, user):
    fill(user, samples())
    lock = user.mbox.with_suffix(".lock")
    with server.login(user) as c:
        c.ok("DELE 1")
        lock.write_text(f"{os.getpid()}\n")
        assert c.quit().startswith(b"-ERR [SYS/TEMP]")
    lock.unlink()
    server.wait_log(rf"{user.mbox}: another program holds the lock")
    with server.login(user) as c:
        assert c.stat()[0] == len(samples())


def test_a_dotlock_of_another_program_is_waited_for(server, user):
    fill(user, samples())
    lock = user.mbox.with_suffix(".lock")
    lock.write_text(f"{os.getpid()}\n")
    with server.connect() as c:
        c.command(f"USER {user.name}")
        assert c.command(f"PASS {user.password}").startswith(b"-ERR [IN-USE]")
    lock.unlink()
    with server.login(user) as c:
        assert c.stat()[0] == len(samples())


def test_the_corpus_keeps_content_and_uidls_through_200_rounds(server, user):
    """Random deletions by the session and appends by a delivery; the index is lost now and then."""
    rnd = random.Random(3)
    messages = corpus()
    rnd.shuffle(messages)
    spare = messages[: len(messages) // 3]
    # As MTAs deliver: some at once. Twins are in it too.
    there = [(m, None) for m in messages[len(spare):] + messages[-3:]]
    fill(user, [m for m, _ in there])
    for turn in range(200):
        with server.login(user) as c:
            ids = uidls(c)
            assert len(ids) == len(there) and len(set(ids)) == len(ids)
            for (message, known), now in zip(there, ids):
                assert known in (None, now)
            there = [(m, i) for (m, _), i in zip(there, ids)]
            assert list(c.sizes().values()) == [len(wire(whole(m))) for m, _ in there]
            every = range(1, len(there) + 1)
            for n in every if turn in (0, 199) else rnd.sample(every, min(5, len(there))):
                assert c.retr(n) == wire(whole(there[n - 1][0]))
            fresh = [rnd.choice(spare) for _ in range(rnd.randint(0, 3))]
            gone = rnd.sample(range(len(there)), rnd.randint(0, min(3, len(there))))
            with open(user.mbox, "ab") as f:
                f.write(b"".join(entry(m) for m in fresh))
            for n in gone:
                c.command(f"DELE {n + 1}")
            assert c.quit().startswith(b"+OK")
        there = [t for n, t in enumerate(there) if n not in gone] + [(m, None) for m in fresh]
        if turn % 7 == 3:
            (user.home / "state/mbox.index").unlink(missing_ok=True)


MUTT = (
    "set folder=. quit=yes delete=yes move=no;"
    "push <first-entry><display-message><exit><last-entry><previous-entry><delete-message><sync-mailbox><quit>"
)


def as_user(user, *command, **more):
    """Another mail program, as the user; mutt gets a terminal."""
    ids = {"user": user.uid, "group": user.uid, "extra_groups": []} if ROOT else {}
    env = {"HOME": str(user.home), "PATH": os.environ["PATH"], "TERM": "vt100"}
    subprocess.run(command, cwd=user.home, env=env, timeout=20, check=True, capture_output=True, **ids, **more)


@pytest.mark.parametrize("program", ["mail.mailutils", "mutt"])
def test_uidls_survive_what_other_programs_rewrite(server, name, program):
    if not shutil.which(program):
        pytest.skip(f"needs {program}")
    user = mbox_user(server, name, uid=65534 if ROOT else None)  # of a name that the programs can find out
    header = b"From: a@example.org\nDate: Mon, 23 Nov 2026 01:30:09 +0000\n"
    fill(user, [header + b"Subject: %d\nMessage-ID: <%d@x>\n\ntext %d\n" % (n, n, n) for n in range(4)])
    with server.login(user) as c:
        before = uidls(c)
    old = user.mbox.read_bytes()
    # Each opens the file, reads the first message, deletes the third and writes the file.
    if program == "mutt":
        mutt = f"mutt -n -F /dev/null -f {user.mbox} -e '{MUTT}'"
        as_user(user, "script", "-qec", mutt, "/dev/null", stdin=subprocess.DEVNULL)
    else:
        as_user(user, program, "-f", str(user.mbox), input=b"print 1\ndelete 3\nquit\n")
    new = user.mbox.read_bytes()
    assert new != old and b"Status:" in new
    with server.login(user) as c:
        assert uidls(c) == [before[n] for n in (0, 1, 3)]
