"""restantectl who, penalty and auth flush: questions to the server that runs. restantectl(8), ipc/control.h."""

import os
import re
import socket
import stat
import subprocess
import time

import pytest
from restante import PASSWORD, ROOT, Server, eventually, free_port, proxy_header

MESSAGE = b"Subject: one\n\nbody\n"
FIELD = re.compile(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|\S*)')


class Asked(Server):
    """Costs of failures as they are by default, for passwords of addresses beside the usual one; a port behind a proxy."""

    def __init__(self, folder, **settings):
        self.proxy_port = free_port()
        super().__init__(folder, start=False)
        self.write_conf(
            listen=[*self.settings["listen"], f"127.0.0.1:{self.proxy_port}/proxy"],
            proxy_trusted=["127.0.0.1"],
            auth_failure_delay="1s",
            storage_mbox={},
            **settings,
        )
        self.start()

    def ask(self, *words):
        run = self.ctl(*words)
        assert run.returncode == 0, run.stderr
        return run.stdout

    def rows(self, *words):
        """The answer as one dict a line; what is in quotes stays so."""
        return [dict(FIELD.findall(line)) for line in self.ask(*words).splitlines()]

    def who(self, user):
        return [row for row in self.rows("who") if row["user"] == user]

    def penalties(self, **wanted):
        return [r for r in self.rows("penalty", "list") if all(r.get(k) == v for k, v in wanted.items())]

    def fail(self, user, ip=None, password="wrong"):
        """A failed login of that address, whose answer is not waited for."""
        before = self.log().count("login failed")
        c = socket.create_connection(("127.0.0.1", self.proxy_port if ip else self.port), 10)
        c.sendall((proxy_header(ip) if ip else b"") + f"USER {user}\r\nPASS {password}\r\n".encode())
        eventually(lambda: self.log().count("login failed") > before)
        c.close()


@pytest.fixture(scope="module")
def server(folder):
    with Asked(folder) as running:
        yield running


def sockets(server, role):
    return sorted((server.folder / "run" / "control").glob(f"{role}.*"))


def ask_by_hand(path, octets, timeout=10):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(timeout)
        s.connect(str(path))
        s.sendall(octets)
        s.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := s.recv(65536):
            answer += piece
        return answer


# --- who


def test_who_shows_each_session_with_all_that_is_known_of_it(server, name):
    user = server.user(name, [MESSAGE], extra="app.phone={PLAIN}one")
    other = server.user(name + "-tls", [MESSAGE], extra="storage=mbox")
    with server.connect() as c, server.login(other, tls=True):
        before = {p.pid for p in server.tree()}
        c.login(user, "one")
        (row,) = server.who(user.name)
        assert (row["ip"], row["label"], row["tls"], row["storage"]) == ("127.0.0.1", "phone", "none", "maildir")
        assert {int(row["pid"])} == {p.pid for p in server.tree()} - before
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["since"]) and int(row["secs"]) < 60
        (row,) = server.who(other.name)
        assert (row["tls"], row["storage"]) == ("TLSv1.3", "mbox") and "label" not in row
        c.quit()
        eventually(lambda: not server.who(user.name))
        assert PASSWORD not in server.ask("who")


def test_who_shows_the_clients_address_behind_a_proxy(server, name):
    user = server.user(name, [MESSAGE])
    with socket.create_connection(("127.0.0.1", server.proxy_port), 10) as s:
        s.sendall(proxy_header("2001:db8::77") + f"USER {name}\r\nPASS {user.password}\r\nSTAT\r\n".encode())
        assert eventually(lambda: server.who(name))[0]["ip"] == "2001:db8::77"


def test_who_shows_sessions_of_before_a_reload_as_long_as_they_last(server, name):
    users = [server.user(f"{name}-{i}", [MESSAGE]) for i in range(3)]
    held = []
    for user in users:
        held.append(server.login(user))
        end = server.log().count("]: serving ")
        assert server.ctl("reload").returncode == 0
        eventually(lambda: server.log().count("]: serving ") > end)
    for user in users:
        assert len(server.who(user.name)) == 1
    assert len(sockets(server, "session")) == 4
    for c in held:
        c.quit()
    eventually(lambda: len(sockets(server, "session")) == len(sockets(server, "auth")) == 1)
    assert not [r for r in server.rows("who") if r["user"].startswith(name + "-")]


def test_who_goes_on_when_the_spawner_was_started_again(server, name):
    server.expect(r"session \d+ \(\d+\) was ended by signal 9")
    (spawner,) = server.role("session")
    os.kill(spawner.pid, 9)
    eventually(lambda: [p for p in server.role("session") if p.pid != spawner.pid])
    user = server.user(name)

    def logs_in():
        c = server.connect()
        c.ok(f"USER {user.name}")
        return c if c.command(f"PASS {user.password}").startswith(b"+OK") else None

    with eventually(logs_in):
        assert len(server.who(user.name)) == 1


# --- penalties


def test_a_failed_login_is_a_row_for_its_address_its_user_and_both(server):
    for password in ("a", "b", "c"):
        server.fail("nobody-1", "192.0.2.1", password)
    (both,) = server.penalties(user="nobody-1", address="192.0.2.1")
    (address,) = [r for r in server.penalties(address="192.0.2.1") if "user" not in r]
    (user,) = [r for r in server.penalties(user="nobody-1") if "address" not in r]
    assert both["level"] == address["level"] == "3"
    assert both["failures"] == address["failures"] == user["failures"] == "3"
    assert user["level"] == "0", "four failures from anywhere count as one"
    assert 1 <= int(address["wait"]) <= 7, "1 + 2 + 4 seconds"
    until = time.mktime(time.strptime(address["until"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    assert 170 < until - time.time() <= 181, "a level a minute"


def test_an_ipv6_address_is_its_network(server):
    server.fail("nobody-2", "2001:db8:1:2::3")
    nets = {r["address"] for r in server.rows("penalty", "list") if "user" not in r and "address" in r}
    assert {"2001:db8:1:2::/64", "2001:db8:1::/48"} <= nets


def test_clear_ends_the_penalty_of_an_address_and_of_no_other(server):
    server.fail("nobody-3", "192.0.2.3")
    server.fail("nobody-3", "192.0.2.33")
    assert server.ask("penalty", "clear", "192.0.2.3") == "cleared = 2\n"
    assert not server.penalties(address="192.0.2.3")
    assert server.penalties(address="192.0.2.33")
    assert server.ask("penalty", "clear", "192.0.2.3") == "cleared = 0\n"
    server.wait_log("penalties cleared by restantectl: what=192.0.2.3")


def test_clear_takes_any_address_of_an_ipv6_network_and_users(server):
    server.fail("nobody-4", "2001:db8:4::1")
    assert server.ask("penalty", "clear", "2001:db8:4::ffff") == "cleared = 3\n"
    assert [r for r in server.penalties(user="nobody-4") if "address" not in r]
    assert server.ask("penalty", "clear", "nobody-4") == "cleared = 1\n"
    assert not server.penalties(user="nobody-4")


def test_who_was_refused_unheard_is_heard_after_clear(server, name):
    user = server.user(name, [MESSAGE])

    def reply():
        with socket.create_connection(("127.0.0.1", server.proxy_port), 30) as s:
            s.sendall(proxy_header("192.0.2.5") + f"USER {name}\r\nPASS {user.password}\r\n".encode())
            got = b""
            while got.count(b"\n") < 3 and (piece := s.recv(4096)):
                got += piece
            return got.split(b"\r\n")[2]

    for i in range(4):  # 1 + 2 + 4 + 8 seconds: more than 8 are due
        server.fail("nobody-5", "192.0.2.5", f"wrong{i}")
    assert reply().startswith(b"-ERR")
    server.ask("penalty", "clear", "192.0.2.5")
    assert reply().startswith(b"+OK")


@pytest.mark.parametrize("user", ["two words", 'a"quote', "ünï", "x" * 200])
def test_any_name_can_be_shown_and_cleared_and_forges_nothing(server, user):
    server.fail(user, "192.0.2.6")
    before = server.ask("penalty", "list")
    assert all(re.match(r"(user|address)=.* level=\d+ failures=\d+ wait=\d+ until=\S+$", x) for x in before.splitlines())
    assert server.ask("penalty", "clear", user) == "cleared = 2\n"
    server.ask("penalty", "clear", "192.0.2.6")


# --- the cache


def test_flush_forgets_one_user_or_all(server, name):
    users = [server.user(f"{name}-{i}") for i in range(3)]
    server.ask("auth", "flush")
    for user in users:
        server.login(user).quit()
    assert server.ask("auth", "flush", users[0].name) == "forgotten = 1\n"
    assert server.ask("auth", "flush", users[0].name) == "forgotten = 0\n"
    assert server.ask("auth", "flush") == "forgotten = 2\n"
    server.login(users[0]).quit()


# --- who may ask, and what


def test_only_root_or_who_started_the_server_can_reach_the_sockets(server):
    for role in ("auth", "session"):
        (path,) = sockets(server, role)
        info = path.stat()
        assert stat.S_ISSOCK(info.st_mode) and stat.S_IMODE(info.st_mode) == 0o600
        assert info.st_uid == os.getuid()
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.skipif(not ROOT, reason="needs another user")
def test_another_user_gets_no_word_even_where_the_files_are_open_to_him(server):
    """SO_PEERCRED: the mode of the file is not all that there is."""
    (path,) = sockets(server, "session")
    try:
        path.parent.chmod(0o755)
        path.chmod(0o666)
        probe = (
            f"import os,socket; os.setgroups([]); os.setgid(20500); os.setuid(20500); s=socket.socket(socket.AF_UNIX);"
            f"s.connect({str(path)!r});\ntry: s.sendall(b'who\\n'); print(s.recv(100))\nexcept OSError: print(b'')"
        )
        run = subprocess.run(["python3", "-c", probe], capture_output=True, text=True, timeout=20)
        assert run.stdout == "b''\n", run.stderr
    finally:
        path.chmod(0o600)
        path.parent.chmod(0o700)


@pytest.mark.parametrize(
    "role, line",
    [
        ("session", b""),
        ("session", b"whom"),
        ("session", b"who is"),
        ("session", b"who\0"),
        ("session", b"penalty list"),
        ("auth", b"who"),
        ("auth", b"penalty clear"),
        ("auth", b"penalty clear "),
        ("auth", b"auth flush a\x1bb"),
        ("auth", b"auth flush " + b"x" * 256),
    ],
)
def test_a_question_that_is_none_is_told(server, role, line):
    (path,) = sockets(server, role)
    assert ask_by_hand(path, line + b"\n").startswith(b"error expected ")


@pytest.mark.parametrize("role, line", [("session", b"who\n"), ("auth", b"penalty list\n")])
def test_who_asks_and_does_not_go_on_holds_up_nobody(server, name, role, line):
    (path,) = sockets(server, role)
    silent = []
    for octets in [b"", line[:2], b"x" * 511, b"x" * 600, line] * 10:
        s = socket.socket(socket.AF_UNIX)
        s.connect(str(path))
        try:
            s.sendall(octets)
        except BrokenPipeError:
            pass
        silent.append(s)
    (pid,) = {p.pid for p in server.role(role)}
    started = time.monotonic()
    server.login(server.user(name)).quit()
    assert ask_by_hand(path, line).splitlines()[-1].startswith(b"done ")
    assert time.monotonic() - started < 5
    assert len(os.listdir(f"/proc/{pid}/fd")) < 40, "as many as there are places, not as many as came"
    for s in silent:
        s.close()


def test_what_is_asked_for_must_be_a_verb_with_its_words(server):
    for words in (["who", "x"], ["penalty"], ["penalty", "x"], ["penalty", "clear"], ["auth", "flush", "a", "b"]):
        run = server.ctl(*words)
        assert run.returncode == 2 and "usage" in run.stderr, words
    run = server.ctl("auth", "flush", "")
    assert run.returncode == 1 and "expected an argument" in run.stderr


def test_without_a_server_there_is_nobody_to_ask(folder):
    sub = folder / "down"
    sub.mkdir()
    down = Server(sub, start=False)
    for words in (["who"], ["penalty", "list"], ["auth", "flush"]):
        run = down.ctl(*words)
        assert run.returncode == 1 and "the server is not running" in run.stderr


def test_sockets_that_a_killed_server_has_left_are_removed(folder, name):
    """Its session goes on without it, and is still to be seen."""
    sub = folder / "killed"
    sub.mkdir()
    server = Asked(sub)
    user = server.user(name, [MESSAGE])
    with server.login(user) as c:
        tree = server.tree()
        server.process.kill()
        server.process.wait()
        eventually(lambda: not [p for p in tree if p.alive() and p.name == "restante-auth"])
        (left,) = sockets(server, "auth")
        server.start()
        try:
            assert not left.exists() or len(sockets(server, "auth")) == 1
            assert len(sockets(server, "session")) == 2
            assert len(server.who(user.name)) == 1
            c.quit()
            eventually(lambda: not [p for p in tree if p.alive()])
            assert server.ask("who") == ""
        finally:
            server.stop()
    assert not sockets(server, "auth") and len(sockets(server, "session")) == 1
    with Asked(sub) as server:
        assert len(sockets(server, "session")) == 1


def test_a_path_too_long_for_a_socket_costs_only_these_verbs(folder, name):
    sub = folder / "long"
    sub.mkdir()
    deep = sub / ("x" * 100)
    deep.mkdir()
    with Server(sub, runtime_dir=deep) as server:
        server.login(server.user(name)).quit()
        server.wait_log("restantectl cannot ask it")
        assert server.ctl("who").returncode == 1
