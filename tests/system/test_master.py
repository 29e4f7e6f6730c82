"""The master: start, reload, restart and stop when something is wrong. restanted(8)."""

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest
import restante
from restante import BUILD, LINKED_IN, ROOT, Server, eventually, free_port, wire

MESSAGE = b"Subject: one\n\nbody\n"
SETTINGS = {"login_processes": 2, "auth_workers": 1}
needs_root = pytest.mark.skipif(not ROOT, reason="needs root")


def hangup(server):
    server.process.send_signal(signal.SIGHUP)


def run(server, *options, **more):
    return subprocess.run(
        [BUILD / "restanted", *options, "-c", server.conf], capture_output=True, text=True, timeout=30, **more
    )


def roles(server):
    return {p.pid for name in ("login", "auth", "worker", "session") for p in server.role(name)}


# --- start


@needs_root
def test_an_unknown_user_is_named_and_the_server_does_not_start(folder):
    sub = folder / "user"
    sub.mkdir()
    server = Server(sub, start=False, auth_user="no-such-user")
    result = run(server, "-f")
    assert result.returncode == 1
    assert "auth_user" in result.stderr and "no-such-user" in result.stderr


@needs_root
def test_no_role_runs_as_root(folder):
    sub = folder / "root"
    sub.mkdir()
    result = run(Server(sub, start=False, auth_user="root"), "-f")
    assert result.returncode == 1
    assert "auth_user" in result.stderr


def test_a_runtime_folder_that_others_may_write_is_refused(folder):
    sub = folder / "writable"
    sub.mkdir()
    server = Server(sub, start=False)
    (sub / "run").chmod(0o777)
    result = run(server, "-f")
    assert result.returncode == 1
    assert "runtime_dir" in result.stderr


def test_in_the_background_an_error_reaches_the_terminal_and_the_exit_status(folder):
    """Also one that a role finds, which logs elsewhere."""
    sub = folder / "background"
    sub.mkdir()
    server = Server(sub, start=False)
    server.certificate.write_text("no certificate\n")
    result = run(server)
    assert result.returncode == 1
    assert "server.pem" in result.stderr


@needs_root
def test_a_build_that_only_root_may_enter_works(folder, name, monkeypatch):
    """A clone in root's home: the roles load programs and plugins there, and are root no more."""
    closed = folder / "closed"
    (closed / ".libs").mkdir(parents=True)
    closed.chmod(0o700)
    for path in [*BUILD.glob("restant*"), *BUILD.glob(".libs/*.so")]:
        if os.access(path, os.X_OK) and path.is_file():
            shutil.copy(path, closed / path.relative_to(BUILD))
    monkeypatch.setattr(restante, "BUILD", closed)
    sub = folder / "of-root"
    sub.mkdir()
    with Server(sub) as server:
        user = server.user(name, [MESSAGE])
        with server.login(user) as c:
            assert c.retr(1) == wire(MESSAGE)
            c.quit()
        assert server.ctl("mailbox", "list", name).returncode == 0
        if not LINKED_IN:
            server.write_conf(plugin_path=[sub / "run", closed])
            assert f"no storage-maildir.so in {sub}/run, {closed}" in server.check_conf().stderr


def test_wrong_usage_has_a_status_of_its_own(server):
    assert run(server, "-x").returncode == 64
    assert run(server, "word").returncode == 64


# --- reload


def test_a_generation_that_does_not_come_up_leaves_the_old_one_in_place(server, name):
    """The configuration is good, the certificate's file is not: only login can tell."""
    server.expect("server.pem|new configuration|ended with status")
    user = server.user(name, [MESSAGE])
    good = server.certificate.read_text()
    with server.login(user) as c:
        before = roles(server)
        server.certificate.write_text("no certificate\n")
        mark = len(server.log())
        hangup(server)
        server.wait_log("the old one stays", after=mark)
        assert "server.pem" in server.log()[mark:]
        server.certificate.write_text(good)
        eventually(lambda: roles(server) == before, what="the end of the new processes")
        assert c.retr(1) == wire(MESSAGE)
    with server.connect(tls=True) as c:
        assert c.greeting.startswith(b"+OK")


def test_a_client_may_log_in_with_a_login_process_that_a_reload_has_replaced(server, name):
    user = server.user(name, [MESSAGE])
    with server.connect() as c:
        before = roles(server)
        hangup(server)
        eventually(lambda: len(roles(server) - before) == len(before), what="a new generation")
        c.ok(f"USER {name}")
        c.ok(f"PASS {user.password}")
        assert c.retr(1) == wire(MESSAGE)
        c.quit()
    eventually(lambda: roles(server).isdisjoint(before), what="the end of the old generation")


def test_many_reloads_at_once_end_well(server):
    before = roles(server)
    for _ in range(20):
        hangup(server)
        time.sleep(0.01)
    eventually(lambda: roles(server).isdisjoint(before) and len(roles(server)) == 5, 20, "one new generation")
    with server.connect() as c:
        assert c.greeting.startswith(b"+OK")


def test_reloads_leave_no_descriptor_and_no_process_behind(server):
    def resources():
        tree = server.tree()
        return len(os.listdir(f"/proc/{server.process.pid}/fd")), len(tree)

    def reload():
        before = roles(server)
        hangup(server)
        eventually(lambda: before.isdisjoint(roles(server)) and len(roles(server)) == len(before))

    reload()
    before = resources()
    for _ in range(4):
        reload()
    eventually(lambda: resources() == before, what=f"{before}")


# --- processes that die


def test_sessions_outlive_their_spawner_and_end_with_the_server(folder, name):
    sub = folder / "orphans"
    sub.mkdir()
    with Server(sub) as server:
        server.expect("signal 9|cannot reach the session")
        user = server.user(name, [MESSAGE])
        c = server.login(user)
        spawner = min(server.role("session"), key=lambda p: p.pid)
        sessions = [p for p in server.tree() if p.ids() == {user.uid}] if ROOT else []
        os.kill(spawner.pid, signal.SIGKILL)
        eventually(lambda: not spawner.alive())
        assert c.retr(1) == wire(MESSAGE)
        assert all(p.alive() for p in sessions)

        def refusal():
            with server.connect() as other:
                other.ok(f"USER {name}")
                return other.command(f"PASS {user.password}").startswith(b"-ERR [IN-USE]")

        eventually(refusal, 20, "the news that the mailbox is in use")
    assert len(user.files()) == 1


def test_connections_of_a_dead_login_process_do_not_count_any_more(folder):
    sub = folder / "counts"
    sub.mkdir()
    with Server(sub, login_processes=1, max_connections_per_address=3) as server:
        server.expect("signal 9|cannot (send|reach)")
        for _ in range(3):  # more than the limit in all
            clients = [server.connect() for _ in range(2)]
            (old,) = server.role("login")
            os.kill(old.pid, signal.SIGKILL)
            eventually(lambda: [p for p in server.role("login") if p.pid != old.pid], 20)
            eventually(server.answers, 20)
            for c in clients:
                c.close()


def test_a_process_that_keeps_dying_is_started_more_and_more_slowly(folder):
    """0.1 s at first, twice that after each early death."""
    sub = folder / "dying"
    sub.mkdir()
    with Server(sub, auth_workers=1) as server:
        server.expect("signal 9|cannot (send|reach)")
        pauses = []
        for _ in range(5):
            (old,) = eventually(lambda: server.role("worker"))
            os.kill(old.pid, signal.SIGKILL)
            start = time.monotonic()
            eventually(lambda: [p for p in server.role("worker") if p.pid != old.pid], 20)
            pauses.append(time.monotonic() - start)
        assert all(pause > 0.09 * 2**n for n, pause in enumerate(pauses)), pauses


# --- stop


def test_a_second_signal_ends_sessions_at_once(folder, name):
    sub = folder / "twice"
    sub.mkdir()
    server = Server(sub)
    user = server.user(name, [MESSAGE])
    with server.login(user) as c:
        c.ok("DELE 1")
        start = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(4) == 0
        assert time.monotonic() - start < 3
    assert len(user.files()) == 1


def test_a_session_may_finish_while_the_server_stops(folder, name):
    sub = folder / "finish"
    sub.mkdir()
    server = Server(sub)
    user = server.user(name, [MESSAGE, MESSAGE])
    with server.login(user) as c:
        c.ok("DELE 1")
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert c.retr(2) == wire(MESSAGE)
        c.quit()
    assert server.process.wait(3) == 0
    assert len(user.files()) == 1


# --- service manager


def datagrams(sock):
    got = b""
    try:
        while True:
            got += sock.recv(4096) + b"\n"
    except TimeoutError:
        return got.decode()


def test_the_service_manager_is_told_of_start_reload_and_stop(folder, monkeypatch):
    """sd_notify(3)"""
    sub = folder / "notify"
    sub.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(sub / "notify"))
        sock.settimeout(1)
        monkeypatch.setenv("NOTIFY_SOCKET", str(sub / "notify"))
        server = Server(sub)
        monkeypatch.delenv("NOTIFY_SOCKET")
        assert "READY=1" in datagrams(sock)
        hangup(server)
        told = datagrams(sock)
        assert told.index("RELOADING=1\nMONOTONIC_USEC=") < told.index("READY=1")
        server.conf.write_text(server.conf.read_text() + "no_such_setting = 1\n")
        hangup(server)
        told = datagrams(sock)
        assert told.index("RELOADING=1") < told.index("READY=1")
        server.stop()
        assert "STOPPING=1" in datagrams(sock)


def test_a_socket_of_the_service_manager_is_used(folder):
    """sd_listen_fds(3): the port is taken already, by the socket that comes as descriptor 3."""
    sub = folder / "activation"
    sub.mkdir()
    port = free_port()
    server = Server(sub, start=False, listen=[f"127.0.0.1:{port}"])
    with socket.socket() as s:
        s.bind(("127.0.0.1", port))
        s.listen()
        script = 'exec 3<&%d; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$0" -f -c "$1"' % s.fileno()
        with open(server.log_file, "ab") as log:
            process = subprocess.Popen(
                ["/bin/bash", "-c", script, BUILD / "restanted", server.conf], stderr=log, pass_fds=[s.fileno()]
            )
    server.process = process
    try:
        with socket.create_connection(("127.0.0.1", port), 10) as c:
            assert c.recv(3) == b"+OK"
    finally:
        server.stop()


UNIT = restante.SOURCE / "packaging/restante.service"


@needs_root
@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv")
def test_the_capabilities_that_the_unit_leaves_are_enough(folder, name):
    """systemd.exec(5), CapabilityBoundingSet=: what is not in it root cannot do; here not even a reload is in the way
    of a socket that belongs to an MTA, in a folder of its own."""
    left = re.findall(r"^CapabilityBoundingSet=(.*)$", UNIT.read_text(), re.M)
    left = [word.lower().removeprefix("cap_") for line in left for word in line.split()]
    assert "setuid" in left and "NoNewPrivileges=yes" in UNIT.read_text()
    sub = folder / "unit"
    spool = sub / "spool"
    spool.mkdir(parents=True)
    spool.chmod(0o700)
    os.chown(spool, 20900, 20900)
    server = Server(sub, start=False, listen_lmtp=[f"unix:{spool}/lmtp"], lmtp_socket_user="daemon")
    server.prefix = ["setpriv", "--no-new-privs", "--inh-caps=-all"]
    server.prefix += ["--bounding-set=" + ",".join(["-all", *("+" + word for word in left)])]
    server.start()
    user = server.user(name, [MESSAGE])
    for _ in range(2):
        assert (spool / "lmtp").stat().st_uid == pwd.getpwnam("daemon").pw_uid
        with server.login(user, tls=True) as c:
            assert c.retr(1) == wire(MESSAGE)
            c.quit()
        before = roles(server)
        hangup(server)
        eventually(lambda: roles(server).isdisjoint(before) and roles(server))
    server.stop()
    assert not (spool / "lmtp").exists()


# --- one user for all mailboxes


@needs_root
def test_with_session_user_no_process_but_the_master_can_change_its_uid(folder, name):
    sub = folder / "virtual"
    sub.mkdir()
    uid = 65534
    with Server(sub, session_user="nobody", login_user="daemon", first_valid_uid=1000) as server:
        user = server.user(name, [MESSAGE], uid=uid)
        with server.login(user) as c:
            assert c.retr(1) == wire(MESSAGE)
            for p in server.role("session"):
                assert p.ids() == {uid}
                assert int(p.status("CapPrm"), 16) == 0
        server.expect("uid")
        other = server.user(name + "x", [MESSAGE], uid=20777)
        with server.connect() as c:
            c.ok(f"USER {other.name}")
            assert c.command(f"PASS {other.password}").startswith(b"-ERR")
