"""SASL: SCRAM (RFC 5802, 7677, 9266), EXTERNAL (RFC 4422), OAUTHBEARER (RFC 7628) and XOAUTH2.

What the client says is said by others: gsasl speaks SCRAM and EXTERNAL, and this test carries its lines between it and
the server; over TLS openssl s_client carries them, which also tells the exporter's value. curl, mpop and fetchmail do
all by themselves. Only tls-server-end-point, which none of them has, is spoken by a few lines here.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import re
import shutil
import ssl
import subprocess
import tempfile
import time

import pytest
from restante import BUILD, PASSWORD, ROOT, Pop3, Server, client_context, eventually, quote, wire

MESSAGE = b"Subject: one\n\nbody\n"
ISSUER, AUDIENCE = "https://issuer.example", "mail.example"
ALL = ["PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "EXTERNAL"]
TOKENS = (BUILD / ".libs/auth-oauth2.so").exists()


def need(program):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")


def openssl(*words, **more):
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, **more).stdout


def b64(octets):
    return base64.b64encode(octets.encode() if isinstance(octets, str) else octets).decode()


def b64url(octets):
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


# --- an authority for clients, an issuer of tokens


class Authority:
    """Signs certificates of clients."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.cert, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        self.make(self.cert, self.key, f"/CN={name}")

    def make(self, cert, key, subject, *more):
        ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        openssl("req", "-x509", *ec, "-keyout", key, "-out", cert, "-subj", subject, *more)

    def client(self, subject, *more):
        """Paths of certificate and key."""
        stem = re.sub(r"\W+", "-", self.name + subject)
        cert, key = self.folder / f"{stem}.pem", self.folder / f"{stem}.key"
        self.make(cert, key, subject, "-CA", self.cert, "-CAkey", self.key, *more)
        key.chmod(0o644)
        return cert, key


class Issuer:
    """Signs tokens, with the openssl command."""

    def __init__(self, folder):
        self.rsa, self.ec, self.forged = folder / "rsa.key", folder / "ec.key", folder / "forged.key"
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.rsa)
        for key in (self.ec, self.forged):
            openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)

    def jwks(self):
        n = openssl("rsa", "-in", self.rsa, "-noout", "-modulus").decode().strip().split("=")[1]
        point = openssl("pkey", "-in", self.ec, "-pubout", "-outform", "DER")[-64:]
        rsa = {"kty": "RSA", "kid": "r", "use": "sig", "n": b64url(bytes.fromhex(n)), "e": "AQAB"}
        ec = {"kty": "EC", "kid": "e", "crv": "P-256", "x": b64url(point[:32]), "y": b64url(point[32:])}
        return json.dumps({"keys": [rsa, ec]})

    def token(self, user, key=None, alg="ES256", **claims):
        now = int(time.time())
        payload = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 300, "email": user, **claims}
        header = {"alg": alg, "kid": "e" if alg == "ES256" else "r", "typ": "JWT"}
        text = b64url(json.dumps(header).encode()) + "." + b64url(json.dumps(payload).encode())
        key = key or (self.ec if alg == "ES256" else self.rsa)
        signature = openssl("dgst", "-sha256", "-sign", key, input=text.encode())
        return text + "." + b64url(raw(signature) if alg == "ES256" else signature)


def raw(der):
    """r and s of an ECDSA signature (RFC 7518 section 3.4)."""
    out, at = b"", 2
    for _ in range(2):
        n = der[at + 1]
        out += der[at + 2 : at + 2 + n].lstrip(b"\0").rjust(32, b"\0")
        at += 2 + n
    return out


@pytest.fixture(scope="module")
def authority(folder):
    return Authority(folder, "authority")


@pytest.fixture(scope="module")
def issuer(folder):
    issuer = Issuer(folder)
    (folder / "issuer.json").write_text(issuer.jwks())
    return issuer


@pytest.fixture(scope="module")
def server(folder, authority, issuer):
    more = {}
    if TOKENS:
        more["auth_oauth2"] = {"jwks": folder / "issuer.json", "issuer": ISSUER, "audience": [AUDIENCE]}
    with Server(
        folder,
        auth=["passwd-file", *(["oauth2"] if TOKENS else [])],
        auth_mechanisms=ALL + (["OAUTHBEARER", "XOAUTH2"] if TOKENS else []),
        plaintext_auth="tls",
        tls_client_ca=authority.cert,
        max_auth_failures=100,
        **more,
    ) as running:
        yield running


@pytest.fixture
def ann(server, name):
    return server.user(name, [MESSAGE], secret=scram_key(server))


def scram_key(server, scheme="SCRAM-SHA-256", password=PASSWORD):
    """As the administrator makes it."""
    made = server.ctl("passwd", "-s", scheme, input=password + "\n" + password + "\n")
    assert made.returncode == 0, made.stderr
    field = made.stdout.strip()
    assert re.fullmatch(rf"\{{{scheme}\}}\d+(,[A-Za-z0-9+/]+=*){{3}}", field)
    return field


# --- gsasl


class Gsasl:
    """gsasl as a client: say() what the server has sent, in base64, and get what it answers."""

    def __init__(self, mechanism, *words, exporter=None):
        need("gsasl")
        words = ["gsasl", "--client", f"--mechanism={mechanism}", *words]
        words += [] if exporter is not None else ["--no-cb"]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if exporter is not None:
            self.write(b64(exporter))
        assert self.read() == mechanism
        self.first = self.read()

    def write(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def read(self):
        return self.process.stdout.readline().decode().strip().rpartition(" ")[2]

    def say(self, challenge):
        self.write(challenge)
        return self.read()

    def accepts(self):
        """Has it got all that it wanted, the server's proof too?"""
        return b"authentication finished (server trusted)" in self.process.communicate(b"\n", timeout=20)[1]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.communicate()


def password(user, secret=None):
    return f"--authentication-id={user.name}", f"--password={secret or user.password}"


def converse(c, mechanism, gsasl, initial):
    """Carries lines until the server has decided; its last reply."""
    if initial:
        reply = c.command(f"AUTH {mechanism} {gsasl.first or '='}")
    else:
        assert c.command(f"AUTH {mechanism}") == b"+ "
        reply = c.command(gsasl.first)
    while reply.startswith(b"+ "):
        reply = c.command(gsasl.say(reply[2:].decode()))
    return reply


class SClient:
    """A connection over TLS that openssl s_client has made. .exporter: RFC 9266."""

    def __init__(self, port, *words):
        words = ["-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32", "-ign_eof", *words]
        self.process = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        key = self.until(rb"Keying material: ([0-9A-F]{64})")
        self.exporter = bytes.fromhex(key.group(1).decode())
        self.until(rb"\+OK")

    def until(self, pattern):
        while line := self.process.stdout.readline():
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"the connection has ended before {pattern}")

    def command(self, command):
        self.process.stdin.write(command.encode() + b"\r\n")
        self.process.stdin.flush()
        return self.until(rb"^((?:\+OK|\+ |-ERR).*)\r\n").group(1)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.communicate()


def wait_failed(server, user, mechanism, reason, after=0):
    """Waits for the line about a login that failed."""
    fields = (f"user={re.escape(user.name)}", f"mech={mechanism}", f"reason={reason}")
    server.wait_log("login failed:" + "".join(rf"(?=.* {f}( |\n))" for f in fields), after=after)


# --- SCRAM


@pytest.mark.parametrize("initial", [True, False], ids=["initial", "asked"])
@pytest.mark.parametrize("hash", ["SHA-256", "SHA-1"])
def test_scram_with_gsasl(server, name, hash, initial):
    mechanism = f"SCRAM-{hash}"
    user = server.user(name, [MESSAGE], secret=scram_key(server, mechanism))
    with server.connect() as c, Gsasl(mechanism, *password(user)) as gsasl:
        assert converse(c, mechanism, gsasl, initial).startswith(b"+OK")
        assert gsasl.accepts()
        assert c.retr(1) == wire(MESSAGE)


def test_scram_with_a_password_that_is_stored_in_plain_text(server, name):
    user = server.user(name, [MESSAGE])
    with server.connect() as c, Gsasl("SCRAM-SHA-256", *password(user)) as gsasl:
        assert converse(c, "SCRAM-SHA-256", gsasl, True).startswith(b"+OK")
        assert gsasl.accepts()


def test_a_stored_scram_key_serves_user_and_pass_too(server, ann):
    with server.login(ann, tls=True) as c:
        assert c.stat()[0] == 1
    with server.connect(tls=True) as c:
        c.ok(f"USER {ann.name}")
        c.err("PASS wrong", "AUTH")


def test_scram_with_a_wrong_password_is_refused(server, ann):
    with server.connect() as c, Gsasl("SCRAM-SHA-256", *password(ann, "wrong")) as gsasl:
        assert converse(c, "SCRAM-SHA-256", gsasl, True).startswith(b"-ERR [AUTH]")
    wait_failed(server, ann, "SCRAM-SHA-256", "refused")


def test_a_user_who_does_not_exist_looks_as_one_with_a_wrong_password(server, ann):
    """The same salt each time, of the same length; then the same failure."""
    seen = []
    for user in (ann.name, ann.name + "-x"):
        for _ in range(2):
            with server.connect() as c, Gsasl("SCRAM-SHA-256", f"--authentication-id={user}", "--password=x") as gsasl:
                first = base64.b64decode(c.command(f"AUTH SCRAM-SHA-256 {gsasl.first}")[2:])
                final = c.command(gsasl.say(b64(first)))
            salt, iterations = re.fullmatch(rb"r=[^,]+,s=([^,]+),i=(\d+)", first).groups()
            seen.append((salt, len(salt), iterations, final))
    assert seen[0] == seen[1] and seen[2] == seen[3]
    assert seen[0][0] != seen[2][0]
    assert seen[0][1:] == seen[2][1:]


def test_a_scram_login_cannot_be_replayed(server, ann):
    """RFC 5802 section 5.1: the server's part of the nonce is new each time."""
    with server.connect() as c, Gsasl("SCRAM-SHA-256", *password(ann)) as gsasl:
        final = gsasl.say(c.command(f"AUTH SCRAM-SHA-256 {gsasl.first}")[2:].decode())
        assert c.command(final).startswith(b"+ ")
        c.ok("")
        first = gsasl.first
    with server.connect() as c:
        assert c.command(f"AUTH SCRAM-SHA-256 {first}").startswith(b"+ ")
        c.err(final, "AUTH")
    wait_failed(server, ann, "SCRAM-SHA-256", "nonce")


def test_scram_crosses_the_net_without_tls_and_passwords_do_not(server):
    with server.connect() as c:
        assert "SASL SCRAM-SHA-256 SCRAM-SHA-1" in c.capa()
        c.err("AUTH PLAIN")
        c.err("AUTH OAUTHBEARER")


def test_commands_behind_scram_reach_the_session(server, ann):
    with server.connect() as c, Gsasl("SCRAM-SHA-256", *password(ann)) as gsasl:
        final = gsasl.say(c.command(f"AUTH SCRAM-SHA-256 {gsasl.first}")[2:].decode())
        assert c.command(final).startswith(b"+ ")
        c.send(b"\r\nDELE 1\r\nQUIT\r\n")
        assert [c.line()[:3] for _ in range(3)] == [b"+OK"] * 3
    assert not ann.files()


# --- SCRAM with channel binding


@pytest.mark.parametrize("initial", [True, False], ids=["initial", "asked"])
@pytest.mark.parametrize("hash", ["SHA-256", "SHA-1"])
def test_scram_plus_with_gsasl(server, name, hash, initial):
    user = server.user(name, [MESSAGE], secret=scram_key(server, f"SCRAM-{hash}"))
    mechanism = f"SCRAM-{hash}-PLUS"
    with SClient(server.tls_port, "-tls1_3") as c, Gsasl(mechanism, *password(user), exporter=c.exporter) as gsasl:
        assert converse(c, mechanism, gsasl, initial).startswith(b"+OK")
        assert gsasl.accepts()
        assert c.command("STAT").startswith(b"+OK 1 ")


def test_scram_plus_with_the_binding_of_another_connection_is_refused(server, ann):
    """Who stands in the middle has one connection to each side."""
    mechanism = "SCRAM-SHA-256-PLUS"
    with SClient(server.tls_port) as other, SClient(server.tls_port) as c:
        with Gsasl(mechanism, *password(ann), exporter=other.exporter) as gsasl:
            assert converse(c, mechanism, gsasl, True).startswith(b"-ERR [AUTH]")
    wait_failed(server, ann, mechanism, "binding")


def test_scram_plus_with_a_wrong_password_is_refused(server, ann):
    mechanism = "SCRAM-SHA-256-PLUS"
    with SClient(server.tls_port) as c, Gsasl(mechanism, *password(ann, "wrong"), exporter=c.exporter) as gsasl:
        assert converse(c, mechanism, gsasl, True).startswith(b"-ERR [AUTH]")
    wait_failed(server, ann, mechanism, "refused")


def test_a_scram_plus_login_cannot_be_replayed_nor_be_passed_off_as_one_without_binding(server, ann):
    """Who has the whole exchange of one connection has nothing for another, with or without -PLUS."""
    mechanism = "SCRAM-SHA-256-PLUS"
    with SClient(server.tls_port) as c, Gsasl(mechanism, *password(ann), exporter=c.exporter) as gsasl:
        final = gsasl.say(c.command(f"AUTH {mechanism} {gsasl.first}")[2:].decode())
        assert c.command(final).startswith(b"+ ")
        assert c.command("").startswith(b"+OK")
    plain = b64(b"n,," + base64.b64decode(gsasl.first).split(b",", 2)[2])
    for mech, first, why in ((mechanism, gsasl.first, "binding"), ("SCRAM-SHA-256", plain, "binding")):
        after = len(server.log())
        with SClient(server.tls_port) as c:
            assert c.command(f"AUTH {mech} {first}").startswith(b"+ ")
            assert c.command(final).startswith(b"-ERR [AUTH]")
        wait_failed(server, ann, mech, why, after)


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_scram_plus_does_not_bind_to_tls_unique(server, ann, version):
    """RFC 9266 section 3: TLS 1.3 has none; and in 1.2 (RFC 7627 section 1) a man in the middle can make two alike."""
    v = getattr(ssl.TLSVersion, version)
    with server.connect(tls=client_context(minimum_version=v, maximum_version=v)) as c:
        first = b"p=tls-unique,,n=" + ann.name.encode() + b",r=rOprNGfwEbeRWgbNEkqO"
        c.err("AUTH SCRAM-SHA-256-PLUS " + b64(first), "AUTH")
    wait_failed(server, ann, "SCRAM-SHA-256-PLUS", "binding")


def test_a_client_that_was_kept_from_binding_is_refused(server, ann):
    """RFC 5802 section 6: it could, and did not see that the server can."""
    with SClient(server.tls_port) as c, Gsasl("SCRAM-SHA-256", *password(ann)) as gsasl:
        first = base64.b64decode(gsasl.first)
        assert first.startswith(b"n,,")
        assert c.command("AUTH SCRAM-SHA-256 " + b64(b"y" + first[1:])).startswith(b"-ERR [AUTH]")
    wait_failed(server, ann, "SCRAM-SHA-256", "downgrade")
    with server.connect() as c, Gsasl("SCRAM-SHA-256", *password(ann)) as gsasl:  # without TLS nobody can
        assert c.command("AUTH SCRAM-SHA-256 " + b64(b"y" + base64.b64decode(gsasl.first)[1:])).startswith(b"+ ")


def scram_with_end_point(c, user, binding):
    """SCRAM-SHA-256-PLUS with tls-server-end-point; the last reply."""
    header, nonce = b"p=tls-server-end-point,,", b"rOprNGfwEbeRWgbNEkqO"
    bare = b"n=" + user.name.encode() + b",r=" + nonce
    challenge = c.command("AUTH SCRAM-SHA-256-PLUS " + b64(header + bare))
    if not challenge.startswith(b"+ "):
        return challenge
    first = base64.b64decode(challenge[2:])
    both, salt, iterations = re.fullmatch(rb"r=([^,]+),s=([^,]+),i=(\d+)", first).groups()
    final = b"c=" + base64.b64encode(header + binding) + b",r=" + both
    salted = hashlib.pbkdf2_hmac("sha256", user.password.encode(), base64.b64decode(salt), int(iterations))
    key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(key).digest(), b",".join((bare, first, final)), "sha256")
    reply = c.command(b64(final + b",p=" + base64.b64encode(bytes(a ^ b for a, b in zip(key, signature)))))
    return c.command("") if reply.startswith(b"+ ") else reply


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_scram_plus_binds_to_the_certificate_too(server, ann, version):
    """RFC 5929 section 4.1: the hash of the certificate's signature, here SHA-256."""
    v = getattr(ssl.TLSVersion, version)
    context = client_context(minimum_version=v, maximum_version=v)
    with server.connect(tls=context) as c:
        digest = hashlib.sha256(c.sock.getpeercert(True)).digest()
        assert scram_with_end_point(c, ann, digest).startswith(b"+OK")
        assert c.stat()[0] == 1
    with server.connect(tls=context) as c:
        assert scram_with_end_point(c, ann, hashlib.sha256(b"another").digest()).startswith(b"-ERR [AUTH]")


# --- EXTERNAL


def certified(server, pair):
    context = client_context()
    context.load_cert_chain(*pair)
    return server.connect(tls=context)


@pytest.mark.parametrize("initial", [True, False], ids=["initial", "asked"])
def test_external_with_gsasl(server, name, authority, initial):
    server.user(name, [MESSAGE], secret="*")
    with certified(server, authority.client(f"/O=Example/CN={name}")) as c, Gsasl("EXTERNAL") as gsasl:
        assert converse(c, "EXTERNAL", gsasl, initial).startswith(b"+OK")
        assert c.stat()[0] == 1


def test_external_acts_for_nobody_else(server, name, ann, authority):
    user = server.user(name + "x", secret="*")
    with certified(server, authority.client(f"/CN={user.name}")) as c:
        c.err("AUTH EXTERNAL " + b64(ann.name), "AUTH")
        c.ok("AUTH EXTERNAL " + b64(user.name))
        assert c.stat()[0] == 0


def test_external_is_offered_to_who_has_a_good_certificate(server, folder, ann, authority):
    stranger = Authority(folder, "stranger")
    two = authority.client(f"/CN={ann.name}/CN=other")
    for pair in (stranger.client(f"/CN={ann.name}"), two):
        with certified(server, pair) as c:
            assert not [t for t in c.capa() if "EXTERNAL" in t]
            c.err("AUTH EXTERNAL =")
            c.login(ann)  # and other ways are open
    with server.connect(tls=True) as c:
        assert not [t for t in c.capa() if "EXTERNAL" in t]
        c.err("AUTH EXTERNAL =")
    with certified(server, authority.client(f"/CN={ann.name}")) as c:
        assert [t for t in c.capa() if "EXTERNAL" in t.split()]


def test_external_for_a_user_who_does_not_exist_is_refused(server, authority):
    with certified(server, authority.client("/CN=nobody-here")) as c:
        c.err("AUTH EXTERNAL =", "AUTH")


def test_external_survives_the_resumption_of_tls(server, ann, authority):
    context = client_context(maximum_version=ssl.TLSVersion.TLSv1_2)
    context.load_cert_chain(*authority.client(f"/CN={ann.name}"))
    with server.connect(tls=context) as c:
        c.ok("CAPA")
        session = c.sock.session
    with Pop3(server.tls_port, tls=context, session=session) as c:
        assert c.sock.session_reused
        c.ok("AUTH EXTERNAL =")


def reload(server, **settings):
    server.write_conf(**settings)
    after = len(server.log())
    assert server.ctl("reload").returncode == 0
    server.wait_log(r"serving .*/tls", after=after)


def test_names_and_revocations_of_certificates(folder, name):
    """tls_client_name, tls_client_crl; a reload reads the list anew."""
    folder = folder / name
    folder.mkdir()
    authority = Authority(folder, "second")
    database, crl = folder / "index.txt", folder / "crl.pem"
    database.write_text("")
    (folder / "ca.conf").write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={database}\ndefault_md=sha256\n")
    ca = ["ca", "-config", folder / "ca.conf", "-keyfile", authority.key, "-cert", authority.cert]
    san = "subjectAltName=email:first@example.org,email:second@example.org,DNS:dns.example.org"
    pair = authority.client("/CN=common", "-addext", san)
    openssl(*ca, "-gencrl", "-crldays", "2", "-out", crl)
    with Server(folder, tls_client_ca=authority.cert, tls_client_crl=crl, tls_client_name="san-email") as server:
        for user in ("first@example.org", "dns.example.org", "CN=common"):
            server.user(user, secret="*")
        for what, user in (("san-email", "first@example.org"), ("san-dns", "dns.example.org"), ("subject", "CN=common")):
            reload(server, tls_client_name=what)
            with certified(server, pair) as c:
                c.ok("AUTH EXTERNAL " + b64(user))
        openssl(*ca, "-revoke", pair[0])
        openssl(*ca, "-gencrl", "-crldays", "2", "-out", crl)
        reload(server)
        with certified(server, pair) as c:
            c.err("AUTH EXTERNAL =")


# --- tokens

oauth = pytest.mark.skipif(not TOKENS, reason="auth-oauth2 is not built: jansson is missing")


def bearer(user, token):
    return b64(f"n,a={user},\1host=localhost\1port=110\1auth=Bearer {token}\1\1")


def xoauth2(user, token):
    return b64(f"user={user}\1auth=Bearer {token}\1\1")


@oauth
@pytest.mark.parametrize("initial", [True, False], ids=["initial", "asked"])
@pytest.mark.parametrize("mechanism, message", [("OAUTHBEARER", bearer), ("XOAUTH2", xoauth2)])
@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_a_token_opens_the_mailbox(server, ann, issuer, mechanism, message, initial, alg):
    text = message(ann.name, issuer.token(ann.name, alg=alg))
    with server.connect(tls=True) as c:
        if initial:
            c.ok(f"AUTH {mechanism} {text}")
        else:
            assert c.command(f"AUTH {mechanism}") == b"+ "
            c.ok(text)
        assert c.retr(1) == wire(MESSAGE)


@oauth
def test_the_token_says_who_it_is_when_the_client_does_not(server, ann, issuer):
    with server.connect(tls=True) as c:
        c.ok("AUTH OAUTHBEARER " + b64(f"n,,\1auth=Bearer {issuer.token(ann.name)}\1\1"))
        assert c.stat()[0] == 1


@oauth
def test_a_token_of_16_kib_is_taken_and_a_longer_one_is_not(server, ann, issuer):
    token = issuer.token(ann.name)
    room = 16384 - len(token)
    long = issuer.token(ann.name, padding="x" * (room * 3 // 4 - 24))
    assert 16300 < len(long) <= 16384
    with server.connect(tls=True) as c:
        assert c.command("AUTH OAUTHBEARER") == b"+ "
        c.ok(bearer(ann.name, long))
    with server.connect(tls=True) as c:
        assert c.command("AUTH OAUTHBEARER") == b"+ "
        c.err(bearer(ann.name, "x" * 16385), "AUTH")


def refused_token(server, mechanism, text):
    """RFC 7628 section 3.2.3: the error, an answer to it, the end."""
    with server.connect(tls=True) as c:
        reply = c.command(f"AUTH {mechanism} {text}")
        assert reply.startswith(b"+ "), reply
        assert "status" in json.loads(base64.b64decode(reply[2:]))
        c.err(b64("\1") if mechanism == "OAUTHBEARER" else "", "AUTH")


@oauth
@pytest.mark.parametrize("mechanism, message", [("OAUTHBEARER", bearer), ("XOAUTH2", xoauth2)])
@pytest.mark.parametrize(
    "claims, why",
    [
        ({"exp": int(time.time()) - 61}, "it has expired"),
        ({"aud": "elsewhere.example"}, "it is for another audience"),
        ({"nbf": int(time.time()) + 600}, "it is not valid yet"),
        ({"key": "forged"}, "no key of the set has signed it"),
        ({"iss": "https://other.example"}, None),
        ({"email": "somebody-else"}, "the client wants to be another user"),
    ],
    ids=["expired", "audience", "early", "forged", "issuer", "user"],
)
def test_a_wrong_token_is_refused(server, ann, issuer, mechanism, message, claims, why):
    claims = {k: issuer.forged if v == "forged" else v for k, v in claims.items()}
    after = len(server.log())
    refused_token(server, mechanism, message(ann.name, issuer.token(ann.name, **claims)))
    wait_failed(server, ann, mechanism, "refused" if why else "unknown", after)
    if why:
        server.wait_log(rf"a token was refused: {why}", after=after)


@oauth
def test_the_same_token_again_does_not_count_as_one_more_guess(folder, name, issuer):
    """An old phone whose token has expired is no attacker: penalty.h."""
    sub = folder / name
    sub.mkdir()
    settings = {"jwks": folder / "issuer.json", "issuer": ISSUER, "audience": [AUDIENCE]}
    with Server(sub, auth=["passwd-file", "oauth2"], auth_failure_delay="1s", auth_oauth2=settings) as server:
        user = server.user(name)
        old, other = (issuer.token(name, exp=int(time.time()) - n) for n in (100, 200))
        levels = []
        for token in (old, old, old, other):
            before = server.log().count("login failed")
            with server.connect(tls=True) as c:
                assert c.command("AUTH XOAUTH2 " + xoauth2(user.name, token)).startswith(b"+ ")
                c.send(b"\r\n")
                eventually(lambda: server.log().count("login failed") > before)
            levels.append(re.search(r"address=127.0.0.1 .*level=(\d+)", server.ctl("penalty", "list").stdout).group(1))
        assert levels == ["1", "1", "1", "2"]


@oauth
def test_a_token_for_a_user_without_a_record_is_refused(server, issuer):
    refused_token(server, "OAUTHBEARER", bearer("nobody-here", issuer.token("nobody-here")))


@oauth
def test_no_token_is_in_the_log(server, ann, issuer):
    token = issuer.token(ann.name)
    with server.connect(tls=True) as c:
        c.ok("AUTH XOAUTH2 " + xoauth2(ann.name, token))
        c.quit()
    assert token.split(".")[2] not in server.log()


@oauth
def test_the_keys_are_read_again_when_they_change(server, ann, issuer, folder):
    keys, other = folder / "issuer.json", folder / "new.json"
    good = keys.read_text()

    def replace(text):
        other.write_text(text)
        other.rename(keys)

    try:
        replace("{ broken")
        with server.connect(tls=True) as c:
            c.err("AUTH XOAUTH2 " + xoauth2(ann.name, issuer.token(ann.name)), "SYS/TEMP")
        server.wait_log(r"issuer\.json: expected a JSON object")
        only_rsa = json.dumps({"keys": json.loads(good)["keys"][:1]})
        replace(only_rsa)
        refused_token(server, "XOAUTH2", xoauth2(ann.name, issuer.token(ann.name)))
        with server.connect(tls=True) as c:
            c.ok("AUTH XOAUTH2 " + xoauth2(ann.name, issuer.token(ann.name, alg="RS256")))
    finally:
        replace(good)
    with server.connect(tls=True) as c:
        c.ok("AUTH XOAUTH2 " + xoauth2(ann.name, issuer.token(ann.name)))


# --- clients that do it all


def run(words, good=True):
    as_nobody = {"user": "nobody", "group": "nogroup", "extra_groups": []} if ROOT else {}
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=60, **as_nobody)
    assert (done.returncode == 0) == good, done.stdout + done.stderr
    return done


def curl(server, *words, good=True):
    need("curl")
    url = f"pop3s://localhost:{server.tls_port}/1"
    return run(["curl", "-s", "-S", "--cacert", server.certificate, *words, url], good).stdout


@oauth
@pytest.mark.parametrize("ir", [True, False], ids=["initial", "asked"])
@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
def test_curl_with_a_token(server, ann, issuer, mechanism, ir):
    words = ["--user", f"{ann.name}:", "--login-options", f"AUTH={mechanism}", *(["--sasl-ir"] if ir else [])]
    got = curl(server, *words, "--oauth2-bearer", issuer.token(ann.name))
    assert got.encode() == MESSAGE
    curl(server, *words, "--oauth2-bearer", issuer.token(ann.name, aud="x"), good=False)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_curl_with_a_password(server, ann, mechanism):
    words = ["--user", f"{ann.name}:{ann.password}", "--login-options", f"AUTH={mechanism}"]
    assert curl(server, *words).encode() == MESSAGE
    words[1] = f"{ann.name}:wrong"
    curl(server, *words, good=False)


def test_curl_with_a_certificate(server, name, authority):
    server.user(name, [MESSAGE], secret="*")
    for user, good in ((name, True), (f"{name}-other", False)):
        cert, key = authority.client(f"/CN={user}")
        words = ["--cert", cert, "--key", key, "--login-options", "AUTH=EXTERNAL", "--user", f"{name}:"]
        assert curl(server, *words, good=good).encode() == (MESSAGE if good else b"")


def mpop(server, user, auth, secret, *more, good=True):
    need("mpop")
    out = server.folder / f"mpop-{user.name}-{auth}-{good}"
    for sub in (out, out / "new", out / "cur", out / "tmp"):
        sub.mkdir()
        sub.chmod(0o777)
    file = server.folder / f"{out.name}.secret"
    file.write_text(secret + "\n")
    run(
        ["mpop", "--host=localhost", f"--port={server.tls_port}", f"--user={user.name}", f"--auth={auth}"]
        + [f"--passwordeval=cat {file}", "--tls=on", "--tls-starttls=off", f"--tls-trust-file={server.certificate}"]
        + ["--keep=on", "--only-new=off", "--received-header=off", "--quiet", f"--delivery=maildir,{out}"]
        + [f"--uidls-file={out}/uidls", *more],
        good,
    )
    return [p.read_bytes() for p in (out / "new").iterdir()]


@pytest.mark.parametrize("auth", ["scram-sha-256", "plain", "login"])
def test_mpop_with_a_password(server, ann, auth):
    assert mpop(server, ann, auth, ann.password) == [MESSAGE]
    mpop(server, ann, auth, "wrong", good=False)


@oauth
@pytest.mark.parametrize("auth", ["oauthbearer", "xoauth2"])
def test_mpop_with_a_token(server, ann, issuer, auth):
    assert mpop(server, ann, auth, issuer.token(ann.name)) == [MESSAGE]
    mpop(server, ann, auth, issuer.token(ann.name, exp=int(time.time()) - 100), good=False)


def test_mpop_with_a_certificate(server, name, authority):
    user = server.user(name, [MESSAGE], secret="*")
    cert, key = authority.client(f"/CN={name}")
    words = f"--tls-cert-file={cert}", f"--tls-key-file={key}"
    assert mpop(server, user, "external", "", *words) == [MESSAGE]
    cert, key = authority.client("/CN=somebody-else")
    mpop(server, user, "external", "", f"--tls-cert-file={cert}", f"--tls-key-file={key}", good=False)


def fetchmail(server, user, proto, secret):
    """(messages, exit status)"""
    need("fetchmail")
    out = pathlib.Path(tempfile.mkdtemp(dir=server.folder, prefix="fetchmail-"))
    rc = out / "rc"
    rc.write_text(
        f"set no syslog\npoll localhost proto {proto} service {server.tls_port} auth password\n"
        f'user "{user.name}" pass "{secret}" is "nobody" here ssl sslproto "auto" sslcertck\n'
        f'sslcertfile "{server.certificate}" no rewrite fetchall keep mda "/bin/sh -c \'cat > {out}/got\'"\n'
    )
    for path in (out, rc):
        path.chmod(0o700)
        if ROOT:
            shutil.chown(path, "nobody", "nogroup")
    as_nobody = {"user": "nobody", "group": "nogroup", "extra_groups": []} if ROOT else {}
    words = ["env", f"FETCHMAILHOME={out}", "fetchmail", "-f", rc, "--nodetach", "-s", "--pidfile", out / "pid"]
    status = subprocess.run([str(w) for w in words], capture_output=True, timeout=60, **as_nobody).returncode
    return [p.read_bytes() for p in out.glob("got")], status


def test_fetchmail_with_a_password(server, ann):
    (got,), status = fetchmail(server, ann, "pop3", ann.password)
    assert status == 0 and got.endswith(b"\nbody\n")
    assert fetchmail(server, ann, "pop3", "wrong") == ([], 3)  # fetchmail(1): 3 is a refused login


# --- APOP


@pytest.fixture(scope="module")
def old(folder):
    """Offers APOP, and the SASL mechanisms of the default."""
    sub = folder / "old"
    sub.mkdir()
    with Server(sub, apop=True, max_auth_failures=100) as running:
        yield running


@pytest.mark.parametrize("client", ["curl", "mpop", "fetchmail"])
def test_apop_with_a_client_that_does_it_all(old, name, client):
    user = old.user(name, [MESSAGE])
    if client == "curl":
        words = "--login-options", "AUTH=+APOP", "--user"
        assert curl(old, *words, f"{name}:{user.password}").encode() == MESSAGE
        curl(old, *words, f"{name}:wrong", good=False)
    elif client == "mpop":
        assert mpop(old, user, "apop", user.password) == [MESSAGE]
        mpop(old, user, "apop", "wrong", good=False)
    else:
        assert len(fetchmail(old, user, "apop", user.password)[0]) == 1
        assert fetchmail(old, user, "apop", "wrong") == ([], 3)
    assert len(re.findall(rf"login failed: .*mech=APOP reason=refused .*user={name}\b", old.log())) == 1


def test_apop_is_taken_only_where_the_greeting_offers_it(server, ann):
    """RFC 1939 section 7: the timestamp in the greeting is the offer."""
    with server.connect(tls=True) as c:
        assert b"<" not in c.greeting
        digest = hashlib.md5(c.greeting + ann.password.encode()).hexdigest()
        assert not c.err(f"APOP {ann.name} {digest}").startswith(b"-ERR [")
        c.login(ann)
    assert "mech=APOP" not in server.log()


# --- settings


def test_a_mechanism_that_cannot_work_is_an_error(folder):
    folder = folder / "settings"
    folder.mkdir()
    server = Server(folder, start=False)
    for words, why in (
        ({"auth_mechanisms": ["XOAUTH2"]}, "no plugin of auth can answer"),
        ({"auth_mechanisms": ["EXTERNAL"]}, "needs tls_client_ca"),
        ({"auth_mechanisms": ["CRAM-MD5"]}, "auth_mechanisms"),
        ({"auth_mechanisms": None, "tls_client_crl": "/x"}, "needs tls_client_ca"),
    ):
        server.write_conf(**words)
        done = server.check_conf()
        assert done.returncode != 0 and why in done.stderr, (quote(words.get("auth_mechanisms") or ""), done.stderr)


def test_without_plain_there_are_no_user_and_pass(folder):
    folder = folder / "plainless"
    folder.mkdir()
    with Server(folder, auth_mechanisms=["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]) as server:
        with server.connect(tls=True) as c:
            capa = c.capa()
            assert "USER" not in capa and "SASL SCRAM-SHA-256-PLUS SCRAM-SHA-256" in capa
            c.err("USER ann")
            c.err("PASS x")
            c.err("AUTH PLAIN")
