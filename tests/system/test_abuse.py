"""Clients that misbehave: they harm nobody but themselves."""

import socket
import time

import pytest
from restante import PASSWORD, ROOT, SANITIZED, Closed, eventually, unstuff, wire

MESSAGE = b"Subject: one\n\nbody\n"
SETTINGS = {"max_auth_failures": 100, "max_connections_per_address": 0}


def memory(server):
    return sum(p.private_kb() for p in server.tree() if p.alive())


def still_serves(server):
    with server.connect() as c:
        c.ok("CAPA")
        c.body()
        assert c.quit().startswith(b"+OK")


# --- lines


@pytest.mark.parametrize("logged_in", [False, True], ids=["before login", "in a session"])
def test_a_line_too_long_gets_one_refusal_and_its_tail_is_never_run(server, name, logged_in):
    """RFC 2449 section 4: 255 octets."""
    user = server.user(name, [MESSAGE])
    with server.login(user) if logged_in else server.connect() as c:
        c.send(b"NOOP " + b"x" * 1000 + b"\rDELE 1\r\nQUIT\r\n")
        assert c.line().startswith(b"-ERR")
        assert c.line().startswith(b"+OK")
        assert c.rest() == b""
    assert len(user.files()) == 1


def test_a_line_of_255_octets_is_taken_and_one_of_256_is_not(server, name):
    server.user(name)
    with server.connect() as c:
        c.ok("USER " + "u" * 248)
        c.err("USER " + "u" * 249)


@pytest.mark.parametrize("logged_in", [False, True], ids=["before login", "in a session"])
def test_ten_megabytes_without_a_newline_are_one_refusal_and_cost_no_memory(server, name, logged_in):
    user = server.user(name, [MESSAGE])
    with server.login(user) if logged_in else server.connect() as c:
        before = memory(server)
        for _ in range(160):
            c.send(b"DELE 1 \0" * 8192)
        grown = memory(server) - before
        c.send(b"\r\nCAPA\r\n")
        assert c.line().startswith(b"-ERR")
        assert c.line().startswith(b"+OK")
        c.body()
        assert SANITIZED or grown < 1024, f"{grown} KB"


@pytest.mark.parametrize("logged_in", [False, True], ids=["before login", "in a session"])
def test_nuls_are_refused(server, name, logged_in):
    user = server.user(name, [MESSAGE])
    with server.login(user) if logged_in else server.connect() as c:
        for line in (b"\0", b"DELE\0 1", b"DELE 1\0", b"\0" * 200, b"CAPA\0x"):
            c.err(line)
        c.ok("CAPA")
        c.body()
        c.quit()
    assert len(user.files()) == 1


def test_a_name_or_password_with_nul_is_refused(server, name):
    server.user(name)
    with server.connect() as c:
        c.err(f"USER {name}\0x")
        c.ok(f"USER {name}")
        c.err(f"PASS {PASSWORD}\0x")


def test_random_octets_are_refused_or_end_the_connection(server):
    import random

    r = random.Random(4)
    for _ in range(30):
        with server.connect() as c:
            try:
                c.send(bytes(r.randrange(256) for _ in range(3000)) + b"\r\nQUIT\r\n")
            except OSError:
                pass
            assert b"+OK" in c.rest() or c.seen
    still_serves(server)


def test_nothing_but_wrong_commands_ends_the_connection_at_last(server):
    with server.connect() as c:
        replies = 0
        try:
            for _ in range(10000):
                c.err("XYZZY")
                replies += 1
        except (Closed, BrokenPipeError, ConnectionResetError):
            pass
        assert replies < 10000


# --- connections


def test_a_half_closed_connection_still_gets_its_replies(server, name):
    """A client may shut its side down behind QUIT, as nc -N does."""
    user = server.user(name, [MESSAGE])
    with server.connect() as c:
        c.send(f"USER {name}\r\nPASS {user.password}\r\nRETR 1\r\nQUIT\r\n".encode())
        c.sock.shutdown(socket.SHUT_WR)
        assert wire(MESSAGE) + b".\r\n+OK" in c.rest()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_half_closed_connection_without_quit_deletes_nothing_and_ends(server, name, tls):
    user = server.user(name, [MESSAGE])
    with server.login(user, tls) as c:
        c.ok("DELE 1")
        c.sock.shutdown(socket.SHUT_WR)
        c.rest()
    assert len(user.files()) == 1


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("when", ["greeted", "user given", "logged in", "in a message"])
def test_a_reset_connection_leaves_nothing_behind(server, name, tls, when):
    user = server.user(name, [b"x" * 70 + b"\n" * 200000])
    before = {p.pid for p in server.tree()}
    c = server.connect(tls)
    if when == "user given":
        c.ok(f"USER {name}")
    elif when != "greeted":
        c.login(user)
    if when == "in a message":
        c.send(b"RETR 1\r\n" * 3)
        c.line()
    if tls:
        c.sock = socket.socket(fileno=c.sock.detach())
    c.reset()
    eventually(lambda: {p.pid for p in server.tree()} <= before, what="the end of the session")
    assert len(user.files()) == 1
    with server.login(user) as again:
        assert again.stat()[0] == 1


def test_connections_that_say_nothing_do_not_keep_others_out(server, name):
    user = server.user(name, [MESSAGE])
    silent = [server.connect(tls=False, greeting=False) for _ in range(200)]
    silent += [socket.create_connection(("127.0.0.1", server.tls_port)) for _ in range(100)]
    start = time.monotonic()
    with server.login(user, tls=True) as c:
        assert c.stat()[0] == 1
    assert time.monotonic() - start < 5
    for s in silent:
        s.close()


@pytest.mark.parametrize("line", ["GET / HTTP/1.1", "POST / HTTP/1.1", "EHLO x"])
def test_another_protocol_is_refused_at_once(server, line):
    """Cross-protocol attacks: a browser can be made to send a whole POP3 session behind a request line."""
    with server.connect() as c:
        c.send(f"{line}\r\nHost: x\r\n\r\nUSER x\r\nPASS y\r\n".encode())
        if line != "EHLO x":
            assert b"+OK" not in c.rest()
        else:
            assert c.line().startswith(b"-ERR")


def test_http_on_the_tls_port_ends_the_connection(server):
    with socket.create_connection(("127.0.0.1", server.tls_port), 10) as s:
        s.sendall(b"GET / HTTP/1.1\r\n\r\n")
        try:
            while s.recv(4096):
                pass
        except ConnectionResetError:
            pass
    still_serves(server)


# --- a client that stops reading


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_client_that_stops_reading_a_large_message_costs_no_memory_and_holds_up_nobody(server, name, tls):
    big = b"Subject: big\n\n" + (b"0123456789" * 7 + b"\n") * 300000  # 21 MB
    user = server.user(name, [big])
    other = server.user(name + "other", [MESSAGE])
    with server.login(user, tls) as c:
        c.ok("STAT")
        before = memory(server)
        c.send(b"RETR 1\r\n")
        time.sleep(1)
        grown = memory(server) - before
        with server.login(other, tls) as d:
            start = time.monotonic()
            for _ in range(20):
                d.retr(1)
            assert time.monotonic() - start < 2
            d.quit()
        assert SANITIZED or grown < 2048, f"{grown} KB"
        assert c.line().startswith(b"+OK")
        assert unstuff(c.body()) == wire(big)


def test_a_client_that_sends_commands_and_never_reads_is_held_back(server, name):
    """Replies wait in the sockets; the server does not pile them up."""
    user = server.user(name, [b"Subject: x\n\n" + b"y" * 1000 + b"\n"])
    with server.login(user) as c:
        before = memory(server)
        c.sock.settimeout(2)
        sent = 0
        try:
            while sent < 5_000_000:
                sent += c.sock.send(b"RETR 1\r\n" * 1000)
        except TimeoutError:
            pass
        assert sent < 5_000_000
        assert SANITIZED or memory(server) - before < 2048
    still_serves(server)


def test_pass_is_not_answered_before_the_mailbox_is_open(server, name):
    """Dovecot says +OK first: RFC 1939 section 4 wants the lock before."""
    user = server.user(name)
    user.maildir.rename(user.home / "gone")
    user.maildir.write_bytes(b"not a folder")
    with server.connect() as c:
        c.ok(f"USER {name}")
        assert c.command(f"PASS {user.password}").startswith(b"-ERR [SYS/")


@pytest.mark.skipif(not ROOT, reason="needs files of another uid")
def test_a_mailbox_that_belongs_to_somebody_else_is_refused(server, name):
    import os

    user = server.user(name, [MESSAGE])
    for path in (user.maildir, user.maildir / "cur", user.maildir / "new", user.maildir / "tmp"):
        os.chown(path, 29999, 29999)
    with server.connect() as c:
        c.ok(f"USER {name}")
        assert c.command(f"PASS {user.password}").startswith(b"-ERR [SYS/")


def test_a_dead_session_process_costs_its_own_client_alone(server, name):
    import os
    import signal

    server.expect(r"signal 9|killed|SIGKILL")
    user = server.user(name, [MESSAGE])
    other = server.user(name + "other", [MESSAGE])
    with server.login(other) as d:
        before = {p.pid for p in server.tree()}
        with server.login(user) as c:
            c.ok("DELE 1")
            session = [p for p in server.tree() if p.pid not in before]
            assert len(session) == 1, "one process a session"
            os.kill(session[0].pid, signal.SIGKILL)
            assert c.rest() == b""
        d.ok("NOOP")
    assert len(user.files()) == 1
