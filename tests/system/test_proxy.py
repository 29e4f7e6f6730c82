"""Behind a proxy: the PROXY protocol by hand, and Debian's haproxy. restante.conf(5), Behind a proxy."""

import re
import shutil
import socket
import ssl
import subprocess

import pytest
from restante import Closed, Pop3, Server, client_context, eventually, free_port, wire

MESSAGE = b"Subject: one\n\nbody\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
STRANGER = "127.7.7.7"  # not one of the proxies


class Fronted(Server):
    """Listens as usual, and for proxies at proxy_port and tls_proxy_port."""

    def __init__(self, folder, **settings):
        self.proxy_port, self.tls_proxy_port = free_port(), free_port()
        super().__init__(folder, start=False)
        listen = [f"127.0.0.1:{self.proxy_port}/proxy", f"127.0.0.1:{self.tls_proxy_port}/tls/proxy"]
        self.write_conf(
            listen=[*self.settings["listen"], *listen], proxy_trusted=["127.0.0.1", "127.0.1.0/24", "::1"], **settings
        )
        self.start()


@pytest.fixture(scope="module")
def server(folder):
    with Fronted(folder, plaintext_auth="tls", proxy_tls="yes") as running:
        yield running


@pytest.fixture(scope="module")
def loose(folder):
    """Passwords are taken anywhere, and no proxy is believed about TLS."""
    sub = folder / "loose"
    sub.mkdir()
    with Fronted(sub, max_connections_per_address=2) as running:
        running.user("ann", [MESSAGE])
        yield running


def v2(source, to="198.51.100.9", more=b"", command=0x21):
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    body = socket.inet_pton(family, source) + socket.inet_pton(family, to) + b"\xc3\x50\x00\x6e" + more
    head = bytes([command, 0x21 if family == socket.AF_INET6 else 0x11]) + len(body).to_bytes(2, "big")
    return SIGNATURE + head + body


TLS13 = b"\x20\x00\x0f\x01\0\0\0\0\x21\x00\x07TLSv1.3"


def through(server, header, tls=None, source="127.0.0.1"):
    """A connection as a proxy makes it: the header, then the client."""
    port = server.tls_proxy_port if tls else server.proxy_port
    c = Pop3.__new__(Pop3)
    c.host, c.name = "127.0.0.1", "localhost"
    c.sock = socket.create_connection(("127.0.0.1", port), 20, source_address=(source, 0))
    c.buffer, c.seen, c.greeting = b"", b"", b""
    c.sock.sendall(header)
    if tls:
        c.sock = tls.wrap_socket(c.sock, server_hostname="localhost")
    c.greeting = c.line()
    return c


def capa(c):
    c.ok("CAPA")
    return c.body().decode().split("\r\n")


# --- by hand


@pytest.mark.parametrize(
    "header, ip",
    [
        (b"PROXY TCP4 192.0.2.7 198.51.100.9 50000 110\r\n", "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 50000 110\r\n", "2001:db8::7"),
        (v2("192.0.2.8"), "192.0.2.8"),
        (v2("2001:db8::8", "2001:db8::1"), "2001:db8::8"),
        (v2("::ffff:192.0.2.9", "::1"), "192.0.2.9"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        (v2("192.0.2.10", command=0x20), "127.0.0.1"),
    ],
    ids=["v1", "v1 v6", "v2", "v2 v6", "v2 mapped", "unknown", "local"],
)
def test_the_address_is_the_one_that_the_header_tells(loose, header, ip):
    end = len(loose.log())
    with through(loose, header) as c:
        c.login(loose.users["ann"][0])
        assert c.retr(1) == wire(MESSAGE)
        c.quit()
    loose.wait_log(rf"user=ann ip={re.escape(ip)} .*why=quit", after=end)


def test_a_failed_login_is_logged_with_the_clients_address(loose):
    with through(loose, v2("192.0.2.11")) as c:
        c.ok("USER nobody-such")
        c.err("PASS x")
    loose.wait_log("login failed: .*ip=192.0.2.11 .*user=nobody-such")


def test_a_header_may_come_octet_by_octet(server, name):
    user = server.user(name)
    with socket.create_connection(("127.0.0.1", server.proxy_port), 20) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in v2("192.0.2.12", more=TLS13):
            s.sendall(bytes([octet]))
        s.sendall(f"USER {user.name}\r\nPASS {user.password}\r\nQUIT\r\n".encode())
        got = b""
        while piece := s.recv(4096):
            got += piece
    assert got.count(b"+OK") == 4, got


def test_commands_in_the_same_packet_as_the_header_are_run(loose):
    with through(loose, b"PROXY UNKNOWN\r\nQUIT\r\n") as c:
        assert c.line().startswith(b"+OK")
        assert c.rest() == b""


def nothing_but_the_end(sock):
    try:
        return sock.recv(100) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    "start",
    [b"CAPA\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", SIGNATURE + b"\x31\x11\x00\x00", b"\x16\x03\x01\x02\x00"],
    ids=["none", "malformed", "unknown version", "TLS"],
)
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_connection_without_a_header_is_closed_without_a_word(server, start, tls):
    """Bug class: an optional header lets anybody claim an address."""
    end = len(server.log())
    port = server.tls_proxy_port if tls else server.proxy_port
    with socket.create_connection(("127.0.0.1", port), 20) as s:
        s.sendall(start)
        assert nothing_but_the_end(s)
    server.wait_log('no login ip=127.0.0.1 .*why=".*PROXY', after=end)


def test_the_greeting_waits_for_the_header_and_that_only_some_seconds(server):
    with socket.create_connection(("127.0.0.1", server.proxy_port), 30) as s:
        s.sendall(b"PROXY TCP4 ")
        assert nothing_but_the_end(s)
    server.wait_log("no login ip=127.0.0.1 .*why=timeout")


def test_a_header_from_elsewhere_than_a_proxy_is_not_read(server):
    with socket.create_connection(("127.0.0.1", server.proxy_port), 20, source_address=(STRANGER, 0)) as s:
        assert nothing_but_the_end(s)
    server.wait_log(f'no login ip={STRANGER} why="not in proxy_trusted"')
    with pytest.raises((Closed, ConnectionError)):
        through(server, v2("192.0.2.13"), source=STRANGER)
    assert "192.0.2.13" not in server.log()
    with through(server, v2("192.0.2.14"), source="127.0.1.77") as c:  # 127.0.1.0/24 is
        c.quit()


def test_a_header_to_an_address_without_proxy_is_a_command_that_makes_no_sense(server):
    with server.connect() as c:
        c.err(b"PROXY TCP4 192.0.2.15 198.51.100.9 50000 110")
        c.quit()


def test_limits_are_those_of_the_clients_address(loose):
    """max_connections_per_address is 2: for each client, not for the proxy."""
    clients = [through(loose, v2(f"192.0.2.{n}")) for n in (20, 20, 21, 22, 23)]
    third = through(loose, v2("192.0.2.20"))
    assert third.greeting.startswith(b"-ERR")
    assert third.rest() == b""
    loose.wait_log('no login ip=192.0.2.20 .*why="too many connections from this address"')
    for c in clients:
        c.quit()
        c.close()

    def free_again():
        with through(loose, v2("192.0.2.20")) as c:
            return c.greeting.startswith(b"+OK")

    eventually(free_again)


def test_a_session_without_relay_counts_for_the_clients_address(loose):
    with through(loose, v2("192.0.2.30")) as a:
        a.login(loose.users["ann"][0])
        with through(loose, v2("192.0.2.30")) as b, through(loose, v2("192.0.2.30")) as c:
            assert b.greeting.startswith(b"+OK") and c.greeting.startswith(b"-ERR")


# --- TLS


def test_tls_that_the_proxy_hands_on_begins_behind_the_header(server, name):
    user = server.user(name, [MESSAGE])
    with through(server, v2("192.0.2.40"), tls=client_context()) as c:
        assert "STLS" not in capa(c)
        c.login(user)
        c.quit()
    server.wait_log(rf"user={name} ip=192.0.2.40 .*tls=TLSv1.3")


def test_a_client_of_a_proxy_may_begin_tls_later(server, name):
    user = server.user(name, [MESSAGE])
    with through(server, v2("192.0.2.41")) as c:
        assert "STLS" in capa(c)
        c.err(f"USER {name}")  # plaintext_auth is tls
        c.ok("STLS")
        c.start_tls(client_context())
        c.login(user)
        c.quit()


def test_a_client_with_tls_to_the_proxy_may_send_a_password_where_proxy_tls_says_so(server, name):
    user = server.user(name, [MESSAGE])
    with through(server, v2("192.0.2.42", more=TLS13)) as c:
        assert "STLS" not in capa(c) and "USER" in capa(c)
        c.err("STLS")
        c.login(user)
        assert c.retr(1) == wire(MESSAGE)
        c.quit()
    server.wait_log(rf"user={name} ip=192.0.2.42 .*tls=TLSv1.3")
    no_tls = b"\x20\x00\x05\x00\0\0\0\0"
    with through(server, v2("192.0.2.43", more=no_tls)) as c:
        assert "STLS" in capa(c)
        c.err(f"USER {name}")


def test_without_proxy_tls_the_proxy_is_not_believed(folder, name):
    sub = folder / "strict"
    sub.mkdir()
    with Fronted(sub, plaintext_auth="loopback") as server:
        user = server.user(name)
        with through(server, v2("192.0.2.44", more=TLS13)) as c:
            assert "STLS" in capa(c)
            c.err(f"USER {name}")
        with through(server, v2("127.0.0.1")) as c:  # proxy and client are both here
            c.login(user)
            c.quit()


# --- configuration


@pytest.mark.parametrize(
    "settings, word",
    [
        ({"listen": ["127.0.0.1:1/proxy"]}, "needs proxy_trusted"),
        ({"proxy_trusted": ["192.0.2.0/33"]}, "expected networks"),
        ({"proxy_trusted": ["localhost"]}, "expected networks"),
        ({"listen": ["127.0.0.1:1/proxy/tls"]}, "/tls/proxy"),
    ],
)
def test_a_wrong_setting_is_named(folder, settings, word):
    sub = folder / "wrong"
    sub.mkdir(exist_ok=True)
    result = Server(sub, start=False, **settings).check_conf()
    assert result.returncode == 1 and word in result.stderr


# --- HAProxy


class HAProxy:
    """One in front of the server, in a folder of its own."""

    def __init__(self, folder, server):
        self.folder = folder / "haproxy"
        self.folder.mkdir(exist_ok=True)
        self.ports = {k: free_port() for k in ("v1", "v2", "crc", "handed", "ended")}
        (self.folder / "both.pem").write_text(server.certificate.read_text() + server.key.read_text())
        plain, tls = f"127.0.0.1:{server.proxy_port}", f"127.0.0.1:{server.tls_proxy_port}"
        proxies = {
            "v1": ("", plain, "send-proxy check inter 100ms"),
            "v2": ("", plain, "send-proxy-v2 check inter 100ms"),
            "crc": ("", plain, "send-proxy-v2 proxy-v2-options crc32c,ssl,unique-id"),
            "handed": ("", tls, "send-proxy-v2"),
            "ended": (f"ssl crt {self.folder}/both.pem", plain, "send-proxy-v2-ssl"),
        }
        lines = ["defaults", "  mode tcp", "  timeout connect 20s", "  timeout client 60s", "  timeout server 60s"]
        for name, (bind, to, how) in proxies.items():
            lines += [f"listen {name}", f"  bind 0.0.0.0:{self.ports[name]} {bind}", f"  server one {to} {how}"]
        (self.folder / "cfg").write_text("\n".join(lines) + "\n")

    def __enter__(self):
        log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(["haproxy", "-db", "-f", self.folder / "cfg"], stdout=log, stderr=log)
        eventually(self.listens, 20, "haproxy")
        return self

    def listens(self):
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            socket.create_connection(("127.0.0.1", self.ports["ended"]), 5).close()
            return True
        except OSError:
            return False

    def __exit__(self, *error):
        self.process.terminate()
        self.process.wait(10)

    def connect(self, name, source, tls=False):
        c = Pop3.__new__(Pop3)
        c.host, c.name = "127.0.0.1", "localhost"
        c.sock = socket.create_connection(("127.0.0.1", self.ports[name]), 20, source_address=(source, 0))
        c.buffer, c.seen, c.greeting = b"", b"", b""
        if tls:
            c.sock = client_context().wrap_socket(c.sock)
        c.greeting = c.line()
        return c


@pytest.fixture(scope="module")
def haproxy(folder, server):
    if not shutil.which("haproxy"):
        pytest.skip("no haproxy")
    with HAProxy(folder, server) as running:
        yield running


@pytest.mark.parametrize("how, tls", [("handed", "TLSv1.3"), ("ended", "TLSv1.3")])
def test_haproxy_with_tls_handed_on_or_ended_there(server, haproxy, name, how, tls):
    user = server.user(name, [MESSAGE])
    with haproxy.connect(how, "127.5.0.1", tls=True) as c:
        assert isinstance(c.sock, ssl.SSLSocket)
        c.login(user)
        assert c.retr(1) == wire(MESSAGE)
        c.quit()
    server.wait_log(rf"user={name} ip=127.5.0.1 .*tls={tls}")


@pytest.mark.parametrize("how", ["v1", "v2", "crc"])
def test_haproxy_without_tls(server, haproxy, name, how):
    server.user(name)
    with haproxy.connect(how, "127.5.0.2") as c:
        assert "STLS" in capa(c)
        c.err(f"USER {name}")
        end = len(server.log())
        c.quit()
    server.wait_log("no login ip=127.5.0.2 .*why=quit", after=end)


@pytest.mark.parametrize("how", ["handed", "ended"])
def test_who_and_penalties_have_the_address_of_haproxys_client(folder, name, how):
    """Bug class: all clients of a proxy pay for one."""
    if not shutil.which("haproxy"):
        pytest.skip("no haproxy")
    sub = folder / f"asked-{how}"
    sub.mkdir()
    settings = {"plaintext_auth": "tls", "proxy_tls": "yes", "auth_failure_delay": "1s"}
    with Fronted(sub, **settings) as server, HAProxy(sub, server) as haproxy:
        user = server.user(name, [MESSAGE])
        with haproxy.connect(how, "127.6.0.3", tls=True) as c:
            c.ok("USER nobody-such")
            c.err("PASS x", "AUTH")
        server.wait_log("login failed: ip=127.6.0.3 .*user=nobody-such")
        with haproxy.connect(how, "127.6.0.4", tls=True) as c:
            c.login(user)
            who = server.ctl("who").stdout
            assert re.search(rf"user={name} .*ip=127.6.0.4 .*tls=TLSv1.3", who), who
            c.quit()
        penalties = server.ctl("penalty", "list").stdout
        assert re.search(r"^address=127.6.0.3 ", penalties, re.M), penalties
        assert not re.search("127.0.0.1|127.6.0.4", penalties), penalties
        assert server.ctl("penalty", "clear", "127.6.0.3").returncode == 0
        assert "127.6.0.3" not in server.ctl("penalty", "list").stdout


def test_the_limit_of_an_address_holds_behind_haproxy(folder):
    if not shutil.which("haproxy"):
        pytest.skip("no haproxy")
    sub = folder / "limit"
    sub.mkdir()
    with Fronted(sub, max_connections_per_address=3) as server, HAProxy(sub, server) as haproxy:
        held = [haproxy.connect("v2", "127.6.0.1") for _ in range(3)]
        assert all(c.greeting.startswith(b"+OK") for c in held)
        with haproxy.connect("v1", "127.6.0.1") as c:
            assert c.greeting.startswith(b"-ERR")
        with haproxy.connect("v2", "127.6.0.2") as c:
            assert c.greeting.startswith(b"+OK")
        for c in held:
            c.close()
