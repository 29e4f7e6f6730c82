"""auth-pam with the system's own PAM: its modules, users made by useradd, services in a folder of the test's own."""

import contextlib
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import time

import pytest
from restante import BUILD, PASSWORD, ROOT, SANITIZED, Server, eventually, wire

pytestmark = [
    pytest.mark.skipif(not ROOT, reason="needs root: makes system users and reads /etc/shadow"),
    pytest.mark.skipif(not (BUILD / ".libs/auth-pam.so").exists(), reason="built without PAM"),
    pytest.mark.skipif(not shutil.which("useradd") or not shutil.which("chage"), reason="no useradd, no chage"),
]
VIRTUAL = {"storage_maildir": {"path": "~"}}
MESSAGE = b"Subject: one\n\nbody\n"
STACKS = {
    "unix": "auth required pam_unix.so\naccount required pam_unix.so\n",
    "deny": "auth required pam_deny.so\naccount required pam_permit.so\n",
    "seen": "auth required pam_permit.so\naccount required pam_exec.so {folder}/see\n",
    "counted": "auth required pam_exec.so {folder}/count\nauth required pam_unix.so\naccount required pam_unix.so\n",
    "hang": "auth required pam_exec.so {folder}/hang\naccount required pam_permit.so\n",
    "no": "auth required pam_exec.so /bin/false\naccount required pam_permit.so\n",
    "no-refusal": "auth [success=1 default=ignore] pam_exec.so /bin/false\nauth requisite pam_deny.so\n"
    "auth required pam_permit.so\naccount required pam_permit.so\n",
    "missing": "auth required pam_no_such_module.so\naccount required pam_permit.so\n",
    "odd": "auth required {folder}/pam_odd.so\naccount required {folder}/pam_odd.so\n"
    "session required {folder}/pam_odd.so\n",
}
SCRIPTS = {
    "count": "#!/bin/sh\n" 'echo "$PAM_USER $PAM_RHOST" >>{folder}/asked\n',
    # A shell of its own group is what leaves a process group.
    "hang": "#!/bin/sh\nsetsid sleep 300 &\nsleep 300\n",
    "see": "#!/bin/sh\n"
    'echo "rhost=$PAM_RHOST tty=$PAM_TTY user=$PAM_USER service=$PAM_SERVICE uid=$(id -u)" >{folder}/seen\n',
}
# The user's name says what it does; "become-X" turns into X.
MODULE = r"""
#include <stdlib.h>
#include <string.h>
#include <security/pam_modules.h>
#include <security/pam_ext.h>
static const struct { const char *user; int auth, account; } codes[] = {
    {"unavail", PAM_AUTHINFO_UNAVAIL, 0}, {"system", PAM_SYSTEM_ERR, 0}, {"abort", PAM_ABORT, 0},
    {"unknown", PAM_USER_UNKNOWN, 0}, {"tries", PAM_MAXTRIES, 0}, {"permission", PAM_PERM_DENIED, 0},
    {"stale", 0, PAM_NEW_AUTHTOK_REQD}, {"over", 0, PAM_ACCT_EXPIRED}, {"broken", 0, PAM_SYSTEM_ERR},
    {"wrong", PAM_AUTH_ERR, 0},
};
static int code(pam_handle_t *pam, int account)
{
    const char *user = NULL;
    if (pam_get_user(pam, &user, NULL) != PAM_SUCCESS) return PAM_SYSTEM_ERR;
    if (strcmp(user, "crash") == 0) abort();
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strcmp(user, codes[i].user) == 0) return account ? codes[i].account : codes[i].auth;
    return PAM_SUCCESS;
}
int pam_sm_authenticate(pam_handle_t *pam, int flags, int n, const char **args)
{
    const char *user = NULL, *secret = NULL;
    char *answer = NULL;
    int rc = code(pam, 0);
    if (rc != PAM_SUCCESS) return rc;
    pam_fail_delay(pam, 60 * 1000000);
    pam_info(pam, "welcome");
    if (pam_get_authtok(pam, PAM_AUTHTOK, &secret, "Code: ") != PAM_SUCCESS) return PAM_SYSTEM_ERR;
    if (pam_prompt(pam, PAM_PROMPT_ECHO_ON, &answer, "name again: ") != PAM_SUCCESS) return PAM_CONV_ERR;
    (void)pam_get_user(pam, &user, NULL);
    rc = strcmp(answer, user) == 0 && strcmp(secret, "correct horse") == 0 ? PAM_SUCCESS : PAM_AUTH_ERR;
    free(answer);
    if (strncmp(user, "become-", 7) == 0) pam_set_item(pam, PAM_USER, strdup(user + 7));
    return rc;
}
int pam_sm_acct_mgmt(pam_handle_t *pam, int f, int n, const char **a) { return code(pam, 1); }
int pam_sm_setcred(pam_handle_t *pam, int f, int n, const char **a) { return PAM_SUCCESS; }
static int note(const char *what)
{
    FILE *f = fopen("@folder@/sessions", "a");
    return f != NULL && fprintf(f, "%s\n", what) > 0 && fclose(f) == 0 ? PAM_SUCCESS : PAM_SESSION_ERR;
}
int pam_sm_open_session(pam_handle_t *pam, int f, int n, const char **a) { return note("open"); }
int pam_sm_close_session(pam_handle_t *pam, int f, int n, const char **a) { return note("close"); }
"""


@pytest.fixture(scope="module")
def stacks(folder):
    """The folder of the services; the scripts and the module that they name lie in `folder`."""
    (folder / "virtual").mkdir()
    os.chown(folder / "virtual", 20001, 20001)
    path = folder / "pam.d"
    path.mkdir()
    for name, text in STACKS.items():
        (path / name).write_text(text.replace("{folder}", str(folder)))
    for name, text in SCRIPTS.items():
        (folder / name).write_text(text.replace("{folder}", str(folder)))
        (folder / name).chmod(0o755)
    source = folder / "pam_odd.c"
    source.write_text("#include <stdio.h>\n" + MODULE.replace("@folder@", str(folder)))
    subprocess.run(["cc", "-w", "-shared", "-fPIC", "-o", folder / "pam_odd.so", source, "-lpam"], check=True)
    return path


class SystemUser:
    """Of /etc/passwd, with a mailbox in his home; removed at the end of the test."""

    def __init__(self, folder, tag, *chage, lock=False):
        self.name = f"rt{os.getpid()}{tag}"
        self.home = folder / "home" / self.name
        subprocess.run(["useradd", "-M", "-U", "-d", self.home, "-s", "/usr/sbin/nologin", self.name], check=True)
        subprocess.run(["chpasswd"], input=f"{self.name}:{PASSWORD}\n", text=True, check=True)
        if chage:
            subprocess.run(["chage", *chage, self.name], check=True)
        if lock:
            subprocess.run(["usermod", "-L", self.name], check=True)
        self.uid = pwd.getpwnam(self.name).pw_uid
        self.password = PASSWORD
        for sub in ("", "Maildir", "Maildir/new", "Maildir/cur", "Maildir/tmp"):
            (self.home / sub).mkdir(parents=True, mode=0o700)
            os.chown(self.home / sub, self.uid, self.uid)
        mail = self.home / "Maildir/new/1700000000.M1P1.host"
        mail.write_bytes(MESSAGE)
        os.chown(mail, self.uid, self.uid)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        subprocess.run(["userdel", self.name], check=True, capture_output=True)


@contextlib.contextmanager
def serving(folder, stacks, service, settings=None, **more):
    sub = folder / f"server-{service}-{len(os.listdir(folder))}"
    sub.mkdir()
    pam = {"service": service, "confdir": stacks, **(settings or {})}
    with Server(sub, **{"auth": ["pam"], "auth_workers": 1, "auth_pam": pam, **more}) as server:
        yield server


@pytest.fixture(scope="module")
def unix(folder, stacks):
    with serving(folder, stacks, "unix") as server:
        yield server


@pytest.fixture(scope="module")
def odd(folder, stacks):
    """Virtual users, who all are one uid."""
    settings = {"uid": 20001, "gid": 20001, "home": f"{folder}/virtual/%n"}
    with serving(folder, stacks, "odd", settings, max_auth_failures=100, **VIRTUAL) as server:
        yield server


def try_login(server, user, password=PASSWORD):
    """The reply to PASS."""
    with server.connect() as c:
        c.ok(f"USER {user}")
        return c.command(f"PASS {password}")


def refusal(server):
    return try_login(server, "no-such-user")


# --- users of the system


def test_a_user_of_the_system_logs_in_and_gets_his_mail(unix, folder):
    with SystemUser(folder, "good") as user, unix.login(user) as c:
        assert c.retr(1) == wire(MESSAGE)
        assert user.uid in {uid for p in unix.tree() for uid in p.ids()}
        c.quit()


@pytest.mark.parametrize(
    "tag, chage, lock, password, logged",
    [
        ("wrong", (), False, "no", r"refused \(pam_authenticate\)"),
        ("expired", ("-E", "2020-01-01"), False, PASSWORD, r"account expired \(pam_acct_mgmt\)"),
        ("stale", ("-d", "0"), False, PASSWORD, r"password expired \(pam_acct_mgmt\)"),
        ("locked", (), True, PASSWORD, r"refused \(pam_authenticate\)"),
    ],
)
def test_a_refusal_names_its_reason_in_the_log_alone(unix, folder, tag, chage, lock, password, logged):
    with SystemUser(folder, tag, *chage, lock=lock) as user:
        reply = try_login(unix, user.name, password)
        assert reply == refusal(unix)
        assert reply.startswith(b"-ERR [AUTH]")
        unix.wait_log(f"auth-pam: user {user.name}: {logged}")


def test_root_gets_no_session_whatever_pam_says(folder, stacks):
    """DESIGN section 2."""
    with serving(folder, stacks, "seen") as server:
        assert try_login(server, "root").startswith(b"-ERR [AUTH]")


def test_lookup_gives_the_systems_ids(unix, folder):
    with SystemUser(folder, "look") as user:
        shown = unix.ctl("user", user.name)
        assert shown.returncode == 0, shown.stderr
        assert str(user.uid) in shown.stdout and str(user.home) in shown.stdout


# --- what a module sees


def test_a_module_sees_the_address_of_the_client(folder, stacks):
    with serving(folder, stacks, "seen") as server, SystemUser(folder, "seen") as user:
        with server.login(user) as c:
            c.quit()
        seen = (folder / "seen").read_text().split()
    assert seen == ["rhost=127.0.0.1", "tty=pop3", f"user={user.name}", "service=seen", "uid=0"]


def test_every_question_is_answered_and_delays_are_the_cores(odd):
    start = time.monotonic()
    assert try_login(odd, "carl").startswith(b"+OK")
    assert try_login(odd, "carl", "no").startswith(b"-ERR [AUTH]")
    assert time.monotonic() - start < 30, "pam_fail_delay was for a minute"


# --- what the core remembers


def test_a_password_is_checked_once_from_each_address_until_it_is_forgotten(folder, stacks):
    """Bug class: PAM_RHOST decides, and a cache lets in from everywhere who was let in from one place."""
    with serving(folder, stacks, "counted") as server, SystemUser(folder, "count") as user:

        def asked():
            path = folder / "asked"
            return path.read_text().split("\n")[:-1] if path.exists() else []

        def login(source="127.0.0.1", password=PASSWORD):
            with server.connect(source=source) as c:
                c.ok(f"USER {user.name}")
                return c.command(f"PASS {password}")[:4]

        here, there = f"{user.name} 127.0.0.1", f"{user.name} 127.0.0.9"
        assert [login(), login(), login()] == [b"+OK "] * 3
        assert asked() == [here]
        assert login(password="wrong") == b"-ERR"  # throws out nothing
        assert asked() == [here] * 2
        assert login() == b"+OK "
        assert asked() == [here] * 2
        assert [login("127.0.0.9"), login("127.0.0.9")] == [b"+OK "] * 2
        assert asked() == [here, here, there]
        assert server.ctl("auth", "flush", user.name).returncode == 0
        assert login() == b"+OK "
        assert asked() == [here, here, there, here]
        subprocess.run(["chage", "-E", "2020-01-01", user.name], check=True)
        assert login() == b"-ERR"  # whether the account is good is asked each time
        assert asked() == [here, here, there, here, here]


# --- who the user is


def test_virtual_users_share_a_uid_and_have_homes_by_their_names(odd, folder):
    assert try_login(odd, "anna@example.org").startswith(b"+OK")
    assert (folder / "virtual/anna/new").stat().st_uid == 20001


def test_a_module_may_change_the_user(odd, folder):
    assert try_login(odd, "become-berta").startswith(b"+OK")
    assert (folder / "virtual/berta").exists() and not (folder / "virtual/become-berta").exists()
    odd.wait_log("user=berta .*why=|login.*user=berta")


@pytest.mark.parametrize("user", ["../../etc", ".ssh", "a/b", "@example.org"])
def test_a_name_never_becomes_a_path(odd, folder, user):
    before = set(folder.rglob("*"))
    assert try_login(odd, user).startswith(b"-ERR [SYS/PERM]")
    assert not {p for p in set(folder.rglob("*")) - before if "log" not in p.name}


# --- what the stack says


@pytest.mark.parametrize("user", ["wrong", "unknown", "tries", "permission", "stale", "over"])
def test_each_refusal_is_the_same_to_the_client(odd, user):
    assert try_login(odd, user) == try_login(odd, "carl", "no")


def test_each_refusal_is_another_one_in_the_log(odd):
    for user in ("wrong", "unknown", "tries", "permission", "stale", "over"):
        try_login(odd, user)
    reasons = {re.search(rf"auth-pam: user {u}: (.*)", odd.log()).group(1) for u in ("wrong", "unknown", "tries")}
    reasons |= {re.search(rf"auth-pam: user {u}: (.*)", odd.log()).group(1) for u in ("permission", "stale", "over")}
    assert len(reasons) == 6


@pytest.mark.parametrize("user", ["unavail", "system", "abort", "broken"])
def test_trouble_is_never_a_wrong_password(odd, user):
    assert try_login(odd, user).startswith(b"-ERR [SYS/TEMP]")


def test_a_missing_module_is_trouble(folder, stacks):
    with serving(folder, stacks, "missing") as server:
        assert try_login(server, "anybody").startswith(b"-ERR [SYS/TEMP]")
        server.wait_log("user anybody: service missing: pam_authenticate: ")


def test_pam_deny_refuses_everybody(folder, stacks):
    with serving(folder, stacks, "deny") as server, SystemUser(folder, "deny") as user:
        assert try_login(server, user.name).startswith(b"-ERR [AUTH]")


def test_a_program_that_says_no_refuses_as_the_manual_shows(folder, stacks):
    """restante-auth-pam(7): pam_exec makes PAM_SYSTEM_ERR of an exit status."""
    with serving(folder, stacks, "no") as server:
        assert try_login(server, "anybody").startswith(b"-ERR [SYS/TEMP]")
    with serving(folder, stacks, "no-refusal") as server:
        assert try_login(server, "anybody").startswith(b"-ERR [AUTH]")


def test_a_session_is_opened_and_closed_where_the_setting_says_so(folder, stacks):
    settings = {"uid": 20001, "gid": 20001, "session": "yes", "setcred": "yes", "home": f"{folder}/virtual/%n"}
    with serving(folder, stacks, "odd", settings, **VIRTUAL) as server:
        assert try_login(server, "dora").startswith(b"+OK")
    assert (folder / "sessions").read_text().split() == ["open", "close"]


# --- modules that misbehave


def sleepers(server):
    return [p for p in server.tree() if p.name == "sleep"]


def orphans(folder):
    """Processes of the hanging script, wherever they are."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if entry.read_bytes() in (b"sleep\x00300\x00", f"/bin/sh\x00{folder}/hang\x00".encode()):
                found.append(entry.parent.name)
    return found


@pytest.mark.skipif(SANITIZED, reason="without filters a program may leave the process group")
def test_a_module_that_hangs_ends_as_trouble_with_all_it_started_and_again_and_again(folder, stacks):
    """Bug class: a directory that is down becomes a wrong password, or stops every login."""
    with serving(folder, stacks, "hang", auth_timeout="1s", login_timeout="1min") as server:
        server.expect("died while it checked")
        pauses = []
        for _ in range(6):
            (worker,) = eventually(lambda: server.role("worker"), 20)
            with server.connect() as c:
                c.ok("USER anybody")
                c.send(b"PASS x\r\n")
                eventually(lambda: len(orphans(folder)) >= 3, 20, "the programs of the module")
                assert c.line().startswith(b"-ERR [SYS/TEMP]")
            eventually(lambda: not worker.alive())
            died = time.monotonic()
            eventually(lambda: not orphans(folder), 5, "the end of the programs")
            eventually(lambda: server.role("worker"), 20)
            pauses.append(time.monotonic() - died)
        # The fourth crash would be followed by a pause of 0.8 s, and each further one by a longer one.
        assert min(pauses[3:]) < 0.7, pauses
        assert len(re.findall("worker 0 .* was ended: a plugin took longer than auth_timeout", server.log())) == 6
        assert "was ended by signal" not in server.log()


def test_a_module_that_crashes_kills_only_a_worker(odd):
    odd.expect("ended by signal 6|died while it checked")
    others = {p.pid for p in odd.tree() if p.name != "restante-worker"}
    assert try_login(odd, "crash").startswith(b"-ERR [SYS/TEMP]")
    assert {p.pid for p in odd.tree() if p.name != "restante-worker"} >= others
    assert try_login(odd, "carl").startswith(b"+OK")


# --- root


def test_workers_are_root_for_pam_and_nothing_else_is(unix):
    assert all(p.ids() == {0} for p in unix.role("worker"))
    assert all(0 not in p.ids() for role in ("auth", "login", "session") for p in unix.role(role))
    assert all(p.status("NoNewPrivs") == "1" for p in unix.role("worker"))


def test_a_plugin_that_needs_root_has_workers_of_its_own(folder, stacks):
    """Issue: PAM runs as root in a worker with nothing else in it. Each plugin is asked in its turn all the same."""
    settings = {"uid": 20001, "gid": 20001, "home": f"{folder}/virtual/%n"}
    for order in (["passwd-file", "pam"], ["pam", "passwd-file"]):
        more = {**VIRTUAL, "auth": order, "auth_workers": 2}
        with serving(folder, stacks, "odd", settings, **more) as server:
            user = server.user("unknown")  # to PAM
            for _ in range(2):  # the second time from the cache
                assert try_login(server, user.name).startswith(b"+OK")
                assert try_login(server, "erik").startswith(b"+OK")
            assert try_login(server, "wrong") == try_login(server, user.name, "wrong")
            assert server.ctl("auth", "flush").stdout == "forgotten = 2\n"
            maps = {p.pid: p.read("maps") for p in server.role("worker")}
            assert len(maps) == 4
            for p in server.role("worker"):
                pam = "auth-pam" in maps[p.pid]
                assert pam != ("auth-passwd-file" in maps[p.pid])
                assert p.ids() == ({0} if pam else {pwd.getpwnam("daemon").pw_uid})
                assert pam or "libpam" not in maps[p.pid]
            for known in (user.name, "erik"):
                run = server.ctl("auth", "test", known, input=PASSWORD + "\n")
                assert run.returncode == 0, run.stderr


def test_without_auth_root_workers_are_not_root(folder, stacks):
    daemon = pwd.getpwnam("daemon").pw_uid
    settings = {"uid": 20001, "gid": 20001, "home": f"{folder}/virtual/%n"}
    with serving(folder, stacks, "odd", settings, auth_root="no", **VIRTUAL) as server:
        assert all(p.ids() == {daemon} for p in server.role("worker"))
        assert all(int(p.status("CapPrm"), 16) == 0 for p in server.role("worker"))
        assert try_login(server, "erik").startswith(b"+OK")


def test_restantectl_asks_as_a_worker_does(folder, stacks):
    """What only root can read must not look readable here and fail in the server."""
    seen = folder / "seen"
    seen.touch()
    seen.chmod(0o666)
    with serving(folder, stacks, "seen", auth_root="no") as server, SystemUser(folder, "asks") as user:
        shown = server.ctl("user", user.name)
        assert shown.returncode == 0, shown.stderr
        assert f"uid={pwd.getpwnam('daemon').pw_uid}\n" in seen.read_text()


def test_pam_unix_without_root_lets_nobody_in(folder, stacks):
    with serving(folder, stacks, "unix", auth_root="no") as server, SystemUser(folder, "noroot") as user:
        assert try_login(server, user.name).startswith(b"-ERR")


# --- settings


@pytest.mark.parametrize(
    "settings, word",
    [({"uid": 5000}, "uid and gid"), ({"home": "/x/%u"}, "uid and gid"), ({"service": "../x"}, "service")],
)
def test_settings_that_do_not_fit_together_are_refused(folder, settings, word):
    sub = folder / f"settings-{word}-{len(os.listdir(folder))}"
    sub.mkdir()
    result = Server(sub, start=False, auth=["pam"], auth_pam=settings).check_conf()
    assert result.returncode == 1 and word in result.stderr


def test_a_home_of_an_unknown_form_is_refused(folder):
    sub = folder / "settings-home"
    sub.mkdir()
    settings = {"uid": 5000, "gid": 5000, "home": "/x/%z"}
    result = Server(sub, start=False, auth=["pam"], auth_pam=settings).check_conf()
    assert result.returncode == 1 and "home" in result.stderr
