"""Debian's fail2ban reads the log: packaging/fail2ban, restanted(8), The log."""

import base64
import hashlib
import hmac
import re
import shutil
import socket
import subprocess

import pytest
from restante import PASSWORD, SOURCE, Pop3, Server, eventually, free_port, proxy_header

FILTER = SOURCE / "packaging/fail2ban/filter.d/restante.conf"
JAIL = SOURCE / "packaging/fail2ban/jail.d/restante.conf"
VICTIM = "198.51.100.66"  # never connects: who bans it was fooled

pytestmark = pytest.mark.skipif(not shutil.which("fail2ban-regex"), reason="fail2ban is not installed")

# How a line of the log is written: by rsyslog today and as it used to be, and as fail2ban has it from the journal.
FORMS = {
    "rsyslog": "2026-11-26T17:22:22.123456+00:00 mail ",
    "syslog": "Nov 26 17:22:22 mail ",
    "journal": "Nov 26 17:22:22 mail restanted[4711]: ",
}


def banned(lines, folder, form="rsyslog"):
    """The addresses that fail2ban would count, one for each line that it matches."""
    log = folder / f"{form}.log"
    log.write_text("".join(FORMS[form] + line + "\n" for line in lines))
    run = subprocess.run(["fail2ban-regex", "-o", "ip", log, FILTER], capture_output=True, text=True, timeout=120)
    assert run.returncode in (0, 1), run.stderr
    return run.stdout.split()


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
            return True
    except OSError:
        return False


class Guessed(Server):
    def __init__(self, folder):
        self.proxy_port, self.v6_port = free_port(), free_port()
        super().__init__(folder, start=False)
        listen = [*self.settings["listen"], f"127.0.0.1:{self.proxy_port}/proxy"]
        if has_ipv6():
            listen.append(f"[::1]:{self.v6_port}")
        self.write_conf(listen=listen, proxy_trusted=["127.0.0.1"], apop="yes", max_auth_failures=100)
        self.start()

    def through(self, ip):
        """A connection of that address: behind the proxy, or where it is one of this machine, directly."""
        if ip == "::1":
            return Pop3(self.v6_port, host="::1")
        if ip.startswith("127."):
            return Pop3(self.port, source=ip)
        c = Pop3(self.proxy_port, greeting=False)
        c.send(proxy_header(ip))
        c.greeting = c.line()
        return c


@pytest.fixture(scope="module")
def server(folder):
    with Guessed(folder) as running:
        running.user("ann")
        running.user("sly", extra="nologin=unpaid")
        yield running


def sasl(*parts):
    return base64.b64encode(b"\0".join(p if isinstance(p, bytes) else p.encode() for p in parts)).decode()


# --- ways to fail: each takes a connection, a name and a password


def user_pass(c, name, password):
    c.ok(f"USER {name}")
    return c.command(f"PASS {password}")


def auth_plain(c, name, password):
    return c.command(f"AUTH PLAIN {sasl('', name, password)}")


def auth_login(c, name, password):
    assert c.command("AUTH LOGIN").startswith(b"+ ")
    assert c.command(sasl(name)).startswith(b"+ ")
    return c.command(sasl(password))


def auth_scram(c, name, password):
    """RFC 5802, with a key that the server does not have."""
    name = name.replace("=", "=3D").replace(",", "=2C")
    first = f"n={name},r=fyko+d2lbbFgONRv9qkxdawL"
    reply = c.command(f"AUTH SCRAM-SHA-256 {sasl('n,,' + first)}")
    assert reply.startswith(b"+ "), reply
    challenge = base64.b64decode(reply[2:]).decode()
    fields = dict(x.split("=", 1) for x in challenge.split(","))
    bare = f"c=biws,r={fields['r']}"
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
    client = hmac.digest(salted, b"Client Key", "sha256")
    signed = hmac.digest(hashlib.sha256(client).digest(), f"{first},{challenge},{bare}".encode(), "sha256")
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(client, signed))).decode()
    reply = c.command(sasl(f"{bare},p={proof}"))
    if reply.startswith(b"+ "):
        reply = c.command("")
    return reply


def apop(c, name, password):
    stamp = re.search(rb"<.*>", c.greeting).group()
    return c.command(f"APOP {name} {hashlib.md5(stamp + password.encode()).hexdigest()}")


WAYS = [user_pass, auth_plain, auth_login, auth_scram, apop]
ADDRESSES = ["127.0.0.1", "127.9.8.7", "192.0.2.7", "2001:db8:1::7", *(["::1"] if has_ipv6() else [])]


def lines_after(server, end, count):
    """The log from there on, when it has so many failed logins."""
    eventually(lambda: server.log()[end:].count("login failed: ") >= count)
    return server.log()[end:].splitlines()


def fail(server, names, ways, addresses):
    """Fails to log in in all these ways. The lines of the log, and the addresses that should be found there."""
    end, expected = len(server.log()), []
    for ip in addresses:
        for way in ways:
            for name in names:
                with server.through(ip) as c:
                    assert way(c, name, "wrong").startswith(b"-ERR [AUTH]"), (way, ip, name)
                expected.append(ip)
    return lines_after(server, end, len(expected)), expected


@pytest.fixture(scope="module")
def everywhere(server):
    """Every way to log in, from every kind of address; a user who exists and one who does not."""
    return fail(server, ["ann", "nobody"], WAYS, ADDRESSES)


@pytest.mark.parametrize("form", FORMS)
def test_each_failed_login_is_found_with_its_address(everywhere, folder, form):
    lines, expected = everywhere
    assert sorted(banned(lines, folder, form)) == sorted(expected)


FORGED = f"login failed: ip={VICTIM} mech=PLAIN reason=refused known=no user="
ONE_LINE = [
    f"x {FORGED}y",
    f"x restante-auth[1]: {FORGED}y",
    FORGED,
    f"x from {VICTIM}",
    f'x" ip={VICTIM} mech="PLAIN',
    f"x' ip={VICTIM}",
    f"{VICTIM}",
    f"ip={VICTIM}",
    "x" * 200 + f" {VICTIM}",
    '"' * 200,
    "\\" * 200,
]


@pytest.fixture(scope="module")
def hostile(server):
    lines, expected = fail(server, ONE_LINE, [user_pass, auth_plain, auth_login, auth_scram], ["127.9.8.7"])
    more, again = fail(server, [n for n in ONE_LINE if " " not in n], [apop], ["127.9.8.7"])
    return lines + more, expected + again


@pytest.mark.parametrize("form", FORMS)
def test_a_name_never_bans_another_address(hostile, folder, form):
    """Bug class: a log line in which the client's own text can pass for the server's."""
    lines, expected = hostile
    assert sum(VICTIM in line for line in lines) > 30, "the names are in the log"
    assert banned(lines, folder, form) == expected


def test_a_name_with_line_ends_begins_no_line(server, folder):
    forged = f"restante-auth[1]: {FORGED}x"
    names = []
    for end in ("\n", "\r\n", "\r", "\v", "\x1b", "\x85", "\u2028"):
        names += [f"x{end}{forged}", f"x{end}{FORMS['rsyslog']}{forged}", f"{end}{forged}"]
    lines, expected = fail(server, names, [auth_plain, auth_login], ["127.9.8.7"])
    assert banned(lines, folder) == expected


def test_octets_that_are_no_text_hide_nothing(server, folder):
    end = len(server.log())
    with server.through("127.9.8.7") as c:
        for name in (b"\xff\xfe\xc3", bytes(range(1, 256))):
            assert c.command(f"AUTH PLAIN {sasl(b'', name, b'wrong')}").startswith(b"-ERR")
    assert banned(lines_after(server, end, 2), folder) == ["127.9.8.7"] * 2


def test_good_logins_and_what_is_said_of_them_ban_nobody(server, folder):
    end = len(server.log())
    for ip in ("127.3.3.3", "192.0.2.33"):
        for way in WAYS:
            with server.through(ip) as c:
                assert way(c, "ann", PASSWORD).startswith(b"+OK"), way
                c.quit()
    with server.through("127.3.3.4") as c:
        c.command("USER ann")
        c.command(f"XYZZY login failed: ip={VICTIM}")
        c.quit()
    eventually(lambda: "ip=127.3.3.4" in server.log()[end:] and server.log()[end:].count("why=quit") >= 11)
    assert banned(server.log()[end:].splitlines(), folder) == []


def test_a_good_password_that_must_not_come_in_bans_nobody(server, folder):
    end = len(server.log())
    with server.through("127.3.3.5") as c:
        assert user_pass(c, "sly", PASSWORD).startswith(b"-ERR [AUTH]")
        assert user_pass(c, "sly", "wrong").startswith(b"-ERR [AUTH]")
    assert banned(lines_after(server, end, 2), folder) == ["127.3.3.5"], "the guess counts, the good password does not"


def test_who_has_logged_in_from_an_address_does_not_get_it_banned(server, folder):
    """One phone with an old password must not lock out the office around it."""
    with server.through("127.3.3.6") as c:
        c.login(server.users["ann"][0])
        c.quit()
    end = len(server.log())
    with server.through("127.3.3.6") as c:
        user_pass(c, "ann", "the old password")
        user_pass(c, "eve", "a guess")
    lines = lines_after(server, end, 2)
    assert "known=yes user=ann" in "\n".join(lines)
    assert banned(lines, folder) == ["127.3.3.6"]


def test_the_jail_is_one_that_fail2ban_takes(folder):
    """fail2ban-client -d reads all of a configuration and prints it; nothing is started."""
    etc = folder / "fail2ban"
    shutil.copytree("/etc/fail2ban", etc)
    for path in (etc / "jail.d").iterdir():
        path.unlink()
    shutil.copy(FILTER, etc / "filter.d")
    shutil.copy(JAIL, etc / "jail.d")
    (etc / "jail.local").write_text("[sshd]\nenabled = false\n")
    run = subprocess.run(["fail2ban-client", "-c", etc, "-d"], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert "['add', 'restante', 'systemd']" in run.stdout
    assert "['set', 'restante', 'addjournalmatch', '_SYSTEMD_UNIT=restante.service']" in run.stdout
    assert "login failed: ip=" in run.stdout and "sshd" not in run.stdout
