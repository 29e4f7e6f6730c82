"""STLS and implicit TLS. RFC 2595, 8314, 8446, 7301 (ALPN), 6066 (SNI)."""

import re
import shutil
import signal
import socket
import ssl
import subprocess

import pytest
from restante import Closed, Server, client_context, eventually, make_certificate, wire

MESSAGE = b"Subject: one\n\nbody\n"


@pytest.fixture(scope="module")
def server(folder):
    """Three certificates: the default one and two that SNI chooses."""
    certs = [make_certificate(folder, stem, *names) for stem, names in CERTS.items()]
    with Server(
        folder,
        tls_cert=[c for c, _ in certs],
        tls_key=[k for _, k in certs],
        plaintext_auth="tls",
        login_processes=3,
    ) as running:
        yield running


CERTS = {
    "first": ["localhost", "127.0.0.1"],
    "second": ["pop.example.org", "mail.example.org"],
    "third": ["*.example.net"],
}


def presented(server, name, **attributes):
    """The certificate that a client gets who asks for name."""
    with socket.create_connection(("127.0.0.1", server.tls_port), 10) as s:
        with client_context(**attributes).wrap_socket(s, server_hostname=name) as t:
            return ssl.DER_cert_to_PEM_cert(t.getpeercert(True))


# --- what is spoken


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_tls_1_2_and_1_3_are_spoken(server, version):
    v = getattr(ssl.TLSVersion, version)
    with server.connect(tls=client_context(minimum_version=v, maximum_version=v)) as c:
        assert c.sock.version() == version.replace("_", ".")
        c.ok("CAPA")


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_older_versions_are_refused(server, version):
    """RFC 8996."""
    run = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{server.tls_port}", version]
        + ["-cipher", "ALL:@SECLEVEL=0", "-quiet"],
        input=b"",
        capture_output=True,
        timeout=20,
    )
    assert run.returncode != 0
    assert b"+OK" not in run.stdout


def test_a_client_that_names_pop3_by_alpn_gets_it(server):
    context = client_context()
    context.set_alpn_protocols(["pop3"])
    with server.connect(tls=context) as c:
        assert c.sock.selected_alpn_protocol() == "pop3"


def test_a_client_that_names_only_another_protocol_is_refused(server):
    """RFC 7301 section 3.2: a fatal alert; it stops cross-protocol attacks."""
    context = client_context()
    context.set_alpn_protocols(["http/1.1"])
    with pytest.raises((ssl.SSLError, Closed, ConnectionResetError)):
        server.connect(tls=context).ok("CAPA")


# --- certificates


@pytest.mark.parametrize(
    "asked, got",
    [
        ("localhost", "first"),
        ("pop.example.org", "second"),
        ("MAIL.example.ORG", "second"),
        ("a.example.net", "third"),
        ("a.b.example.net", "first"),
        ("unknown.example.com", "first"),
        (None, "first"),
    ],
)
def test_sni_chooses_the_certificate(server, asked, got):
    assert presented(server, asked).strip() in (server.folder / f"{got}.pem").read_text()


def test_a_client_that_checks_the_certificate_is_content(server):
    with server.connect(tls=client_context(server.folder / "second.pem"), name="pop.example.org") as c:
        c.ok("CAPA")


# --- STLS


def test_no_password_is_taken_without_tls(server, name):
    """plaintext_auth = tls, the default."""
    user = server.user(name)
    with server.connect() as c:
        capa = c.capa()
        assert "USER" not in capa and "STLS" in capa
        assert not any(t.startswith("SASL") and "PLAIN" in t for t in capa)
        c.err(f"USER {name}")
        c.err(f"PASS {user.password}")
        c.err("AUTH PLAIN AHgAeQ==")


def test_stls_then_login(server, name):
    user = server.user(name, [MESSAGE])
    with server.connect() as c:
        c.ok("STLS")
        c.start_tls(client_context())
        assert "USER" in c.capa()
        c.err("STLS")
        c.login(user)
        assert c.retr(1) == wire(MESSAGE)
        c.quit()


def test_what_is_sent_before_the_handshake_is_thrown_away(server, name):
    """STLS injection, CVE-2011-0411 and its kin: commands smuggled in the clear must not run under TLS."""
    user = server.user(name, [MESSAGE])
    with server.connect() as c:
        c.send(b"STLS\r\nUSER smuggled\r\nXYZZY\r\n")
        assert c.line().startswith(b"+OK")
        try:
            c.start_tls(client_context())
        except (ssl.SSLError, ConnectionResetError):
            return  # the octets were taken for a handshake and refused: as good
        assert c.buffer == b""
        c.ok("CAPA")
        c.body()
        c.err(f"PASS {user.password}")


def test_user_before_stls_is_forgotten(folder, name):
    """RFC 2595 section 4: all knowledge of the client is discarded. Dovecot remembers it."""
    sub = folder / "always"
    sub.mkdir()
    with Server(sub, plaintext_auth="always") as server:
        user = server.user(name)
        with server.connect() as c:
            c.ok(f"USER {name}")
            c.ok("STLS")
            c.start_tls(client_context())
            c.err(f"PASS {user.password}")
            c.login(user)


def test_a_language_chosen_before_stls_is_forgotten_too(server):
    with server.connect() as c:
        c.ok("LANG de")
        german = c.err("NOOP")
        c.ok("STLS")
        c.start_tls(client_context())
        assert c.err("NOOP") != german


def test_a_handshake_that_never_comes_does_not_hold_up_others(server):
    with server.connect() as c:
        c.ok("STLS")
        with server.connect(tls=True) as d:
            d.ok("CAPA")


# --- data


def test_a_large_message_comes_whole_over_tls(server, name):
    message = b"Subject: big\n\n" + b"".join(b".%d\n" % i for i in range(400000))
    with server.login(server.user(name, [message]), tls=True) as c:
        assert c.retr(1) == wire(message)
        c.quit()


def test_the_end_of_a_session_is_a_close_notify(server, name):
    """Without it a client cannot tell the end from an attacker's cut: RFC 8446 section 6.1."""
    with server.login(server.user(name), tls=True) as c:
        c.ok("QUIT")
        c.sock.suppress_ragged_eofs = False
        assert c.sock.recv(1) == b""


# --- resumption: the ticket of one login process is good for another


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_sessions_resume_across_login_processes(server, version):
    v = getattr(ssl.TLSVersion, version)
    context = client_context(minimum_version=v, maximum_version=v)
    with server.connect(tls=context) as c:
        c.ok("CAPA")
        c.body()
        session = c.sock.session
    assert session.has_ticket
    resumed = 0
    for _ in range(12):
        with server.connect(tls=context, session=session) as c:
            c.ok("CAPA")
            resumed += c.sock.session_reused
    assert resumed == 12


# --- SIGHUP


def reload(server, pattern):
    mark = len(server.log())
    server.process.send_signal(signal.SIGHUP)
    return server.wait_log(pattern, after=mark)


def test_sighup_takes_new_certificates_and_drops_no_session(server, name):
    user = server.user(name, [MESSAGE])
    with server.login(user, tls=True) as c, server.connect() as waiting:
        make_certificate(server.folder, "first", "localhost", "127.0.0.1")
        new = (server.folder / "first.pem").read_text()
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: presented(server, "localhost").strip() in new, what="the new certificate")
        assert c.retr(1) == wire(MESSAGE)
        waiting.ok("STLS")
        waiting.start_tls(client_context())
        waiting.ok("CAPA")
        c.quit()


def test_tickets_from_before_a_reload_are_still_good(server):
    context = client_context()
    with server.connect(tls=context) as c:
        c.ok("CAPA")
        c.body()
        session = c.sock.session
    before = {p.pid for p in server.role("login")}
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: not before & {p.pid for p in server.role("login")}, what="new login processes")
    with server.connect(tls=context, session=session) as c:
        c.ok("CAPA")
        assert c.sock.session_reused


@pytest.mark.parametrize("how", ["not a certificate", "key of another", "missing", "empty"])
def test_a_bad_new_certificate_is_refused_with_its_reason_and_the_old_one_stays(server, how):
    server.expect("login .* ended with status 1")
    cert = server.folder / "first.pem"
    old = cert.read_text()
    old_key = (server.folder / "first.key").read_text()
    if how == "not a certificate":
        cert.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    elif how == "key of another":
        shutil.copy(server.folder / "second.key", server.folder / "first.key")
    elif how == "missing":
        cert.unlink()
    else:
        cert.write_text("")
    try:
        reload(server, re.escape("first."))
        with server.connect(tls=True) as c:
            c.ok("CAPA")
        assert presented(server, "localhost").strip() in old
    finally:
        cert.write_text(old)
        (server.folder / "first.key").write_text(old_key)
