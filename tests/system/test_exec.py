"""auth-exec in the server: programs in the worker's sandbox, under a user of their own, and gone wrong."""

import base64
import hashlib
import os
import pathlib
import pwd
import re
import shutil
import subprocess

import pytest
from restante import BUILD, PASSWORD, ROOT, SANITIZED, SOURCE, Server, children, eventually, wire
from test_sasl import Gsasl, converse, password

pytestmark = pytest.mark.skipif(not (BUILD / ".libs/auth-exec.so").exists(), reason="no auth-exec.so")
MESSAGE = b"Subject: one\n\nbody\n"
PYTHON = "/usr/bin/python3"
# A user's name says what becomes of his request.
TROUBLE = """#!/bin/sh
read -r _
echo "restante-auth 1"
while read -r id call user rest; do
    case $user in
    user=hang) setsid sleep 300 & sleep 300 ;;
    user=late) sleep 6; echo "$id ok uid=1 gid=1" ;;
    user=crash) kill -SEGV $$ ;;
    user=end) exit 1 ;;
    user=babble) echo "ok come in" ;;
    user=other) echo "$((id + 1)) ok uid=1 gid=1" ;;
    user=closed) exec <&- >&-; sleep 300 ;;
    user=flood) exec cat /dev/zero ;;
    *) echo "$id none" ;;
    esac
done
"""
# Secrets for every way to log in, in a program that knows one user.
SECRETS = """
import hashlib, hmac, sys
from urllib.parse import quote_from_bytes as quote
PASSWORD = b"correct horse"
def scram(hash):
    salted = hashlib.pbkdf2_hmac(hash, PASSWORD, b"\\0salt", 4096)
    client, server = (hmac.digest(salted, key, hash) for key in (b"Client Key", b"Server Key"))
    stored = hashlib.new(hash, client).digest()
    return f"iterations=4096 salt=%00salt stored={quote(stored)} server={quote(server)}"
print("restante-auth 1 can=lookup,scram,apop,token", flush=True)
sys.stdin.readline()
for line in sys.stdin:
    id, call, *pairs = line.split()
    keys = dict(pair.split("=", 1) for pair in pairs)
    if call == "token":
        reply = "ok name=" + sys.argv[1] if keys["token"] == "t/o.ken" else "deny"
    elif keys["user"] != sys.argv[1]:
        reply = "none"
    elif call == "scram":
        reply = "ok " + scram(keys["hash"].replace("-", "").lower())
    elif call == "apop":
        reply = "ok secret=correct%20horse"
    else:
        reply = "ok " + " ".join(sys.argv[2:])
    print(id, reply, flush=True)
"""


def script(folder, name, text):
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def serving(folder, exec_settings, **more):
    sub = folder / f"server-{len(os.listdir(folder))}"
    sub.mkdir()
    settings = {"auth": ["exec"], "auth_workers": 1, "max_auth_failures": 100, **more}
    return Server(sub, auth_exec=exec_settings, **settings)


class Database:
    """The example, as it is installed."""

    def __init__(self, folder):
        self.program = shutil.copy(SOURCE / "plugins/auth-exec/example.py", folder)
        self.path = folder / "users.db"
        self.settings = {"program": PYTHON, "arguments": [self.program, self.path]}
        self.write("somebody", 1, 1, "/nonexistent", PASSWORD)

    def write(self, name, uid, gid, home, password):
        words = [PYTHON, self.program, self.path, "add", name, str(uid), str(gid), home]
        subprocess.run(words, input=password.encode() + b"\n", check=True)
        self.path.chmod(0o644)

    def add(self, user, password=PASSWORD):
        self.write(user.name, user.uid, user.home.stat().st_gid, user.home, password)


@pytest.fixture(scope="module")
def database(folder):
    return Database(folder)


@pytest.fixture(scope="module")
def example(folder, database):
    with serving(folder, database.settings) as server:
        yield server


@pytest.fixture(scope="module")
def trouble(folder):
    with serving(folder, {"program": script(folder, "trouble", TROUBLE), "timeout": "3s"}) as server:
        yield server


def programs(server, name):
    """The processes below workers whose command line has the name in it."""
    found = []
    for worker in server.role("worker"):
        for p in children(worker.pid):
            try:
                if name in p.read("cmdline"):
                    found.append(p)
            except (FileNotFoundError, ProcessLookupError):
                pass
    return found


def try_login(server, user, password=PASSWORD):
    """The reply to PASS."""
    with server.connect() as c:
        c.ok(b"USER " + user if isinstance(user, bytes) else f"USER {user}")
        return c.command(f"PASS {password}")


# --- the example


def test_a_user_of_the_example_gets_his_mail(example, database, name):
    user = example.user(name, [MESSAGE])
    database.add(user)
    with example.login(user) as c:
        assert c.retr(1) == wire(MESSAGE)
        c.quit()


def test_a_wrong_password_and_an_unknown_user_look_the_same(example, database, name):
    database.add(example.user(name))
    assert try_login(example, name, "wrong") == try_login(example, "nobody-at-all", "wrong")
    assert try_login(example, name, "wrong").startswith(b"-ERR [AUTH]")


def test_a_password_that_has_changed_is_noticed(example, database, name):
    """The stamp: the server does not go on with what it remembers."""
    user = example.user(name)
    database.add(user)
    assert try_login(example, name).startswith(b"+OK")
    database.add(user, "another")
    assert try_login(example, name).startswith(b"-ERR [AUTH]")
    assert try_login(example, name, "another").startswith(b"+OK")


def test_restantectl_asks_the_program_too(example, database, name):
    user = example.user(name)
    database.add(user)
    shown = example.ctl("user", name)
    assert shown.returncode == 0, shown.stderr
    assert str(user.uid) in shown.stdout and str(user.home) in shown.stdout
    assert example.ctl("user", "nobody-at-all").returncode != 0
    eventually(lambda: len(programs(example, "example.py")) == 1, what="that of restantectl to be gone")


@pytest.mark.parametrize(
    "user",
    [b"' OR 1=1 --", b"$(reboot)", b"%s%n", b"%00", b"a=b", b"\xff\xfe", b"../../etc/passwd", b"1 ok uid=1 gid=1", b"*"],
)
def test_a_hostile_name_is_a_name_like_any_other(example, user):
    (before,) = programs(example, "example.py")
    assert try_login(example, user).startswith(b"-ERR [AUTH]")
    assert [p.pid for p in programs(example, "example.py")] == [before.pid]


def test_names_and_passwords_of_any_octets_work(example, database):
    user = example.user("j\u00f6rg o'neil%20", password="p\u00e4ss %41=\\")
    database.add(user, user.password)
    assert try_login(example, user.name.encode(), user.password).startswith(b"+OK")


def test_the_program_lives_in_the_sandbox_with_nothing_of_the_servers(example, database, name):
    database.add(example.user(name))
    assert try_login(example, name).startswith(b"+OK")
    (program,) = programs(example, "example.py")
    (worker,) = example.role("worker")
    path, mark = program.read("environ").rstrip("\0").split("\0")
    assert path == "PATH=/usr/local/bin:/usr/bin:/bin" and mark.startswith("RESTANTE_EXEC=")
    files = {os.readlink(f) for f in pathlib.Path(f"/proc/{program.pid}/fd").iterdir()}
    assert not {f for f in files if not f.startswith(("socket:", "pipe:", str(database.path)))}
    assert len([f for f in files if f.startswith("socket:")]) == 1
    assert program.status("NoNewPrivs") == "1"
    assert program.ids() == worker.ids() and (not ROOT or program.ids() == {pwd.getpwnam("daemon").pw_uid})
    if not SANITIZED:
        assert program.status("Seccomp") == "2"
        assert os.getpgid(program.pid) == worker.pid


def test_a_program_that_is_killed_is_not_missed(example, database, name):
    database.add(example.user(name))
    example.expect("between requests: it has ended")
    assert try_login(example, name).startswith(b"+OK")
    (program,) = programs(example, "example.py")
    os.kill(program.pid, 9)
    eventually(lambda: not program.alive())
    assert try_login(example, name, "wrong").startswith(b"-ERR [AUTH]")
    assert programs(example, "example.py")[0].pid != program.pid


# --- programs that go wrong


@pytest.mark.parametrize("user", ["hang", "late", "crash", "end", "babble", "other", "closed", "flood"])
def test_a_program_that_goes_wrong_is_trouble_and_never_a_wrong_password(trouble, user):
    """Bug class: a backend that is down becomes a wrong password; its answer comes late, for somebody else."""
    trouble.expect("it has ended")
    (worker,) = trouble.role("worker")
    assert try_login(trouble, user).startswith(b"-ERR [SYS/TEMP]")
    assert try_login(trouble, "anybody").startswith(b"-ERR [AUTH]")  # another program answers
    assert trouble.role("worker")[0].pid == worker.pid
    assert len(programs(trouble, "trouble")) == 1
    sleepers = lambda: [p for p in trouble.tree() if p.name == "sleep"]  # noqa: E731
    eventually(lambda: not sleepers(), what="the end of what the program had started")


def test_a_program_of_another_version_is_refused_with_its_reason(folder):
    program = script(folder, "version", "#!/bin/sh\nread -r _\necho restante-auth 2\nread -r _\n")
    with serving(folder, {"program": program}) as server:
        assert try_login(server, "anybody").startswith(b"-ERR [SYS/TEMP]")
        server.wait_log("auth-exec: .*/version: expected: version 1 in the greeting")


def test_a_program_is_started_anew_after_its_requests_and_at_a_reload(folder, database):
    with serving(folder, {**database.settings, "requests": 3}) as server:
        pids = []
        for _ in range(7):
            assert try_login(server, "nobody-at-all").startswith(b"-ERR [AUTH]")
            pids.append(programs(server, "example.py")[0].pid)
        assert [len({*pids[:3]}), len({*pids[3:6]}), len({*pids})] == [1, 1, 3]
        served = server.log().count("]: serving ")
        assert server.ctl("reload").returncode == 0
        eventually(lambda: server.log().count("]: serving ") > served)
        assert try_login(server, "nobody-at-all").startswith(b"-ERR [AUTH]")
        eventually(lambda: len(programs(server, "example.py")) == 1)
        assert programs(server, "example.py")[0].pid not in pids


REPORT = """#!/bin/sh
read -r _
echo "restante-auth 1"
while read -r id call user rest; do
    for word in $rest; do
        case $word in service=* | client=* | tls=*) echo "$call $word" >&2 ;; esac
    done
    echo "$id none"
done
echo bye >"$1"
"""


def test_the_program_hears_what_the_client_is_and_when_the_server_ends(folder):
    """plugin.h: RESTANTE_REQUEST_TLS; close() when the worker ends in order."""
    room = folder / "bye"
    room.mkdir()
    room.chmod(0o777)
    program = script(folder, "report", REPORT)
    with serving(folder, {"program": "/bin/sh", "arguments": [program, room / "note"]}) as server:
        with server.connect(tls=True) as c:
            c.ok("USER anybody")
            c.err("PASS x", "AUTH")
        assert re.findall("program says: verify (.*)", server.log()) == ["service=pop3", "client=127.0.0.1", "tls=yes"]
        assert try_login(server, "anybody").startswith(b"-ERR [AUTH]")
        assert "program says: verify tls=no" in server.log()
    assert (room / "note").read_text() == "bye\n"


def test_who_only_knows_passwords_leaves_the_record_to_another(folder, name):
    """RESTANTE_USER_NAME_ONLY, in the server and in restantectl."""
    text = "#!/bin/sh\nread -r _\necho restante-auth 1 can=verify\nwhile read -r id x; do echo $id ok; done\n"
    program = script(folder, "passwords", text)
    with serving(folder, {"program": program}, auth=["exec", "passwd-file"]) as server:
        server.user(name, [MESSAGE], password="another")
        assert try_login(server, name, "anything").startswith(b"+OK")
        asked = server.ctl("auth", "test", name, input="anything\n")
        assert asked.returncode == 0, asked.stdout + asked.stderr
        assert asked.stdout == "auth-exec: yes\n"


def test_settings_that_do_not_fit_are_refused_before_the_server_starts(folder, database):
    both = {**database.settings, "socket": "/run/nowhere"}
    sub = folder / "both"
    sub.mkdir()
    server = Server(sub, start=False, auth=["exec"], auth_exec=both)
    checked = server.check_conf()
    assert checked.returncode != 0
    assert "auth-exec: expected one of the settings program and socket" in checked.stderr


# --- every way to log in


@pytest.fixture(scope="module")
def secrets(folder):
    program = script(folder, "secrets.py", SECRETS)
    sub = folder / "server-secrets"
    sub.mkdir()
    server = Server(sub, start=False, auth=["exec"], auth_workers=1, apop="yes")
    user = server.user("greta", [MESSAGE])
    arguments = [program, "greta", f"uid={user.uid}", f"gid={user.home.stat().st_gid}", f"home={user.home}"]
    server.write_conf(auth_exec={"program": PYTHON, "arguments": arguments})
    server.start()
    with server:
        yield server


def test_apop_with_a_secret_of_the_program(secrets):
    with secrets.connect() as c:
        banner = c.greeting[c.greeting.index(b"<") : c.greeting.index(b">") + 1]
        c.ok(f"APOP greta {hashlib.md5(banner + PASSWORD.encode()).hexdigest()}")
        assert c.retr(1) == wire(MESSAGE)


def test_scram_with_keys_of_the_program(secrets):
    with secrets.connect() as c, Gsasl("SCRAM-SHA-256", *password(secrets.users["greta"][0])) as gsasl:
        assert converse(c, "SCRAM-SHA-256", gsasl, True).startswith(b"+OK")
        assert gsasl.accepts()
        assert c.retr(1) == wire(MESSAGE)


def test_a_token_says_who_it_is_and_the_record_follows(secrets):
    with secrets.connect(tls=True) as c:
        message = base64.b64encode(b"n,,\1auth=Bearer t/o.ken\1\1").decode()
        c.ok(f"AUTH OAUTHBEARER {message}")
        assert c.retr(1) == wire(MESSAGE)


# --- a user of its own

LISTENER = """
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
s.listen()
while True:
    c, _ = s.accept()
    if os.fork() == 0:
        os.dup2(c.fileno(), 0)
        os.dup2(c.fileno(), 1)
        os.execv(sys.argv[2], sys.argv[2:])
"""


def test_a_program_behind_a_socket_is_whoever_it_likes(folder, database, name):
    """As systemd does it with Accept=yes: the same program, unchanged."""
    room = folder / "room"
    room.mkdir()
    room.chmod(0o777)
    path = room / "users"
    words = [PYTHON, "-c", LISTENER, path, PYTHON, database.program, database.path]
    who = {"user": "nobody", "extra_groups": []} if ROOT else {}

    def listen():
        listener = subprocess.Popen(words, start_new_session=True, **who)
        eventually(path.exists)
        return listener

    def end(listener):
        os.killpg(listener.pid, 9)
        listener.wait()
        path.unlink(missing_ok=True)

    listener = listen()
    try:
        with serving(folder, {"socket": path}) as server:
            database.add(server.user(name))
            assert eventually(lambda: try_login(server, name).startswith(b"+OK"))
            (program,) = children(listener.pid)
            assert not ROOT or program.ids() == {pwd.getpwnam("nobody").pw_uid}
            end(listener)
            assert try_login(server, name).startswith(b"-ERR [SYS/TEMP]")
            server.wait_log(r"auth-exec: .*/users: the start: No such file or directory")
            listener = listen()
            eventually(lambda: try_login(server, name).startswith(b"+OK"), what="a login with the new program")
    finally:
        end(listener)


@pytest.mark.skipif(not ROOT, reason="needs root, for workers that are")
@pytest.mark.skipif(not (BUILD / ".libs/auth-pam.so").exists(), reason="built without PAM")
def test_beside_a_plugin_that_needs_root_the_program_has_none(folder, database, name):
    pam = {"auth": ["exec", "pam"], "auth_pam": {"service": "none"}}
    with serving(folder, database.settings, **pam) as server:
        database.add(server.user(name))
        assert try_login(server, name).startswith(b"+OK")
        (program,) = programs(server, "example.py")
        assert {0} in [p.ids() for p in server.role("worker")]
        assert program.ids() == {pwd.getpwnam("daemon").pw_uid}
        assert program.status("Groups").split() == []
        assert int(program.status("CapPrm"), 16) == 0
        # A bad configuration is refused, and the old one stays.
        server.expect("role|could not|ended|was not|configuration")
        server.write_conf(auth_exec={"program": "/nonexistent/program"})
        server.ctl("reload")
        server.wait_log("auth-exec: program: /nonexistent/program: No such file or directory")
        assert try_login(server, name).startswith(b"+OK")
