"""restantectl and restanted -t: restantectl(8), restante.conf(5)."""

import os
import re
import shutil
import subprocess
import time

import pytest
from restante import BUILD, LINKED_IN, PASSWORD, ROOT, SOURCE, Server, eventually, wire

MESSAGE = b"Subject: one\n\nbody\n"


# --- restanted -t


def test_a_good_configuration_is_good(server):
    run = server.check_conf()
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    "wrong, told",
    [
        ("max_connections = many", "max_connections"),
        ("max_connections = -1", "max_connections"),
        ("idle_timeout = soon", "idle_timeout"),
        ("idle_timeout = 3000000", "idle_timeout"),
        ("plaintext_auth = sometimes", "plaintext_auth"),
        ("no_such = 1", "no_such"),
        ('listen = { "nonsense" }', "listen"),
        ('listen = { "127.0.0.1:99999" }', "listen"),
        ('listen = { "127.0.0.1:10/ssl" }', "listen"),
        ("storage-maildir { no_such = 1 }", "no_such"),
        ('storage-maildir { path = "relative/path" }', "path"),
        ('storage-mbox { locks = { "fcntl", "lockf" } }', 'locks = "lockf": expected dotlock or fcntl or flock'),
        ('tls_cert = "/no/such/file"', "/no/such/file"),
        ('auth = { "no-such-plugin" }', "no-such-plugin"),
        ('storage = "../../tmp/evil"', "evil"),
        ("section-of-nothing { x = 1 }", "section-of-nothing"),
        ('include("/no/such/file.conf")', "file.conf"),
        ("language = tlh", "language"),
        ('hostname = "a>b"', "expected the name of a host"),
        ("storage-maildir { path = ~/Post", "not closed"),
        ("auth-passwd-file { path = /etc/passwd } auth = {", "not closed"),
        ("storage-mbox { locks = { dotlock, dotlock } }", "section storage-mbox: refuses its settings"),
    ],
)
def test_a_wrong_setting_is_told_with_file_line_and_what_was_expected(server, wrong, told):
    old = server.conf.read_text()
    lines = [line for line in old.splitlines() if not line.startswith(wrong.split()[0] + " ")]
    server.conf.write_text("\n".join(lines) + "\n" + wrong + "\n")
    try:
        run = server.check_conf()
    finally:
        server.conf.write_text(old)
    assert run.returncode != 0
    assert told in run.stderr
    assert f"restante.conf:{len(lines) + 1}" in run.stderr


def test_a_missing_configuration_is_told(server):
    run = subprocess.run([BUILD / "restanted", "-t", "-c", "/no/such.conf"], capture_output=True, text=True)
    assert run.returncode != 0
    assert "/no/such.conf" in run.stderr


def test_an_included_file_is_read_and_named_in_errors(server):
    old = server.conf.read_text()
    (server.folder / "more.conf").write_text("\nidle_timeout = never\n")
    server.conf.write_text(old + f'include("{server.folder}/more.conf")\n')
    try:
        run = server.check_conf()
    finally:
        server.conf.write_text(old)
    assert run.returncode != 0
    assert "more.conf:2" in run.stderr


@pytest.mark.skipif(LINKED_IN, reason="plugins are linked in")
@pytest.mark.skipif(not ROOT, reason="needs files of another uid")
def test_a_plugin_that_others_may_write_is_refused_by_name(folder):
    sub = folder / "vet"
    plugins = sub / "plugins"
    plugins.mkdir(parents=True)
    for so in (BUILD / ".libs").glob("*.so"):
        shutil.copy(so, plugins)
    server = Server(sub, start=False, plugin_path=[plugins])
    good = server.check_conf()
    if good.returncode:
        pytest.skip("folders above the test are writable: " + good.stderr)
    (plugins / "storage-maildir.so").chmod(0o777)
    run = server.check_conf()
    assert run.returncode != 0
    assert "storage-maildir.so" in run.stderr


# --- restantectl


def test_config_prints_the_effective_configuration(server):
    run = server.ctl("config")
    assert run.returncode == 0, run.stderr
    assert re.search(r"^max_connections\s*=", run.stdout, re.M)
    assert str(server.certificate) in run.stdout


def test_config_n_prints_only_what_differs(server):
    run = server.ctl("config", "-n")
    assert run.returncode == 0, run.stderr
    assert "idle_timeout" not in run.stdout
    assert "plaintext_auth" in run.stdout


def test_what_config_prints_is_a_configuration(server):
    old = server.conf.read_text()
    printed = server.ctl("config").stdout
    server.conf.write_text(printed)
    try:
        assert server.check_conf().returncode == 0
        assert server.ctl("config").stdout == printed
    finally:
        server.conf.write_text(old)


def test_a_list_of_a_plugin_is_checked_printed_and_told(server):
    old = server.conf.read_text()
    server.conf.write_text(old + 'storage-mbox { locks = {\n"fcntl", # first\n"dotlock" } }\n')
    try:
        printed = server.ctl("config", "-n").stdout
        assert '\tlocks = { "fcntl", "dotlock" }\n' in printed
        server.conf.write_text(printed)
        assert server.ctl("config", "-n").stdout == printed
        server.conf.write_text(old + 'storage-mbox { locks = { "fcntl", "fcntl" } }\n')
        twice = server.check_conf()
        assert twice.returncode != 0 and "locks: a lock is named twice" in twice.stderr
    finally:
        server.conf.write_text(old)
    help = server.ctl("plugins", "storage-mbox").stdout
    assert 'locks (list of word dotlock|fcntl|flock, default "dotlock fcntl")' in help


def test_plugins_lists_what_is_found(server):
    run = server.ctl("plugins")
    assert run.returncode == 0, run.stderr
    assert "storage-maildir" in run.stdout and "auth-passwd-file" in run.stdout


def test_plugins_name_prints_every_setting_with_its_help(server):
    run = server.ctl("plugins", "storage-maildir")
    assert run.returncode == 0, run.stderr
    assert "path" in run.stdout


def test_user_tells_what_a_login_would_get(server, name):
    user = server.user(name)
    run = server.ctl("user", name)
    assert run.returncode == 0, run.stderr
    assert str(user.home) in run.stdout and str(user.uid) in run.stdout


def test_user_of_nobody_fails(server):
    run = server.ctl("user", "nobody-here")
    assert run.returncode != 0
    assert "nobody-here" in run.stderr


def test_auth_test_tells_whether_a_password_is_right(server, name):
    server.user(name)
    right = server.ctl("auth", "test", name, input=PASSWORD + "\n")
    wrong = server.ctl("auth", "test", name, input="wrong\n")
    assert right.returncode == 0, right.stderr
    assert wrong.returncode != 0


def test_mailbox_list_shows_what_a_client_sees(server, name):
    user = server.user(name, [MESSAGE, MESSAGE + b"more\n"])
    run = server.ctl("mailbox", "list", name)
    assert run.returncode == 0, run.stderr
    with server.login(user) as c:
        for n, uid in c.uids().items():
            line = next(line for line in run.stdout.splitlines() if uid in line)
            assert str(c.sizes()[n]) in line.split()
        assert c.retr(1) == wire(MESSAGE)


def test_reload_is_a_sighup(server):
    before = {p.pid for p in server.role("login")}
    run = server.ctl("reload")
    assert run.returncode == 0, run.stderr
    eventually(lambda: before.isdisjoint({p.pid for p in server.role("login")}), what="new login processes")


def test_stop_stops_the_server(folder):
    sub = folder / "stop"
    sub.mkdir()
    server = Server(sub)
    run = server.ctl("stop")
    assert run.returncode == 0, run.stderr
    assert server.process.wait(15) == 0


@pytest.mark.parametrize("words", [[], ["no-such-verb"], ["user"], ["mailbox"], ["mailbox", "list"], ["auth", "test"]])
def test_wrong_usage_fails_and_says_how_it_is_used(server, words):
    run = server.ctl(*words)
    assert run.returncode != 0
    assert "usage" in run.stderr.lower()


def test_help_names_every_verb(server):
    run = server.ctl("help")
    text = run.stdout + run.stderr
    for verb in ("config", "plugins", "passwd", "auth", "user", "mailbox", "reload", "stop"):
        assert verb in text


# --- plugins that misbehave while the configuration is checked (tests/unit/storage_odd.c)

ODD = BUILD / ".libs/storage-odd.so"


@pytest.fixture(scope="module")
def odd(server):
    """A configuration that names the odd plugin; how it behaves is the argument."""
    conf = server.folder / "odd.conf"
    conf.write_text(server.conf.read_text() + "\nstorage-odd { }\n")

    def check(how):
        start = time.monotonic()
        run = subprocess.run(
            [BUILD / "restanted", "-t", "-c", conf],
            env={**os.environ, "ODD": how},
            capture_output=True,
            text=True,
            timeout=20,
        )
        return run, time.monotonic() - start

    return check


@pytest.mark.skipif(not ODD.exists(), reason="needs the plugins of make check")
@pytest.mark.parametrize(
    "how, told",
    [
        ("crash", "crashed"),
        ("hang", "did not come back"),
        ("exit", "ended the process"),
        ("check-crash", "crashed"),
        ("check-refuse", "refuses its settings"),
    ],
)
def test_a_plugin_that_misbehaves_is_named_within_five_seconds(odd, how, told):
    run, seconds = odd(how)
    assert run.returncode != 0
    assert "storage-odd" in run.stderr and told in run.stderr
    assert seconds < 5


@pytest.mark.skipif(not ODD.exists(), reason="needs the plugins of make check")
def test_what_a_plugin_prints_while_it_is_loaded_does_not_get_into_the_configuration(odd):
    assert odd("print")[0].returncode == 0


@pytest.mark.skipif(not ROOT or not ODD.exists(), reason="needs root, and the plugins of make check")
def test_root_reads_the_configuration_and_somebody_else_runs_the_plugins(odd, server):
    """The files are for root alone; what a plugin does is not done by root."""
    server.conf.with_name("odd.conf").chmod(0o600)
    run, _ = odd("check-root")
    assert run.returncode == 0, run.stderr


@pytest.mark.skipif(not ODD.exists(), reason="needs the plugins of make check")
def test_plugins_lists_one_that_cannot_be_used_with_the_reason(server):
    run = server.ctl("plugins")
    assert run.returncode == 0
    line = next(line for line in run.stdout.splitlines() if line.startswith("storage-unresolved"))
    assert "refused" in line and "nobody_has_this" in line


def test_passwd_names_the_schemes_when_it_does_not_know_one(server):
    run = server.ctl("passwd", "-s", "ROT13", input=PASSWORD + "\n")
    assert run.returncode == 1
    assert "SSHA512" in run.stderr


def test_a_password_with_a_colon_does_not_become_a_broken_line(server):
    run = server.ctl("passwd", "-s", "PLAIN", "x", input="a:b\n")
    assert run.returncode == 1 and run.stdout == ""


def test_a_record_that_overrides_too_much_is_told(server, name):
    server.user(name, extra="first_valid_uid=1")
    run = server.ctl("user", name)
    assert run.returncode == 1
    assert "first_valid_uid" in run.stderr


def test_reload_of_a_bad_configuration_says_why_and_changes_nothing(server):
    before = {p.pid for p in server.role("login")}
    old = server.conf.read_text()
    server.conf.write_text(old + "no_such = 1\n")
    try:
        run = server.ctl("reload")
    finally:
        server.conf.write_text(old)
    assert run.returncode == 1
    assert "no_such" in run.stderr
    assert {p.pid for p in server.role("login")} == before


def test_reload_and_stop_say_when_no_server_runs(folder):
    sub = folder / "down"
    sub.mkdir()
    server = Server(sub, start=False)
    for verb in ("reload", "stop"):
        run = server.ctl(verb)
        assert run.returncode == 1
        assert "not running" in run.stderr


@pytest.mark.parametrize("page", sorted(SOURCE.glob("plugins/*/restante-*-*.7")), ids=lambda p: p.parent.name)
def test_the_manual_page_of_a_plugin_has_its_settings_and_their_defaults(server, page):
    plugin = page.parent.name
    run = server.ctl("plugins", plugin)
    if run.returncode and not (BUILD / f".libs/{plugin}.so").exists():
        pytest.skip(f"built without {plugin}")
    text = page.read_text()
    items = {name for line in re.findall(r"(?m)^\.It Cm (.*)$", text) for name in line.split(" , ")}
    settings = re.findall(r"(?m)^    (\w+) \((.*)\)$", run.stdout)
    assert settings
    for name, rest in settings:
        default = re.search(r'default "([^"]*)"', rest)
        assert name in items
        for word in default.group(1).split() if default and "/etc/" not in default.group(1) else []:
            assert word in text, (name, word)
