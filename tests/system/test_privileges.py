"""Who runs as whom: read from /proc of every process. DESIGN section 2."""

import os
import pwd
import shutil
import subprocess
import sys

import pytest
import restante
from restante import BUILD, LINKED_IN, ROOT, SANITIZED, free_port

MESSAGE = b"Subject: one\n\nbody\n"
needs_root = pytest.mark.skipif(not ROOT, reason="without root all roles are the invoking user's")
ROLES = ["login", "auth", "worker", "session", "deliver"]
SETTINGS = {"listen_lmtp": [f"127.0.0.1:{free_port()}"]}


@pytest.fixture(scope="module")
def tree(server):
    """The server with one session: {role: processes}, "user": the session's own process."""
    user = server.user("somebody", [MESSAGE])
    before = {p.pid for p in server.tree()}
    with server.login(user, tls=True) as c:
        c.retr(1)
        roles = {role: [p for p in server.role(role) if p.pid in before] for role in ROLES}
        roles["user"] = [p for p in server.tree() if p.pid not in before]
        roles["master"] = [p for p in server.tree() if p.pid == server.process.pid]
        yield roles


def test_there_is_a_process_of_each_role_and_one_for_the_session(tree):
    assert all(tree[role] for role in ROLES), {k: len(v) for k, v in tree.items()}
    assert len(tree["user"]) == 1


@needs_root
@pytest.mark.parametrize("role, owner", [("login", "nobody"), ("auth", "daemon"), ("worker", "daemon"), ("deliver", "nobody")])
def test_a_role_has_all_ids_of_its_own_user(tree, role, owner):
    entry = pwd.getpwnam(owner)
    for p in tree[role]:
        assert p.ids("Uid") == {entry.pw_uid}
        assert p.ids("Gid") == {entry.pw_gid}
        assert p.ids("Groups") == set()


@needs_root
def test_a_session_has_all_ids_of_its_mailbox(tree, server):
    uid = server.users["somebody"][0].uid
    (p,) = tree["user"]
    assert p.ids("Uid") == p.ids("Gid") == {uid}
    assert p.ids("Groups") <= {uid}


@needs_root
@pytest.mark.parametrize("role", ["login", "auth", "worker", "deliver", "user"])
def test_a_role_has_no_capability(tree, role):
    for p in tree[role]:
        for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(p.status(kind), 16) == 0, (role, kind)


@needs_root
def test_the_spawner_can_become_a_user_and_nothing_else(tree):
    setgid, setuid = 1 << 6, 1 << 7
    for p in tree["session"]:
        assert int(p.status("CapEff"), 16) & ~(setgid | setuid) == 0
        assert int(p.status("CapPrm"), 16) & ~(setgid | setuid) == 0


@pytest.mark.parametrize("role", [*ROLES, "user"])
def test_a_role_can_gain_no_privileges(tree, role):
    assert all(p.status("NoNewPrivs") == "1" for p in tree[role])


@pytest.mark.skipif(SANITIZED, reason="no filters in a build with sanitizers")
@pytest.mark.parametrize("role", ["login", "auth", "session", "deliver", "user"])
def test_a_role_has_a_filter_of_system_calls(tree, role):
    assert all(p.status("Seccomp") == "2" for p in tree[role])


def test_a_session_cannot_start_a_process(tree):
    """Its filter is its spawner's, which may fork; the limit takes that away for good."""
    (line,) = [x for x in tree["user"][0].read("limits").splitlines() if x.startswith("Max processes")]
    assert line.split()[2:4] == ["0", "0"]


@needs_root
def test_who_takes_connections_has_an_empty_folder_for_its_root(tree, server):
    for p in tree["login"] + tree["deliver"]:
        root = os.readlink(f"/proc/{p.pid}/root")
        assert root.startswith(str(server.folder / "run"))
        assert os.listdir(f"/proc/{p.pid}/root") == []
        assert os.stat(f"/proc/{p.pid}/root").st_uid == 0


def descriptors(p):
    found = {}
    for fd in os.listdir(f"/proc/{p.pid}/fd"):
        try:
            found[int(fd)] = os.readlink(f"/proc/{p.pid}/fd/{fd}")
        except FileNotFoundError:
            pass
    return found


def is_allowed(target, allowed):
    return target == "/dev/null" or any(target.startswith(a) for a in allowed)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_no_file_open(tree, server, role):
    allowed = ("socket:", "anon_inode:", "pipe:", "/memfd:", str(server.log_file))
    for p in tree[role]:
        odd = {fd: t for fd, t in descriptors(p).items() if not is_allowed(t, allowed)}
        assert not odd


@pytest.mark.skipif(not ROOT, reason="reading a confined process's environment needs root")
@pytest.mark.parametrize("role", [*ROLES, "user"])
def test_a_role_inherits_nothing_from_whoever_started_the_server(tree, role):
    for p in tree[role]:
        names = {x.split("=")[0] for x in p.read("environ").split("\0") if x}
        assert names <= {"PATH", "TZ"} | ({"ASAN_OPTIONS", "UBSAN_OPTIONS"} if SANITIZED else set())
        assert os.readlink(f"/proc/{p.pid}/fd/1") == "/dev/null" or role == "user"


def test_a_session_has_only_its_own_mailbox_open(tree, server):
    user = server.users["somebody"][0]
    allowed = ("socket:", "anon_inode:", "pipe:", "/memfd:", str(server.log_file), str(user.maildir))
    odd = {fd: t for fd, t in descriptors(tree["user"][0]).items() if not is_allowed(t, allowed)}
    assert not odd


def test_a_session_holds_no_channel_to_another_role(tree):
    """Only the client's stream is left: SEQPACKET channels belong to the spawner."""
    (p,) = tree["user"]
    inodes = {t[8:-1] for t in descriptors(p).values() if t.startswith("socket:[")}
    rows = [line.split() for line in open("/proc/net/unix").readlines()[1:]]
    kinds = {row[6]: row[4] for row in rows}
    assert not [i for i in inodes if kinds.get(i) == "0005"], "0005 is SOCK_SEQPACKET"


def test_a_session_holds_no_socket_that_listens(tree):
    """The one where restantectl asks is the spawner's."""
    (p,) = tree["user"]
    inodes = {t[8:-1] for t in descriptors(p).values() if t.startswith("socket:[")}
    rows = [line.split() for line in open("/proc/net/unix").readlines()[1:]]
    listening = {row[6] for row in rows if int(row[3], 16) & 0x10000}
    assert not inodes & listening
    (spawner,) = tree["session"]
    assert {t[8:-1] for t in descriptors(spawner).values() if t.startswith("socket:[")} & listening


@pytest.mark.skipif(LINKED_IN, reason="plugins are linked in, and with them what they need")
@pytest.mark.parametrize(
    "role, never",
    [
        ("login", ["ltdl", "confuse", "storage-maildir", "auth-passwd"]),
        ("deliver", ["libssl", "libcrypto.so", "confuse", "storage-maildir", "auth-passwd"]),
        ("auth", ["ltdl", "confuse", "storage-maildir", "libssl", "auth-passwd"]),
        ("session", ["libssl", "libcrypto", "libevent", "confuse", "auth-passwd"]),
        ("user", ["libssl", "libcrypto", "libevent", "confuse", "auth-passwd"]),
        ("worker", ["libssl", "libevent", "confuse", "storage-maildir"]),
        ("master", ["libssl", "libcrypto", "ltdl", "confuse", "storage-maildir", "auth-passwd"]),
    ],
)
def test_a_role_maps_no_library_that_it_does_not_need(tree, role, never):
    for p in tree[role]:
        maps = p.read("maps")
        assert not [n for n in never if n in maps]


def test_the_private_key_is_in_no_process_but_master_and_login(tree, server):
    """A slice of the key's DER is looked for in all writable memory."""
    if not ROOT or SANITIZED:
        pytest.skip("reading another process's memory needs root, and one without sanitizers' terabytes")
    import base64

    pem = server.key.read_text().split("-----")[2]
    secret = base64.b64decode(pem)[36:68]  # the private scalar of a P-256 key in PKCS#8
    assert len(secret) == 32
    for role in ("auth", "worker", "session", "deliver", "user"):
        for p in tree[role]:
            with open(f"/proc/{p.pid}/mem", "rb", 0) as mem:
                for line in p.read("maps").splitlines():
                    span, mode = line.split()[:2]
                    if "rw" in mode:
                        start, end = (int(x, 16) for x in span.split("-"))
                        mem.seek(start)
                        try:
                            assert secret not in mem.read(end - start), role
                        except OSError:
                            pass


def test_a_password_does_not_stay_in_login_or_session(server):
    if not ROOT or SANITIZED:
        pytest.skip("reading another process's memory needs root, and one without sanitizers' terabytes")
    user = server.user("leak", [MESSAGE], password="unmistakable-31415926")
    with server.login(user, tls=True) as c:
        c.retr(1)
        for p in server.role("login") + server.role("auth") + server.role("session"):
            with open(f"/proc/{p.pid}/mem", "rb", 0) as mem:
                for line in p.read("maps").splitlines():
                    span, mode = line.split()[:2]
                    if "rw" in mode:
                        start, end = (int(x, 16) for x in span.split("-"))
                        mem.seek(start)
                        try:
                            assert b"unmistakable-31415926" not in mem.read(end - start), p.name
                        except OSError:
                            pass


AS_A_USER = """
import tempfile, restante
folder = tempfile.mkdtemp()
server = restante.Server(folder)
user = server.user("me", [b"Subject: x\\n\\n"])
with server.login(user, tls=True) as c:
    assert c.retr(1) == b"Subject: x\\r\\n\\r\\n"
    c.ok("DELE 1")
    c.quit()
server.stop()
assert not user.files()
assert server.log().lower().count("root") == 1, server.log()
restante.remove_tree(folder)
print("fine")
"""


def test_started_without_root_it_works_as_that_user_and_says_so_once(folder):
    """The same programs, as an ordinary user of a machine would start them."""
    shutil.copy(restante.__file__, folder)  # our own folder may be closed to that user
    run = subprocess.run(
        [sys.executable, "-B", "-c", AS_A_USER],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "TMPDIR": "/tmp", "RESTANTE_BUILD": str(BUILD)},
        **({"user": 20500, "group": 20500, "extra_groups": []} if ROOT else {}),
    )
    assert run.stdout == "fine\n", run.stdout + run.stderr
