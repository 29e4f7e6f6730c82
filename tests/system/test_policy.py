"""What auth records say about who may log in, from where and how often; passwords of applications."""

import re
import time

import pytest
from restante import PASSWORD, Pop3, Server, client_context, eventually

MESSAGE = b"Subject: one\n\nbody\n"
WRONG = b"-ERR [AUTH] Wrong user name or password"


def refused(server, user, tls=False, source=None, password=PASSWORD):
    """The reply to a login, and the seconds that it took."""
    with Pop3(server.tls_port if tls else server.port, tls=client_context() if tls else None, source=source) as c:
        c.ok(f"USER {user.name}")
        began = time.monotonic()
        reply = c.command(f"PASS {password}")
        return reply, time.monotonic() - began


@pytest.mark.parametrize(
    "extra, reason",
    [
        ("nologin", "nologin"),
        ("nologin=unpaid", "nologin"),
        ("allow_nets=192.0.2.0/24,2001:db8::/32", "allow_nets"),
        ("require_tls=yes", "require_tls"),
    ],
)
def test_a_switch_refuses_as_a_wrong_password_does_and_the_log_has_the_reason(server, name, extra, reason):
    user = server.user(name, [MESSAGE], extra=extra)
    other = server.user(name + "-other")
    said, seconds = refused(server, user)
    assert said == WRONG
    wrong, like = refused(server, other, password="wrong")
    assert wrong == said
    assert abs(seconds - like) < 0.2 or seconds < 1
    line = server.wait_log(rf"login failed: .*user={name}\b.*").group()
    assert f"reason={reason}" in line
    assert "unpaid" not in extra or "note=unpaid" in line


def test_a_record_with_a_malformed_switch_is_the_administrators_affair(server, name):
    user = server.user(name, extra="require_tls=maybe")
    assert refused(server, user)[0].startswith(b"-ERR [SYS/PERM]")
    assert refused(server, user, password="wrong")[0] == WRONG
    assert server.wait_log(rf"record of user {name} sets require_tls: expected yes or no")


def test_a_wrong_password_is_not_told_about_switches(server, name):
    user = server.user(name, extra="nologin=unpaid")
    assert refused(server, user, password="wrong")[0] == WRONG
    line = server.wait_log(rf"login failed: .*user={name}\b.*").group()
    assert "reason=refused" in line and "unpaid" not in line


def test_who_fulfils_the_conditions_is_let_in(server, name):
    user = server.user(name, [MESSAGE], extra="require_tls=yes allow_nets=10.0.0.0/8,127.0.0.8/29")
    assert refused(server, user, tls=True)[0] == WRONG
    assert refused(server, user, source="127.0.0.9")[0] == WRONG
    assert refused(server, user, tls=True, source="127.0.0.9")[0].startswith(b"+OK")


def test_sessions_of_one_user_are_limited_and_others_are_not(server, name):
    """The maildrop of a Maildir admits one anyway: the limit speaks first."""
    user = server.user(name, [MESSAGE], extra="max_user_connections=1")
    with server.login(user) as c:
        assert refused(server, user)[0] == b"-ERR [IN-USE] Too many sessions of this user"
        with server.login(server.user(name + "-other")) as d:
            d.quit()
        c.quit()
    eventually(lambda: refused(server, user)[0].startswith(b"+OK"))  # when its process has ended


def test_each_application_has_its_password_and_loses_it_alone(server, name):
    user = server.user(name, [MESSAGE], extra="app.phone={PLAIN}one app.pc={PLAIN}two")
    for password in ("one", "two", PASSWORD):
        with server.connect() as c:
            c.login(user, password)
            c.quit()
    eventually(lambda: len(server.session_lines(name)) == 3)
    assert {line.get("label") for line in server.session_lines(name)} == {"phone", "pc", None}
    entry, line = server.users[name]
    server.users[name] = entry, line.replace("app.phone={PLAIN}one ", "")
    server.write_passwd()
    assert refused(server, user, password="one")[0] == WRONG
    assert refused(server, user, password="two")[0].startswith(b"+OK")


def test_a_user_with_a_login_delay_waits_and_others_do_not(server, name):
    """RFC 2449 section 6.5 and 8.1.1: the code, and a right password all the same."""
    user = server.user(name, [MESSAGE], extra="login_delay=1h")
    other = server.user(name + "-other")
    with server.login(user) as c:
        assert "LOGIN-DELAY 3600" in c.capa()
        c.quit()
    said = refused(server, user)[0]
    assert said.startswith(b"-ERR [LOGIN-DELAY] ") and re.search(rb" 3(600|5\d\d)$", said)
    assert refused(server, user, source="127.0.0.9")[0].startswith(b"-ERR [LOGIN-DELAY] ")
    assert refused(server, user, password="wrong")[0] == WRONG, "a guess is told nothing about the user"
    server.wait_log(rf"login failed: .*reason=login_delay .*user={name}\b")
    for _ in range(2):
        with server.login(other) as c:
            assert not [line for line in c.capa() if line.startswith("LOGIN-DELAY")]
            c.quit()


def test_a_login_delay_is_over_when_its_time_is(server, name):
    user = server.user(name, extra="login_delay=1")
    with server.login(user) as c:
        c.quit()
    eventually(lambda: refused(server, user)[0].startswith(b"+OK"))


def test_the_largest_login_delay_is_announced_before_login(folder, name):
    """RFC 2449 section 6.5: with USER, where it may be another for the user."""
    sub = folder / "delays"
    sub.mkdir()
    with Server(sub, login_delay=60, login_delay_max=600) as server:
        user = server.user(name, extra="login_delay=1h")
        with server.connect() as c:
            assert "LOGIN-DELAY 600 USER" in c.capa()
            c.login(user)
            assert "LOGIN-DELAY 600" in c.capa()
            c.quit()


def test_nologin_as_a_setting_closes_the_server_for_all(folder, name):
    sub = folder / "closed"
    sub.mkdir()
    with Server(sub, nologin="moving house") as server:
        assert refused(server, server.user(name))[0] == WRONG
        assert re.search(r'note="moving house"', server.log())


@pytest.mark.parametrize("wrong", ['allow_nets = "10.0.0.0/33"', 'require_tls = "x"', "max_user_connections = -1"])
def test_a_switch_that_is_malformed_is_told_with_its_line(server, wrong):
    before = server.conf.read_text()
    server.conf.write_text(before + wrong + "\n")
    try:
        run = server.check_conf()
        assert run.returncode != 0
        assert re.search(rf"restante.conf:\d+: .*{wrong.split()[0]}", run.stderr + run.stdout)
    finally:
        server.conf.write_text(before)
