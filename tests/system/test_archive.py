"""Archives: what goes in comes out again, through the whole server, and without Restante: by a reader of forty lines that
knows only restante-archive(5), by zcat and Python's mailbox, by grepmail and mutt.
"""

import gzip
import mailbox
import os
import poplib
import re
import shutil
import ssl
import subprocess

import archive_reader
import pytest
from restante import BUILD, ROOT, SANITIZED, corpus, samples, wire

SETTINGS = {"storage_archive": {"path": "~/archive", "segment_size": "256kB", "lock_wait": "2s"}}
PLUGIN = BUILD / ".libs/storage-archive.so"
STEP = BUILD / "storage-step"

pytestmark = pytest.mark.skipif(not PLUGIN.exists(), reason="no plugin as an object of its own")


def own(path, user):
    if ROOT:
        for p in [path, *path.rglob("*")]:
            os.chown(p, user.uid, user.uid)


def deliver(path, messages):
    """As a delivery agent does it, one by one."""
    source = path.with_name("message")
    for message in messages:
        source.write_bytes(message)
        subprocess.run([STEP, PLUGIN, path, "segment_size=256kB", "deliver", source], check=True)


@pytest.fixture(scope="module")
def mail():
    return corpus() if not SANITIZED else samples()


@pytest.fixture(scope="module")
def filled(folder, mail):
    """An archive of all of it, to be copied."""
    path = folder / "filled"
    deliver(path, mail)
    return path


@pytest.fixture
def user(server, name, filled):
    user = server.user(name, extra="storage=archive")
    user.archive = user.home / "archive"
    shutil.copytree(filled, user.archive)
    own(user.archive, user)
    return user


def alive(user):
    return list(archive_reader.archive(user.archive))


def uidls(client):
    return list(client.uids().values())


def test_each_message_is_sent_as_it_was_delivered(server, user, mail):
    with server.login(user) as c:
        assert c.stat() == (len(mail), sum(len(wire(m)) for m in mail))
        for n, message in enumerate(mail, 1):
            assert c.retr(n) == wire(message)
        assert c.quit().startswith(b"+OK")


def test_an_independent_reader_finds_the_same(server, user, mail):
    found = alive(user)
    assert [text for _, _, _, text in found] == mail
    assert [octets for _, _, octets, _ in found] == [len(wire(m)) for m in mail]
    with server.login(user) as c:
        assert uidls(c) == [uid for uid, _, _, _ in found]
        assert list(c.sizes().values()) == [octets for _, _, octets, _ in found]


def test_poplib_fetches_it_over_tls(server, user, mail):
    context = ssl.create_default_context(cafile=str(server.certificate))
    context.check_hostname = False
    client = poplib.POP3_SSL("127.0.0.1", server.tls_port, context=context)
    client.user(user.name)
    client.pass_(user.password)
    for n in (1, len(mail)):
        lines = client.retr(n)[1]
        assert b"".join(line + b"\r\n" for line in lines) == wire(mail[n - 1])
    client.quit()


def test_curl_fetches_it(server, user, mail):
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    url = f"pop3://127.0.0.1:{server.port}/{len(mail)}"
    got = subprocess.run(["curl", "-s", "-S", "--user", f"{user.name}:{user.password}", url], capture_output=True, check=True)
    assert got.stdout == wire(mail[-1])


# --- without Restante


def zcat(user, target):
    """What zcat makes of it. gzip itself is asked to test it, too."""
    segments = sorted(user.archive.glob("*.mbox.gz"))
    assert len(segments) > 1 or len(alive(user)) < 20
    subprocess.run(["gzip", "-t", *segments], check=True)
    with open(target, "wb") as file:
        subprocess.run(["zcat", *segments], check=True, stdout=file)
    return target


def as_mbox(message):
    """How a message reads in an mbox: its last line has an end."""
    return message if message.endswith(b"\n") or not message else message + (b"\r\n" if message.endswith(b"\r") else b"\n")


def unquoted(text):
    return re.sub(rb"(?m)^>(>*From )", rb"\1", text)


def test_zcat_makes_an_mbox_that_python_reads(user, mail, folder):
    box = mailbox.mbox(zcat(user, folder / "python.mbox"))
    assert len(box) == len(mail)
    for key, message in zip(box.keys(), mail):
        assert unquoted(box.get_bytes(key)) == as_mbox(message)
    box.close()


def test_zcat_makes_an_mbox_that_grepmail_counts(user, mail, folder):
    if not shutil.which("grepmail"):
        pytest.skip("grepmail is not installed")
    path = zcat(user, folder / "grepmail.mbox")
    done = subprocess.run(["grepmail", "-F", "-r", ".", path], capture_output=True, text=True, check=True)
    assert done.stdout == f"{path}: {len(mail)}\n"


def test_zcat_makes_an_mbox_that_mutt_counts(user, mail, folder):
    if not shutil.which("mutt") or not shutil.which("script"):
        pytest.skip("mutt is not installed (or script, which gives it a terminal)")
    path = zcat(user, folder / "mutt.mbox")
    (folder / "Mail").mkdir()  # or it asks whether it may
    command = f"mutt -n -F /dev/null -R -e 'set quit=yes' -e 'push <exit>' -f {path}"
    environment = {**os.environ, "TERM": "vt100", "HOME": str(folder)}
    done = subprocess.run(["script", "-qec", command, "/dev/null"], env=environment, capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=60)
    assert b"[Msgs:%d " % len(mail) in done.stdout


# --- deletion and damage


def test_quit_deletes_and_nothing_else_does(server, user, mail):
    before = alive(user)
    with server.login(user) as c:
        c.ok("DELE 1")
        c.ok("DELE 3")
        c.close()
    assert alive(user) == before
    with server.login(user) as c:
        c.ok("DELE 1")
        c.ok("DELE 3")
        assert c.quit().startswith(b"+OK")
    assert alive(user) == before[1:2] + before[3:]
    with server.login(user) as c:
        assert uidls(c) == [uid for uid, _, _, _ in alive(user)]


def test_all_deleted_leaves_no_segment(server, user, mail):
    with server.login(user) as c:
        for n in range(1, len(mail) + 1):
            c.ok(f"DELE {n}")
        assert c.quit().startswith(b"+OK")
    assert not list(user.archive.glob("*.mbox.gz"))
    with server.login(user) as c:
        assert c.stat() == (0, 0)


def flip(user, uid, at):
    """One bit of a member; at: from its end."""
    for path in user.archive.glob("*.mbox.gz"):
        octets = bytearray(path.read_bytes())
        where = octets.find(uid.encode())
        if where < 0:
            continue
        start = where - 60
        end = start + int.from_bytes(octets[start + 24 : start + 32], "little")
        octets[end - at] ^= 4
        path.write_bytes(octets)
        return
    raise AssertionError(uid)


def test_a_damaged_message_is_refused_and_the_others_are_not(server, user, mail):
    """Dovecot ends a message of damaged gzip with a normal dot: the client deletes what it never got."""
    server.expect("is damaged: the check sum is wrong")
    small = min((m for m in mail if 300 < len(m) < 60000), key=len)
    number = mail.index(small) + 1
    flip(user, alive(user)[number - 1][0], 7)
    with server.login(user) as c:
        c.err(f"RETR {number}", "SYS/PERM")
        for n in (number - 1 or 2, number + 1):
            assert c.retr(n) == wire(mail[n - 1])
        assert c.quit().startswith(b"+OK")


def test_a_large_damaged_message_breaks_off(server, name):
    server.expect("is damaged: the check sum is wrong")
    server.expect("read error|could not be read|broke off|end=")
    user = server.user(name, extra="storage=archive")
    user.archive = user.home / "archive"
    text = b"Subject: large\n\n" + b"".join(b"line %d\n" % n for n in range(60000))
    deliver(user.archive, [text, samples()[0]])
    flip(user, alive(user)[0][0], 8)
    own(user.archive, user)
    with server.login(user) as c:
        c.send(b"RETR 1\r\n")
        came = c.rest()
        assert came.startswith(b"+OK") and not came.endswith(b"\r\n.\r\n")
    with server.login(user) as c:
        assert c.top(1, 2).startswith(b"Subject: large\r\n\r\nline 0\r\n")
        assert c.retr(2) == wire(samples()[0])


def test_the_tools_check_and_repair(server, user, mail):
    uid = alive(user)[4][0]
    assert server.ctl("mailbox", "check", user.name).returncode == 0
    flip(user, uid, 20)
    done = server.ctl("mailbox", "check", user.name)
    assert done.returncode != 0 and uid in str(done.stderr)
    assert server.ctl("mailbox", "repair", user.name).returncode == 0
    assert server.ctl("mailbox", "check", user.name).returncode == 0
    assert [text for _, _, _, text in alive(user)] == mail[:4] + mail[5:]
    assert (user.archive / "damaged").stat().st_size > 60
