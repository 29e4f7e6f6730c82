"""Every message of the corpus through the programs that people fetch mail with: first kept, then deleted.

curl, poplib and mpop hand on what they got, and it is compared octet by octet. fetchmail and getmail rewrite
headers; between them and the server stands a relay that records what went over the wire, and that is compared. Over
TLS it cannot look in: then their messages are counted.
"""

import collections
import poplib
import re
import shutil
import socket
import subprocess
import threading

import pytest
from relay import Relay
from restante import ROOT, client_context, corpus, wire

MESSAGES = corpus()


def need(program):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")


def run(words):
    """Runs a client; as nobody where the tests run as root: getmail refuses that, fetchmail warns."""
    words = [str(w) for w in words]
    as_nobody = {"user": "nobody", "group": "nogroup", "extra_groups": []} if ROOT else {}
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=120, **as_nobody)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done


class Lmtp:
    """Where getmail delivers to: takes each message and puts it into a folder. RFC 2033."""

    def __init__(self, folder):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.folder, self.count = self.listener.getsockname()[1], folder, 0
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        connection, _ = self.listener.accept()
        with connection, self.listener, connection.makefile("rwb") as f:
            answer = "220 localhost"
            while answer:
                f.write(answer.encode() + b"\r\n")
                f.flush()
                verb = f.readline()[:4].upper()
                answer = {b"QUIT": "", b"": ""}.get(verb, "250 fine")
                if verb == b"DATA":
                    f.write(b"354 go on\r\n")
                    f.flush()
                    self.take(f)
                    answer = "250 fine"

    def take(self, f):
        lines = []
        while (line := f.readline()) != b".\r\n":
            lines.append(line)
        self.count += 1
        (self.folder / str(self.count)).write_bytes(b"".join(lines))


class Fetch:
    """A user with messages, a client, a folder for what it fetches."""

    def __init__(self, server, name, tls, folder, messages=MESSAGES):
        self.server, self.tls, self.folder, self.messages = server, tls, folder, messages
        self.user = server.user(name, messages)
        self.port = server.tls_port if tls else server.port
        self.ca = server.certificate
        self.out = folder / "out"
        folder.mkdir()

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def fresh(self):
        shutil.rmtree(self.out, ignore_errors=True)
        for sub in ("new", "cur", "tmp"):
            (self.out / sub).mkdir(parents=True)
        self.own()

    def own(self):
        """The client is to find its folder its own."""
        if ROOT:
            for path in [self.folder, *self.folder.rglob("*")]:
                shutil.chown(path, "nobody", "nogroup")

    def fetched(self):
        return [p.read_bytes() for p in self.out.rglob("*") if p.is_file()]


def same(fetched, wanted):
    """Compares without regard to order."""
    missing = collections.Counter(wanted) - collections.Counter(fetched)
    extra = collections.Counter(fetched) - collections.Counter(wanted)
    assert not missing and not extra, (
        f"{sum(missing.values())} missing, {sum(extra.values())} that nobody stored; first: "
        f"{next(iter(missing), b'')[:300]!r} / {next(iter(extra), b'')[:300]!r}"
    )


def keep_then_delete(fetch, get, change):
    """For a client that stores what it gets; change() is what it does to line ends."""
    for delete in (False, True):
        fetch.fresh()
        get(delete)
        same(fetch.fetched(), [change(m) for m in fetch.messages])
        assert len(fetch.user.files()) == (0 if delete else len(fetch.messages))


def keep_then_delete_recorded(fetch, get):
    """For a client that rewrites what it gets."""
    for delete in (False, True):
        fetch.fresh()
        relay = None if fetch.tls else Relay(fetch.server.port)
        get(fetch, delete, relay.port if relay else fetch.port)
        # fetchmail neither delivers nor deletes what looks like a second copy of the message before
        dropped = len(fetch.messages) - len(fetch.fetched())
        assert 0 <= dropped < len(fetch.messages) * 0.03
        if relay:
            assert relay.messages() == {n: wire(m) for n, m in enumerate(fetch.messages, 1)}
        assert len(fetch.user.files()) == (dropped if delete else len(fetch.messages))


@pytest.fixture(params=["plain", "tls"])
def tls(request):
    return request.param == "tls"


@pytest.fixture
def fetch(server, name, tls):
    return Fetch(server, name, tls, server.folder / f"client-{name}")


def test_poplib(fetch):
    def connect():
        if fetch.tls:
            p = poplib.POP3_SSL("localhost", fetch.port, timeout=30, context=client_context(fetch.ca))
        else:
            p = poplib.POP3("localhost", fetch.port, timeout=30)
        p.user(fetch.user.name)
        p.pass_(fetch.user.password)
        return p

    poplib._MAXLINE = 1 << 24  # its own limit on lines
    for delete in (False, True):
        p = connect()
        sizes = [int(line.split()[1]) for line in p.list()[1]]
        assert len(sizes) == len(MESSAGES)
        for n, (stored, size) in enumerate(zip(MESSAGES, sizes), 1):
            lines = p.retr(n)[1]
            octets = b"".join(line + b"\r\n" for line in lines)
            # poplib takes a CR off the end of a line that has more than one
            assert octets == wire(stored) or octets.replace(b"\r", b"") == wire(stored).replace(b"\r", b"")
            assert size == len(wire(stored))
            if delete:
                p.dele(n)
        p.quit()
        assert len(fetch.user.files()) == (0 if delete else len(MESSAGES))


def test_poplib_with_stls(server, name):
    messages = MESSAGES[:10]
    user = server.user(name, messages)
    p = poplib.POP3("localhost", server.port, timeout=30)
    p.stls(client_context(server.certificate))
    p.user(user.name)
    p.pass_(user.password)
    assert p.stat() == (10, sum(len(wire(m)) for m in messages))
    p.quit()


def test_curl(fetch):
    need("curl")
    curl = ["curl", "-s", "-S", "--user", f"{fetch.user.name}:{fetch.user.password}", "--cacert", fetch.ca]
    url = f"{'pop3s' if fetch.tls else 'pop3'}://localhost:{fetch.port}/"
    every = f"{url}[1-{len(MESSAGES)}]"

    def get(delete):
        run([*curl, "-o", fetch.out / "new" / "#1", every])
        if delete:
            run([*curl, "-I", "-X", "DELE", every])

    listed = run([*curl, url]).stdout.split("\n")
    assert [int(line.split()[1]) for line in listed if line.strip()] == [len(wire(m)) for m in MESSAGES]
    keep_then_delete(fetch, get, wire)


def test_curl_with_stls(server, name):
    need("curl")
    fetch = Fetch(server, name, False, server.folder / f"client-{name}", MESSAGES[:10])
    fetch.fresh()
    run(
        ["curl", "-s", "-S", "--ssl-reqd", "--cacert", fetch.ca, "--user", f"{name}:{fetch.user.password}"]
        + ["-o", fetch.out / "#1", f"pop3://localhost:{server.port}/[1-10]"]
    )
    assert [(fetch.out / str(n)).read_bytes() for n in range(1, 11)] == [wire(m) for m in MESSAGES[:10]]


def test_mpop(fetch):
    """It stores lines with LF."""
    need("mpop")

    def get(delete):
        secret = fetch.write("secret", fetch.user.password + "\n")
        fetch.own()
        run(
            ["mpop", "--host=localhost", f"--port={fetch.port}", f"--user={fetch.user.name}", "--auth=user"]
            + [f"--passwordeval=cat {secret}", f"--tls={'on' if fetch.tls else 'off'}", "--tls-starttls=off"]
            + [f"--tls-trust-file={fetch.ca}", f"--keep={'off' if delete else 'on'}", "--only-new=off"]
            + ["--received-header=off", "--quiet", f"--delivery=maildir,{fetch.out}"]
            + [f"--uidls-file={fetch.folder}/uidls"]
        )

    keep_then_delete(fetch, get, lambda m: wire(m).replace(b"\r\n", b"\n"))


def test_fetchmail(fetch):
    need("fetchmail")

    def get(fetch, delete, port):
        tls = f'ssl sslproto "auto" sslcertck sslcertfile "{fetch.ca}"' if fetch.tls else 'sslproto ""'
        mda = f"/bin/sh -c 'cat > {fetch.out}/new/$$-$(date +%s%N)'"
        rc = fetch.write(
            "fetchmailrc",
            f"set no syslog\nset invisible\npoll localhost proto pop3 service {port} uidl auth password\n"
            f'user "{fetch.user.name}" pass "{fetch.user.password}" is "nobody" here {tls}\n'
            f'no rewrite pass8bits no mimedecode fetchall {"no keep" if delete else "keep"} mda "{mda}"\n',
        )
        fetch.own()
        home = f"FETCHMAILHOME={fetch.folder}"
        run(["env", home, "fetchmail", "-f", rc, "--nodetach", "-s", "--pidfile", fetch.folder / "pid"])

    keep_then_delete_recorded(fetch, get)


def test_getmail(server, name, tls):
    """It cannot deliver by LMTP what has 8-bit octets in its header; such messages are left out here."""
    need("getmail")
    messages = [m for m in MESSAGES if wire(m).split(b"\r\n\r\n")[0].isascii()]
    assert len(messages) > len(MESSAGES) * 0.9
    fetch = Fetch(server, name, tls, server.folder / f"client-{name}", messages)

    def get(fetch, delete, port):
        lmtp = Lmtp(fetch.out)  # its other ways to deliver fork and wait, a minute now and then
        fetch.write(
            "getmailrc",
            f"[retriever]\ntype = SimplePOP3{'SSL' if fetch.tls else ''}Retriever\nserver = localhost\nport = {port}\n"
            + (f"ca_certs = {fetch.ca}\n" if fetch.tls else "")
            + f"username = {fetch.user.name}\npassword = {fetch.user.password}\n"
            + f"[destination]\ntype = MDA_lmtp\nhost = localhost\nport = {lmtp.port}\noverride = x@localhost\n"
            + f"[options]\ndelete = {str(delete).lower()}\nread_all = true\nreceived = false\ndelivered_to = false\n"
            + "verbose = 0\n",
        )
        fetch.own()
        run(["getmail", "-g", fetch.folder, "-r", "getmailrc"])
        lmtp.thread.join(10)

    keep_then_delete_recorded(fetch, get)


def test_list_equals_the_octets_received(server, name):
    with server.login(server.user(name, MESSAGES), tls=True) as c:
        sizes = c.sizes()
        c.send(b"".join(b"RETR %d\r\n" % n for n in sizes))
        for n, stored in enumerate(MESSAGES, 1):
            assert re.match(rb"\+OK ", c.line())
            body = c.body()
            octets = len(body) - len(re.findall(rb"(?m)^\.", body))
            assert octets == sizes[n] == len(wire(stored))
