"""The server as a whole: reload, stop, roles that die, addresses. restanted(8)."""

import os
import signal
import socket
import subprocess
import time

import pytest
from restante import BUILD, Server, client_context, eventually, free_port, wire

MESSAGE = b"Subject: one\n\nbody\n"
SETTINGS = {"login_processes": 2, "auth_workers": 2}


def reload(server, pattern):
    mark = len(server.log())
    server.process.send_signal(signal.SIGHUP)
    server.wait_log(pattern, after=mark)


def test_sighup_takes_a_new_setting_and_keeps_sessions(server, name):
    user = server.user(name, [MESSAGE])
    with server.login(user) as c:
        before = {p.pid for p in server.role("login")}
        server.write_conf(language="de")
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: before.isdisjoint({p.pid for p in server.role("login")}), what="new login processes")
        assert c.retr(1) == wire(MESSAGE)
        with server.connect() as d:
            german = d.err("NOOP")
        server.write_conf(language=None)
        server.process.send_signal(signal.SIGHUP)

        def english():
            with server.connect() as d:
                return d.err("NOOP") != german

        eventually(english, what="the old language")
        c.ok("DELE 1")
        c.quit()
    assert not user.files()


def test_sighup_takes_a_new_address_and_gives_up_an_old_one(server):
    port, listen = free_port(), server.settings["listen"]
    server.write_conf(listen=[*listen, f"127.0.0.1:{port}"])
    server.process.send_signal(signal.SIGHUP)

    def answers():
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0

    eventually(answers, what="the new address")
    server.write_conf(listen=listen)
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: not answers(), what="the end of the new address")


@pytest.mark.parametrize("wrong", ["max_connections = many\n", "no_such_setting = 1\n", "auth = { \n", 'storage = "none-such"\n'])
def test_a_wrong_new_configuration_is_refused_with_file_and_line_and_the_old_one_stays(server, name, wrong):
    user = server.user(name, [MESSAGE])
    old = server.conf.read_text()
    before = {p.pid for p in server.role("login")}
    server.conf.write_text(old + wrong)
    try:
        reload(server, rf"restante\.conf:{len(old.splitlines()) + 1}\b")
    finally:
        server.conf.write_text(old)
    with server.login(user) as c:
        assert c.stat()[0] == 1
    assert {p.pid for p in server.role("login")} == before


def test_no_connection_is_refused_while_the_server_reloads(server):
    """The listening sockets stay open over the generations."""
    end = time.monotonic() + 3
    count = 0
    server.process.send_signal(signal.SIGHUP)
    while time.monotonic() < end:
        with server.connect() as c:
            assert c.greeting.startswith(b"+OK")
            assert c.quit().startswith(b"+OK")
        count += 1
        if count % 100 == 50:
            server.process.send_signal(signal.SIGHUP)
    assert count > 100


@pytest.mark.parametrize("role", ["login", "auth", "worker", "session"])
def test_a_role_that_dies_is_started_again(server, name, role):
    server.expect(r"signal 9|SIGKILL|killed|died|gone|cannot (send|reach)")
    user = server.user(name, [MESSAGE])
    old = server.role(role)[0]
    os.kill(old.pid, signal.SIGKILL)

    def works():
        try:
            with server.connect(timeout=5) as c:
                c.ok(f"USER {name}")
                reply = c.command(f"PASS {user.password}")
                return reply.startswith(b"+OK") and c.stat()[0] == 1 and c.quit()
        except Exception:
            return False

    eventually(works, 20, "a login after the restart")
    eventually(lambda: server.role(role) and not old.alive(), what="a new process")


def test_no_session_is_lost_when_login_without_tls_dies(server, name):
    """Without TLS the client's connection belongs to the session alone."""
    server.expect("signal 9|cannot reach")
    user = server.user(name, [MESSAGE])
    with server.login(user) as c:
        for p in server.role("login"):
            os.kill(p.pid, signal.SIGKILL)
        assert c.retr(1) == wire(MESSAGE)
        c.ok("DELE 1")
        c.quit()
    assert not user.files()
    eventually(server.answers, 20)


def test_ipv6(folder, name):
    if not os.path.exists("/proc/net/if_inet6"):
        pytest.skip("no IPv6 here")
    sub = folder / "six"
    sub.mkdir()
    port = free_port()
    with Server(sub) as server:
        server.write_conf(listen=[*server.settings["listen"], f"[::1]:{port}"])
        server.process.send_signal(signal.SIGHUP)

        def answers():
            with socket.socket(socket.AF_INET6) as s:
                return s.connect_ex(("::1", port)) == 0

        try:
            eventually(answers, what="the address")
        except AssertionError:
            pytest.skip("no ::1 here")
        user = server.user(name, [MESSAGE])
        from restante import Pop3

        with Pop3(port, host="::1") as c:
            c.login(user)
            assert c.retr(1) == wire(MESSAGE)
            c.quit()
        (line,) = eventually(lambda: server.session_lines(name))
        assert line["ip"].strip('"') == "::1"


def test_sigterm_ends_sessions_and_deletes_nothing(folder, name):
    sub = folder / "term"
    sub.mkdir()
    server = Server(sub)
    user = server.user(name, [MESSAGE])
    plain, tls = server.login(user), server.connect(tls=client_context())
    plain.ok("DELE 1")
    server.stop()
    plain.rest()
    tls.close()
    assert len(user.files()) == 1


def test_a_killed_master_takes_all_roles_with_it(folder):
    sub = folder / "kill"
    sub.mkdir()
    server = Server(sub)
    tree = server.tree()
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    eventually(lambda: not any(p.alive() for p in tree), what="the end of all roles")
    server.process = None


def test_a_second_server_of_the_same_runtime_dir_is_refused(server):
    run = subprocess.run(
        [BUILD / "restanted", "-f", "-c", server.conf], capture_output=True, text=True, timeout=20
    )
    assert run.returncode != 0
    assert run.stderr
    assert server.answers()


def test_an_address_in_use_is_named_and_the_server_does_not_start(folder):
    sub = folder / "inuse"
    sub.mkdir()
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        server = Server(sub, start=False, listen=[f"127.0.0.1:{port}"])
        run = subprocess.run([BUILD / "restanted", "-f", "-c", server.conf], capture_output=True, text=True, timeout=20)
    assert run.returncode != 0
    assert str(port) in run.stderr


def test_in_the_background_it_detaches_only_when_it_serves(folder):
    """Without -f the command returns when clients can come, and the pid file names the master."""
    sub = folder / "daemon"
    sub.mkdir()
    server = Server(sub, start=False)
    run = subprocess.run([BUILD / "restanted", "-c", server.conf], capture_output=True, text=True, timeout=20)
    pids = [p for p in (sub / "run").rglob("*.pid")]
    assert run.returncode == 0, run.stderr
    assert len(pids) == 1
    pid = int(pids[0].read_text())
    try:
        with socket.create_connection(("127.0.0.1", server.port), 5) as s:
            assert s.recv(3) == b"+OK"
    finally:
        os.kill(pid, signal.SIGTERM)
    eventually(lambda: not os.path.exists(f"/proc/{pid}") or "Z" in open(f"/proc/{pid}/stat").read().split()[2], 15)
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass
