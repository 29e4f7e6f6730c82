"""A mailbox from login to its end: exclusive access, deletion, unique-ids, the line in the log. RFC 1939 sections 4, 6, 7."""

import os
import re
import socket
import time

import pytest
from restante import ROOT, client_context, eventually, wire

MESSAGE = b"Subject: one\n\nbody\n"


# --- deletion happens in one way only


def test_quit_deletes_what_was_marked_and_nothing_else(server, name):
    user = server.user(name, [b"Subject: %d\n\n" % i for i in range(5)])
    files = sorted(user.files())
    with server.login(user) as c:
        c.ok("DELE 2")
        c.ok("DELE 4")
        c.quit()
    assert sorted(user.files()) == [files[0], files[2], files[4]]


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("how", ["close", "reset", "half a QUIT", "QUIT without a line end"])
def test_a_connection_that_breaks_deletes_nothing(server, name, tls, how):
    """RFC 1939 section 6: without QUIT no UPDATE state."""
    user = server.user(name, [MESSAGE] * 2)
    c = server.login(user, tls)
    c.ok("DELE 1")
    if how == "half a QUIT":
        c.send(b"QU")
    elif how == "QUIT without a line end":
        c.send(b"QUIT")
    if how == "reset":
        c.sock = socket.socket(fileno=c.sock.detach())
        c.reset()
    c.close()
    with server.login(user) as again:
        assert again.stat()[0] == 2


def test_quit_that_cannot_delete_says_so(server, name):
    """Courier and Cyrus say +OK. RFC 1939 section 6: -ERR some deleted messages not removed."""
    user = server.user(name, [MESSAGE] * 2)
    with server.login(user) as c:
        c.ok("DELE 1")
        for sub in ("new", "cur"):
            if ROOT:
                os.chown(user.maildir / sub, 0, 0)
            (user.maildir / sub).chmod(0o555)
        reply = c.command("QUIT")
        for sub in ("new", "cur"):
            (user.maildir / sub).chmod(0o755)
        assert reply.startswith(b"-ERR"), reply
    assert len(user.files()) == 2


def test_a_message_that_another_program_removed_counts_as_deleted(server, name):
    user = server.user(name, [MESSAGE] * 2)
    with server.login(user) as c:
        c.ok("DELE 1")
        for path in user.files().values():
            path.unlink()
        assert c.quit().startswith(b"+OK")


def test_a_message_that_another_program_flagged_is_still_found(server, name):
    user = server.user(name, [MESSAGE, b"Subject: two\n\n"])
    with server.login(user) as c:
        for path in list(user.files().values()):
            path.rename(user.maildir / "cur" / (path.name.split(":2,")[0] + ":2,RS"))
        assert c.retr(1) == wire(MESSAGE)
        c.ok("DELE 2")
        assert c.quit().startswith(b"+OK")
    assert len(user.files()) == 1


# --- one session at a time


def test_a_second_session_is_told_in_use(server, name):
    """RFC 2449 section 8.1.1; and AUTH-RESP-CODE has nothing to do with it: the password was right."""
    user = server.user(name, [MESSAGE])
    with server.login(user) as first:
        with server.connect() as second:
            second.ok(f"USER {name}")
            second.err(f"PASS {user.password}", "IN-USE")
            assert second.rest() == b""
        first.quit()
    with server.login(user) as third:
        assert third.stat()[0] == 1


def test_the_next_session_may_begin_as_soon_as_quit_is_answered(server, name):
    user = server.user(name, [MESSAGE])
    for _ in range(20):
        with server.login(user) as c:
            c.command("QUIT")


def test_two_users_do_not_wait_for_each_other(server, name):
    a, b = server.user(name + "a", [MESSAGE]), server.user(name + "b", [MESSAGE])
    with server.login(a), server.login(b) as second:
        assert second.stat()[0] == 1


# --- unique-ids


def test_unique_ids_are_legal_unique_and_stay(server, name):
    """RFC 1939 section 7: 1 to 70 octets from 0x21 to 0x7e; the same in every session."""
    user = server.user(name, [MESSAGE] * 50)
    seen = []
    for _ in range(2):
        with server.login(user) as c:
            seen.append(c.uids())
            c.quit()
    assert seen[0] == seen[1]
    assert len(set(seen[0].values())) == 50
    assert all(re.fullmatch(r"[\x21-\x7e]{1,70}", uid) for uid in seen[0].values())


def test_unique_ids_survive_flags_and_the_move_to_cur(server, name):
    user = server.user(name, [MESSAGE] * 3)
    with server.login(user) as c:
        before = set(c.uids().values())
        c.quit()
    for path in list(user.files().values()):
        path.rename(user.maildir / "cur" / (path.name.split(":2,")[0] + ":2,FS"))
    with server.login(user) as c:
        assert set(c.uids().values()) == before


@pytest.mark.parametrize(
    "file_name",
    ["1.%s.host" % ("x" * 200), "1700000001.M1 P1.with space", "1700000002.M1P1.\u00fc\u00f6", "1700000003.\x01\x7f"],
    ids=["long", "space", "8-bit", "control"],
)
def test_a_file_name_that_is_no_legal_unique_id_gets_one(server, name, file_name):
    user = server.user(name)
    user.deliver(MESSAGE, name=file_name)
    user.deliver(MESSAGE, name=file_name[:-1] + "z")
    seen = []
    for _ in range(2):
        with server.login(user) as c:
            seen.append(c.uids())
            assert c.retr(1) == wire(MESSAGE)
            c.quit()
    assert seen[0] == seen[1]
    assert len(set(seen[0].values())) == 2
    assert all(re.fullmatch(r"[\x21-\x7e]{1,70}", uid) for uid in seen[0].values())


def test_the_same_message_delivered_twice_has_two_unique_ids(server, name):
    """Dovecot's md5 UIDLs collide."""
    with server.login(server.user(name, [MESSAGE, MESSAGE])) as c:
        assert len(set(c.uids().values())) == 2


def test_a_sender_cannot_choose_the_unique_id(server, name):
    """Dovecot with pop3_reuse_xuidl sent an illegal one."""
    with server.login(server.user(name, [b"X-UIDL: chosen by me\nX-UID: 7\nSubject: x\n\n"])) as c:
        assert "chosen" not in c.uids()[1]


def test_a_session_that_only_reads_changes_no_message_file(server, name):
    """Dovecot rewrites mailboxes that were only read."""
    user = server.user(name, [MESSAGE] * 3)
    before = {n: p.read_bytes() for n, p in user.files().items()}
    with server.login(user) as c:
        c.retr(1)
        c.top(2, 1)
        c.quit()
    assert {n: p.read_bytes() for n, p in user.files().items()} == before


# --- the line in the log


def test_a_session_ends_with_one_line_that_counts(server, name):
    user = server.user(name, [MESSAGE] * 3)
    with server.login(user) as c:
        octets = sum(len(c.retr(n)) for n in (1, 2))
        c.ok("DELE 1")
        c.quit()
    (line,) = eventually(lambda: server.session_lines(name))
    assert line["ip"] == "127.0.0.1"
    assert line["retrieved"].startswith("2")
    assert str(octets) in "".join(line.values())
    assert line["deleted"] == "1"
    assert line["left"].startswith("2")


def test_the_line_tells_the_tls_version(server, name):
    with server.login(server.user(name, [MESSAGE]), tls=True) as c:
        c.quit()
    (line,) = eventually(lambda: server.session_lines(name))
    assert "TLSv1.3" in line["tls"]


def test_the_line_of_a_broken_connection_says_so(server, name):
    user = server.user(name, [MESSAGE])
    with server.login(user) as c:
        c.ok("DELE 1")
    (line,) = eventually(lambda: server.session_lines(name))
    assert line["deleted"] == "0"
    assert "quit" not in line["why"].lower()


def test_no_password_reaches_the_log(server, name):
    user = server.user(name, password="s3cret-in-no-log")
    with server.login(user) as c:
        c.quit()
    with server.connect() as c:
        c.ok(f"USER {name}")
        c.err("PASS s3cret-but-wrong")
        c.err("PASS")
        c.err("s3cret-as-command")
        c.err("USER s3cret-\x01")
    with server.connect() as c:
        c.err("AUTH PLAIN AHMzY3JldABzM2NyZXQ=")
    eventually(lambda: server.session_lines(name))
    assert "s3cret-in" not in server.log() and "s3cret-but" not in server.log() and "s3cret-as" not in server.log()


def test_a_name_cannot_forge_a_line_of_the_log(server):
    with server.connect() as c:
        c.command('USER x" why=quit user=root')
        c.command("PASS y")
        c.command("USER x\x1b[2J")
        c.command("PASS y")
    time.sleep(0.1)
    assert "\x1b" not in server.log()
    assert not server.session_lines("root")


# --- speed as a client feels it


def test_no_reply_waits_for_an_acknowledgement(server, name):
    """Nagle against delayed ACK costs 40 ms a command: Courier, Cyrus and popa3d."""
    user = server.user(name, [b"Subject: x\n\n" + b"y" * 5000 + b"\n"] * 50)
    for tls in (False, True):
        with server.login(user, tls) as c:
            start = time.monotonic()
            for n in range(1, 51):
                c.retr(n)
            assert time.monotonic() - start < 1, "50 messages of 5 KB take 40 ms each"
            c.quit()


def test_tls_sessions_of_many_users_run_side_by_side(server, name):
    users = [server.user(f"{name}-{i}", [MESSAGE]) for i in range(20)]
    clients = [server.login(u, tls=client_context()) for u in users]
    for c in clients:
        c.send(b"RETR 1\r\nQUIT\r\n")
    for c in clients:
        assert c.rest().count(b"+OK") == 2
        c.close()
