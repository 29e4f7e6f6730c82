"""Time-outs and limits on connections. RFC 1939 section 3 (autologout), RFC 3206 for [SYS/TEMP]."""

import time

import pytest
from restante import Server, client_context, eventually

MESSAGE = b"Subject: one\n\nbody\n"
SETTINGS = {
    "login_timeout": "2s",
    "idle_timeout": "2s",
    "max_connections": 12,
    "max_connections_per_address": 6,
}


def seconds_until_the_end(c):
    start = time.monotonic()
    last = c.rest()
    return time.monotonic() - start, last


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_client_that_does_not_log_in_is_sent_away(server, tls):
    with server.connect(tls) as c:
        seconds, _ = seconds_until_the_end(c)
    assert 1 < seconds < 5


def test_commands_do_not_prolong_the_time_to_log_in(server):
    start = time.monotonic()
    with server.connect() as c:
        while time.monotonic() - start < 8:
            try:
                c.send(b"CAPA\r\n")
                if not c.more():
                    break
            except OSError:
                break
            time.sleep(0.3)
    assert time.monotonic() - start < 6


def test_a_tls_handshake_that_never_comes_is_given_up(server):
    with server.connect() as c:
        c.ok("STLS")
        seconds, _ = seconds_until_the_end(c)
    assert seconds < 5


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_an_idle_session_ends_and_deletes_nothing(server, name, tls):
    """RFC 1939 section 3: when the timer expires, the session does NOT enter the UPDATE state."""
    user = server.user(name, [MESSAGE])
    with server.login(user, tls) as c:
        c.ok("DELE 1")
        seconds, _ = seconds_until_the_end(c)
    assert 1 < seconds < 5
    assert len(user.files()) == 1
    (line,) = eventually(lambda: server.session_lines(name))
    assert line["why"] == "idle"


def test_a_session_that_works_is_not_idle(server, name):
    with server.login(server.user(name, [MESSAGE])) as c:
        for _ in range(10):
            c.ok("NOOP")
            time.sleep(0.4)


def test_a_client_that_reads_nothing_is_given_up(server, name):
    user = server.user(name, [b"Subject: big\n\n" + b"x" * 70 + b"\n" * 9000000])
    with server.login(user) as c:
        c.send(b"RETR 1\r\n")
        (line,) = eventually(lambda: server.session_lines(name), 15, "the end of the session")
        assert line["why"] == "stalled"
    assert len(user.files()) == 1


def test_one_address_has_so_many_connections_and_others_still_get_in(server, name):
    held = [server.connect() for _ in range(SETTINGS["max_connections_per_address"])]
    with server.connect() as c:
        assert c.greeting.startswith(b"-ERR [SYS/TEMP]") or c.greeting.startswith(b"-ERR")
        assert c.rest() == b""
    for c in held:
        c.close()
    time.sleep(0.3)
    with server.login(server.user(name)):
        pass


def test_logged_in_sessions_count_as_well(server, name):
    users = [server.user(f"{name}-{i}") for i in range(SETTINGS["max_connections_per_address"])]
    held = [server.login(u) for u in users]
    with server.connect() as c:
        assert c.greeting.startswith(b"-ERR")
    for c in held:
        c.quit()
    time.sleep(0.3)
    with server.connect() as c:
        assert c.greeting.startswith(b"+OK")


def test_the_total_is_limited_too(folder, name):
    sub = folder / "total"
    sub.mkdir()
    with Server(sub, max_connections=5) as server:
        held = [server.connect() for _ in range(5)]
        with server.connect() as c:
            assert c.greeting.startswith(b"-ERR")
        for c in held:
            c.close()
        time.sleep(0.3)
        with server.connect(tls=client_context()) as c:
            assert c.greeting.startswith(b"+OK")
        user = server.user(name)
        with server.login(user):
            pass


def test_a_killed_session_gives_its_place_back(server, name):
    import os
    import signal

    server.expect(r"signal 9|SIGKILL|killed")
    for i in range(SETTINGS["max_connections_per_address"] + 2):
        user = server.user(f"{name}-{i}")
        before = {p.pid for p in server.tree()}
        with server.login(user) as c:
            (session,) = [p for p in server.tree() if p.pid not in before]
            os.kill(session.pid, signal.SIGKILL)
            c.rest()
        time.sleep(0.05)
