"""restante-deliver as an MTA calls it: exit status, what it says, what lies in the mailbox afterwards."""

import os
import re
import subprocess

import pytest
import restante
from restante import BUILD, ROOT, corpus, wire

OK, DATAERR, NOUSER, TEMPFAIL = 0, 65, 67, 75  # sysexits.h
MESSAGE = b"Subject: one\nMessage-ID: <1@test.example>\n\nbody\n"
STORAGES = ["maildir", "mbox"] + ["archive"] * (BUILD / ".libs/storage-archive.so").exists()
needs_root = pytest.mark.skipif(not ROOT, reason="without root there is one uid")


@pytest.fixture(scope="module")
def site(folder):
    """A configuration and users; no server runs: none is needed."""
    storages = {"storage_mbox": {"path": "~/mbox", "state": "~/state"}}
    if "archive" in STORAGES:
        storages["storage_archive"] = {"path": "~/archive"}
    site = restante.Server(folder, start=False, **storages)
    site.write_conf(message_size_limit="1MB")
    return site


def deliver(site, *words, message=MESSAGE, **more):
    done = subprocess.run(
        [BUILD / "restante-deliver", "-c", site.conf, *words], input=message, capture_output=True, timeout=60, **more
    )
    done.log = done.stderr.decode()
    return done


def only(user):
    """The one message in the user's Maildir."""
    (path,) = user.files().values()
    return path.read_bytes()


def test_a_message_is_stored_with_its_trace(site, name):
    user = site.user(name)
    done = deliver(site, "-d", name, "-f", "sender@test.example")
    assert (done.returncode, done.stdout) == (OK, b"")
    head = f"Return-Path: <sender@test.example>\nDelivered-To: {name}\n".encode()
    assert only(user) == head + MESSAGE
    assert re.search(
        rf"delivery user={name} to={name} from=sender@test.example octets={len(MESSAGE)} msgid=<1@test.example>"
        " storage=storage-maildir result=ok",
        done.log,
    )
    if ROOT:
        (path,) = user.files().values()
        assert (path.stat().st_uid, path.stat().st_mode & 0o777) == (user.uid, 0o600)


def test_the_null_sender_is_told_as_such(site, name):
    """RFC 5321 section 4.5.5; Postfix's pipe gives "" or, with null_sender, another name."""
    for sender in ([], ["-f", ""], ["-f", "<>"]):
        user = site.user(name + str(len(sender)) + "".join(sender[1:]).strip("<>-") + str(id(sender)))
        assert deliver(site, "-d", user.name, *sender).returncode == OK
        assert only(user).startswith(b"Return-Path: <>\n")


def test_an_extension_is_told_and_changes_nothing_else(site, name):
    user = site.user(name)
    assert deliver(site, "-d", name, "-a", "list").returncode == OK
    assert b"\nDelivered-To: %s+list\n" % name.encode() in only(user)


def test_a_from_line_and_an_older_return_path_give_way(site, name):
    user = site.user(name)
    old = b"From sender@test.example Mon Nov 23 10:00:00 2026\nReturn-Path:\n <older@test.example>\n"
    assert deliver(site, "-d", name, message=old + MESSAGE).returncode == OK
    assert only(user) == b"Return-Path: <>\nDelivered-To: %s\n" % name.encode() + MESSAGE


def test_line_ends_stay_as_they_come(site, name):
    user = site.user(name)
    message = MESSAGE.replace(b"\n", b"\r\n") + b"bare\nand CR\r in between"
    assert deliver(site, "-d", name, message=message).returncode == OK
    assert only(user) == b"Return-Path: <>\r\nDelivered-To: %s\r\n" % name.encode() + message


def test_text_without_a_header_does_not_become_one(site, name):
    user = site.user(name)
    assert deliver(site, "-d", name, message=b"just text\n").returncode == OK
    assert only(user).endswith(b"\n\njust text\n")


@pytest.mark.parametrize("storage", STORAGES)
def test_the_corpus_comes_out_of_the_mailbox_octet_by_octet(site, name, storage):
    user = site.user(name, extra=f"storage={storage}")
    messages = corpus()[:: 1 if os.environ.get("RESTANTE_LONG") else 7]
    for message in messages:
        assert deliver(site, "-d", name, message=message).returncode == OK
    site.start()
    try:
        with site.login(user) as c:
            assert c.stat()[0] == len(messages)
            for number, message in enumerate(messages, 1):
                stored = re.sub(rb"\AFrom .*\n", b"", message)
                while stored.lower().startswith(b"return-path:"):
                    stored = re.sub(rb"\A.*\n(?:[ \t].*\n)*", b"", stored)
                assert c.retr(number).endswith(wire(stored)), number
            c.quit()
    finally:
        site.stop()


# --- what an MTA has to know


def test_an_unknown_user_bounces(site):
    done = deliver(site, "-d", "nobody-of-that-name")
    assert done.returncode == NOUSER
    assert done.stdout.startswith(b"5.1.1 nobody-of-that-name: ")


@needs_root
def test_a_user_whose_uid_may_have_no_mailbox_bounces(site, name):
    site.user(name, uid=999)
    done = deliver(site, "-d", name)
    assert done.returncode == NOUSER and done.stdout.startswith(b"5.2.1 ")
    assert "first_valid_uid" in done.log


def test_a_message_that_was_here_before_bounces(site, name):
    """Delivered-To in the header is a loop; in the body, or somebody else's, it is not."""
    user = site.user(name)
    field = b"X: y\ndelivered-to :\n  %s\n" % name.encode()
    done = deliver(site, "-d", name, message=field + MESSAGE)
    assert done.returncode == DATAERR and done.stdout.startswith(b"5.4.6 ")
    assert not user.files()
    assert deliver(site, "-d", name, "-a", "x", message=field + MESSAGE).returncode == OK
    assert deliver(site, "-d", name, message=MESSAGE + field).returncode == OK


def test_a_message_over_the_limit_bounces_and_one_at_it_does_not(site, name):
    user = site.user(name)
    whole = MESSAGE + b"x" * ((1 << 20) - len(MESSAGE))
    done = deliver(site, "-d", name, message=whole + b"y")
    assert done.returncode == DATAERR and done.stdout.startswith(b"5.3.4 ")
    assert not user.files()
    assert deliver(site, "-d", name, message=whole).returncode == OK


def test_several_users_get_it_and_a_failure_that_passes_wins(site, name):
    first, second = site.user(name + "a"), site.user(name + "b")
    assert deliver(site, "-d", first.name, "-d", second.name).returncode == OK
    assert only(first).replace(first.name.encode(), b"") == only(second).replace(second.name.encode(), b"")
    done = deliver(site, "-d", "unknown", "-d", first.name)
    assert done.returncode == NOUSER and len(first.files()) == 2
    site.user(name + "c", extra="storage=nonesuch")
    done = deliver(site, "-d", "unknown", "-d", name + "c")
    assert done.returncode == TEMPFAIL
    assert [line[:5] for line in done.stdout.splitlines()] == [b"4.3.5", b"5.1.1"]


def test_a_mistake_in_the_configuration_defers(site, name):
    site.user(name)
    site.write_conf(nonsense=1)
    done = deliver(site, "-d", name)
    site.write_conf(nonsense=None)
    assert done.returncode == TEMPFAIL and "nonsense" in done.log
    assert done.stdout.startswith(b"4.3.5 ")


@pytest.mark.parametrize("words", [[], ["-d"], ["-x"], ["-d", "a", "b"]])
def test_a_mistake_in_the_words_defers(site, words):
    done = deliver(site, *words)
    assert done.returncode == TEMPFAIL and "usage:" in done.log


@pytest.fixture
def small_disk(site, name):
    """A file system of 256 KB as the user's home."""
    user = site.user(name)
    options = f"size=256k,mode=700,uid={user.uid},gid={user.uid}"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", user.home], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no file system can be mounted: {done.stderr}")
    yield user
    subprocess.run(["umount", user.home], check=True)


@needs_root
@pytest.mark.parametrize("storage", STORAGES)
def test_a_disk_that_is_full_defers_and_leaves_nothing(site, name, small_disk, storage):
    fields = site.users[name][1].rsplit(":", 1)[0]
    site.users[name] = small_disk, f"{fields}:storage={storage}"
    site.write_passwd()
    big = MESSAGE + os.urandom(450000).hex("\n", 30).encode()

    def files():
        """Those with mail."""
        paths = [p for p in small_disk.home.rglob("*") if p.is_file() and "restante." not in p.name]
        return {p: p.read_bytes() for p in paths if small_disk.home / "state" not in p.parents}

    assert deliver(site, "-d", name).returncode == OK
    before = files()
    assert len(before) == 1
    done = deliver(site, "-d", name, message=big)
    assert done.returncode == TEMPFAIL and done.stdout.startswith(b"4.2.2"), done
    assert files() == before


@needs_root
def test_a_user_can_deliver_to_himself_and_to_nobody_else(site, name):
    """Postfix's mailbox_command runs as the recipient: what it may read has to be readable to him."""
    me, other = site.user(name + "me"), site.user(name + "other")
    site.passwd.chmod(0o644)
    assert deliver(site, "-d", me.name, user=me.uid, group=me.uid, extra_groups=[]).returncode == OK
    assert len(me.files()) == 1
    done = deliver(site, "-d", other.name, user=me.uid, group=me.uid, extra_groups=[])
    assert done.returncode == TEMPFAIL and "only root and uid" in done.log
    site.passwd.chmod(0o600)
    done = deliver(site, "-d", me.name, user=me.uid, group=me.uid, extra_groups=[])
    assert done.returncode == TEMPFAIL


@needs_root
def test_the_delivery_runs_as_the_user_and_sees_his_mailbox_only(site, name):
    """A Maildir that is a link to another user's folder stays closed: the uid, and Landlock, say so."""
    user, victim = site.user(name + "u"), site.user(name + "v")
    for sub in ("new", "cur", "tmp"):
        (user.maildir / sub).rmdir()
        (user.maildir / sub).symlink_to(victim.maildir / sub)
    done = deliver(site, "-d", user.name)
    assert done.returncode == TEMPFAIL
    assert not victim.files()
