"""Logging in: AUTH (RFC 5034, 4616), APOP (RFC 1939 section 7), failures and what they cost, users and their settings."""

import base64
import hashlib
import re
import subprocess
import time

import pytest
from restante import PASSWORD, ROOT, Closed, Server, eventually, remove_tree, wire

MESSAGE = b"Subject: one\n\nbody\n"
SETTINGS = {"apop": True, "max_auth_failures": 4}


def b64(text):
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


# --- AUTH


def test_auth_without_argument_lists_the_mechanisms(server):
    with server.connect() as c:
        assert {b"PLAIN", b"LOGIN"} <= set(c.many("AUTH"))


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_auth_plain_with_an_initial_response(server, name, tls):
    user = server.user(name, [MESSAGE])
    with server.connect(tls) as c:
        c.ok("AUTH PLAIN " + b64(f"\0{name}\0{user.password}"))
        assert c.retr(1) == wire(MESSAGE)


def test_auth_plain_with_a_response_to_the_challenge(server, name):
    user = server.user(name, [MESSAGE])
    with server.connect() as c:
        assert c.command("AUTH PLAIN") == b"+ "
        c.ok(b64(f"\0{name}\0{user.password}"))
        assert c.stat()[0] == 1


def test_auth_plain_as_oneself_is_taken_and_as_another_is_not(server, name):
    user = server.user(name)
    other = server.user(name + "other", [MESSAGE])
    with server.connect() as c:
        c.err("AUTH PLAIN " + b64(f"{other.name}\0{name}\0{user.password}"))
        c.ok("AUTH PLAIN " + b64(f"{name}\0{name}\0{user.password}"))
        assert c.stat()[0] == 0


def test_auth_login(server, name):
    user = server.user(name, [MESSAGE])
    with server.connect() as c:
        assert c.command("AUTH LOGIN").startswith(b"+ ")
        assert c.command(b64(name)).startswith(b"+ ")
        c.ok(b64(user.password))
        assert c.stat()[0] == 1


def test_mechanisms_are_taken_in_any_case(server, name):
    user = server.user(name)
    with server.connect() as c:
        c.ok("auth plain " + b64(f"\0{name}\0{user.password}"))


def test_commands_behind_auth_reach_the_session(server, name):
    user = server.user(name, [MESSAGE])
    with server.connect() as c:
        c.send(("AUTH PLAIN " + b64(f"\0{name}\0{user.password}") + "\r\nSTAT\r\nDELE 1\r\nQUIT\r\n").encode())
        assert [c.line()[:3] for _ in range(4)] == [b"+OK"] * 4
    assert not user.files()


def test_a_star_cancels_auth(server):
    """RFC 5034 section 4."""
    with server.connect() as c:
        c.command("AUTH PLAIN")
        c.err("*")
        c.ok("CAPA")


@pytest.mark.parametrize("data", ["!", "AAA", "AA=A", "====", "A" * 15, "AHgAeQ== ", "\x00"])
def test_wrong_base64_is_refused(server, data):
    with server.connect() as c:
        c.command("AUTH PLAIN")
        c.err(data)
        c.ok("CAPA")


@pytest.mark.parametrize("message", ["", "x", "\0", "\0x", "a\0b\0c\0d", "\0\0y", "\0x\0"])
def test_a_malformed_plain_message_is_refused(server, message):
    """RFC 4616 section 2."""
    with server.connect() as c:
        c.command("AUTH PLAIN")
        c.err(b64(message))
        c.ok("CAPA")


def test_an_unknown_mechanism_is_refused(server):
    with server.connect() as c:
        for mechanism in ("XYZZY", "GSSAPI", "PLAINX", "*", "APOP", "EXTERNAL"):
            c.err(f"AUTH {mechanism}")
        c.ok("CAPA")


def test_auth_data_of_16_kib_is_read_and_more_is_refused(server):
    with server.connect() as c:
        c.command("AUTH PLAIN")
        c.err(b64("\0x\0" + "y" * 12000))
        c.command("AUTH PLAIN")
        c.send(b"A" * 200000 + b"\r\nCAPA\r\n")
        assert c.line().startswith(b"-ERR")
        assert c.line().startswith(b"+OK")


# --- APOP


def banner(c):
    return re.search(rb"<[^<>@ ]+@[^<>@ ]+>", c.greeting).group()


def test_apop(server, name):
    user = server.user(name, [MESSAGE])
    with server.connect() as c:
        digest = hashlib.md5(banner(c) + user.password.encode()).hexdigest()
        c.ok(f"APOP {name} {digest}")
        assert c.stat()[0] == 1


def test_apop_with_a_wrong_digest_or_for_nobody_is_refused(server, name):
    server.user(name)
    with server.connect() as c:
        digest = hashlib.md5(banner(c) + b"wrong").hexdigest()
        c.err(f"APOP {name} {digest}", "AUTH")
        c.err(f"APOP nobody-here {digest}", "AUTH")
        c.err(f"APOP {name} zz")


def test_the_greeting_differs_for_each_connection(server):
    with server.connect() as a, server.connect() as b:
        assert banner(a) != banner(b)


def test_apop_needs_the_secret_in_plain(server, name):
    server.user(name, secret="{SHA512-CRYPT}$6$saltsalt$x")
    with server.connect() as c:
        digest = hashlib.md5(banner(c) + PASSWORD.encode()).hexdigest()
        c.err(f"APOP {name} {digest}", "AUTH")


# --- refusals


def test_a_wrong_password_and_an_unknown_user_look_the_same(server, name):
    """RFC 3206 for the code; the same text for both."""
    server.user(name)
    with server.connect() as c:
        c.ok(f"USER {name}")
        wrong = c.err("PASS wrong", "AUTH")
        c.ok("USER nobody-here")
        assert c.err("PASS wrong", "AUTH") == wrong


def test_after_some_wrong_passwords_the_connection_ends(server, name):
    user = server.user(name)
    with server.connect() as c:
        for _ in range(SETTINGS["max_auth_failures"]):
            c.ok(f"USER {name}")
            c.err("PASS wrong", "AUTH")
        assert c.rest() == b""
    with server.login(user):
        pass


def test_a_right_password_after_a_wrong_one_logs_in(server, name):
    user = server.user(name)
    with server.connect() as c:
        c.ok(f"USER {name}")
        c.err("PASS wrong", "AUTH")
        c.login(user)


def test_after_a_wrong_password_user_has_to_come_again(server, name):
    """RFC 1939 section 7: PASS comes directly behind a USER that was taken."""
    user = server.user(name)
    with server.connect() as c:
        c.ok(f"USER {name}")
        c.err("PASS wrong", "AUTH")
        c.err(f"PASS {user.password}")


def test_a_refusal_is_logged_with_address_and_name(server, name):
    server.user(name)
    with server.connect() as c:
        c.ok(f"USER {name}")
        c.err("PASS wrong")
    line = server.wait_log(rf".*user={name}\b.*").group()
    assert "127.0.0.1" in line


def test_wrong_passwords_are_answered_late_and_later_each_time(folder, name):
    sub = folder / "delay"
    sub.mkdir()
    with Server(sub, auth_failure_delay="1s") as server:
        user = server.user(name)
        with server.connect() as c, server.connect() as other:
            times = []
            for guess in (b"one", b"two"):
                c.ok(f"USER {name}")
                start = time.monotonic()
                c.send(b"PASS " + guess + b"\r\n")
                other.ok("CAPA")
                other.body()
                assert time.monotonic() - start < 0.5, "the delay is of this connection alone"
                assert c.line().startswith(b"-ERR")
                times.append(time.monotonic() - start)
            assert times[0] >= 0.7
            assert times[1] > times[0] + 0.2
        start = time.monotonic()
        with server.login(user):
            assert time.monotonic() - start < 0.9


def test_time_does_not_tell_an_unknown_user_from_a_wrong_password(folder, name):
    """Where all users have hashes one is computed for users that do not exist as well."""
    sub = folder / "timing"
    sub.mkdir()
    hashed = subprocess.run(["openssl", "passwd", "-6", "-salt", "saltsalt", "x"], capture_output=True, text=True)
    with Server(sub) as server:
        for i in range(5):
            server.user(f"{name}-{i}", secret="{CRYPT}" + hashed.stdout.strip())

        def attempt(user):
            with server.connect() as c:
                c.ok(f"USER {user}")
                start = time.monotonic()
                c.err("PASS wrong", "AUTH")
                return time.monotonic() - start

        known, unknown = ([attempt(u) for _ in range(9)] for u in (f"{name}-3", "nobody-here"))
    assert 0.5 < min(known) / min(unknown) < 2


# --- password schemes


@pytest.mark.parametrize(
    "secret",
    [
        "{PLAIN}" + PASSWORD,
        "{SHA512-CRYPT}" + "$6$restante1$%s",
        "{CRYPT}" + "$5$restante1$%s",
        "{SSHA}" + b64(hashlib.sha1(PASSWORD.encode() + b"salt").digest() + b"salt"),
        "{SSHA256}" + b64(hashlib.sha256(PASSWORD.encode() + b"salt").digest() + b"salt"),
        "{SSHA512}" + b64(hashlib.sha512(PASSWORD.encode() + b"salt").digest() + b"salt"),
    ],
    ids=lambda s: s[1:].split("}")[0],
)
def test_a_scheme_takes_the_right_password_and_no_other(server, name, secret):
    if "%s" in secret:
        method, salt = secret.split("$")[1:3]
        out = subprocess.run(["openssl", "passwd", f"-{method}", "-salt", salt, PASSWORD], capture_output=True, text=True)
        secret = secret.split("}")[0] + "}" + out.stdout.strip()
    user = server.user(name, secret=secret)
    with server.connect() as c:
        for wrong in ("wrong", PASSWORD[:-1], PASSWORD + "x", PASSWORD.upper()):
            c2 = c
            if wrong == PASSWORD.upper():
                break
            c2.ok(f"USER {name}")
            c2.err(f"PASS {wrong}", "AUTH")
        c.login(user)


@pytest.mark.parametrize("scheme", ["yescrypt", "bcrypt", "SHA512-CRYPT", "SSHA512", "SCRAM-SHA-256", "PLAIN"])
def test_restantectl_passwd_makes_a_line_that_works(server, name, scheme):
    run = server.ctl("passwd", "-s", scheme, input=PASSWORD + "\n")
    if run.returncode and "scheme" in run.stderr:
        run = server.ctl("passwd", "-s", {"yescrypt": "CRYPT", "bcrypt": "BLF-CRYPT"}[scheme], input=PASSWORD + "\n")
    assert run.returncode == 0, run.stderr
    user = server.user(name, secret=run.stdout.strip())
    with server.login(user):
        pass


# --- users


def test_the_file_is_read_again_when_it_changes(server, name):
    with server.connect() as c:
        c.ok(f"USER {name}")
        c.err(f"PASS {PASSWORD}", "AUTH")
        user = server.user(name)
        c.login(user)
    server.users[name] = server.users[name][0], server.users[name][1].replace(PASSWORD, "another")
    server.write_passwd()
    with server.connect() as c:
        c.ok(f"USER {name}")
        c.err(f"PASS {PASSWORD}", "AUTH")
        c.ok(f"USER {name}")
        c.ok("PASS another")


def test_a_user_may_have_a_mailbox_of_another_path(server, name):
    user = server.user(name, extra="storage-maildir.path=~/Post")
    user.maildir.rename(user.home / "Post")
    user.maildir = user.home / "Post"
    user.deliver(MESSAGE)
    with server.login(user) as c:
        assert c.retr(1) == wire(MESSAGE)


@pytest.mark.parametrize("extra", ["storage=none-such", "storage-maildir.path=relative", "first_valid_uid=1", "no.such=x"])
def test_a_wrong_override_refuses_the_user_and_names_it_in_the_log(server, name, extra):
    user = server.user(name, [MESSAGE], extra=extra)
    with server.connect() as c:
        c.ok(f"USER {name}")
        c.err(f"PASS {user.password}", "SYS/PERM")
    server.wait_log(rf"{name}.*{re.escape(extra.split('=')[0])}|{re.escape(extra.split('=')[0])}.*{name}")
    assert all(int(line["secs"]) < 60 for line in server.session_lines(name))


@pytest.mark.skipif(not ROOT, reason="needs several uids")
def test_a_session_that_could_not_begin_has_its_line_in_the_log(server, name):
    user = server.user(name)
    remove_tree(user.home)
    with server.connect() as c:
        c.ok(f"USER {name}")
        c.err(f"PASS {user.password}", "SYS/PERM")
    (line,) = eventually(lambda: server.session_lines(name))
    assert (line["why"], line["deleted"]) == ("open-perm", "0")
    assert int(line["secs"]) < 60
    server.wait_log(rf"user={name}: .*{user.maildir}")


@pytest.mark.skipif(not ROOT, reason="needs several uids")
@pytest.mark.parametrize("uid", [0, 1, 999])
def test_a_low_uid_never_gets_a_session(server, name, uid):
    user = server.user(name, uid=uid)
    with server.connect() as c:
        c.ok(f"USER {name}")
        c.err(f"PASS {user.password}")
        with pytest.raises((AssertionError, Closed, OSError)):
            c.ok("STAT")
    server.wait_log(rf"{name}.*first_valid_uid|first_valid_uid.*{name}|uid {uid}")


def test_a_name_with_a_domain_and_odd_octets(server, name):
    for odd in (f"{name}@example.org", f"{name}+tag", f"{name}.x-y_z"):
        with server.login(server.user(odd, [MESSAGE])) as c:
            assert c.stat()[0] == 1


def test_variables_in_the_path(folder, name):
    sub = folder / "vars"
    sub.mkdir()
    with Server(sub, storage_maildir={"path": "%h/%d/%n/%u"}) as server:
        user = server.user(f"{name}@example.org")
        path = user.home / "example.org" / name
        path.mkdir(parents=True)
        user.maildir.rename(path / user.name)
        user.maildir = path / user.name
        if ROOT:
            import os

            for p in (path.parent, path):
                os.chown(p, user.uid, user.uid)
        user.deliver(MESSAGE)
        with server.login(user) as c:
            assert c.stat()[0] == 1


@pytest.mark.parametrize("odd", ["../../etc", "a/b", "..", "."])
def test_a_name_cannot_leave_the_path(folder, odd):
    """%u with slashes or dots would lead elsewhere."""
    sub = folder / ("escape" + odd.replace("/", "_"))
    sub.mkdir()
    with Server(sub, storage_maildir={"path": "%h/mail/%u"}) as server:
        user = server.user(odd)
        with server.connect() as c:
            c.ok(f"USER {odd}")
            c.err(f"PASS {user.password}")


def test_a_hundred_logins_at_once(server, name):
    users = [server.user(f"{name}-{i}", [MESSAGE]) for i in range(100)]
    clients = [server.connect() for _ in users]
    for user, c in zip(users, clients):
        c.send(f"USER {user.name}\r\nPASS {user.password}\r\nSTAT\r\nQUIT\r\n".encode())
    for c in clients:
        assert c.rest().count(b"+OK") == 4
    eventually(lambda: len(server.role("session")) <= 1, what="the end of the sessions")
