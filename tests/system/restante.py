"""The real restanted, started from the build tree in a folder of its own, and a POP3 client that hides nothing.

	with Server(folder) as server:
	    ann = server.user("ann", [b"Subject: one\\n\\nHello\\n"])
	    with server.login(ann) as c:
	        assert c.retr(1) == b"Subject: one\\r\\n\\r\\nHello\\r\\n"

As root the mailboxes belong to uids of their own from 20001 on, which exist nowhere but in the passwd-file;
otherwise everything is the invoking user's. stop() fails when the log holds an error that no test announced or
when a process is left.
"""

import ctypes
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time

SOURCE = pathlib.Path(os.environ.get("RESTANTE_SOURCE", pathlib.Path(__file__).parents[2])).resolve()
BUILD = pathlib.Path(os.environ.get("RESTANTE_BUILD", SOURCE / "build")).resolve()
CORPUS = pathlib.Path(os.environ.get("RESTANTE_CORPUS", SOURCE.parent / "shared/corpus"))
ROOT = os.getuid() == 0
SANITIZED = "#define SANITIZED 1" in (BUILD / "config.h").read_text()
LINKED_IN = not (BUILD / ".libs/storage-maildir.so").exists()  # --disable-shared: plugins are in the programs
PASSWORD = "correct horse"
# In a build with sanitizers: programs end without freeing, and what is undumpable cannot be searched for leaks.
os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=0")
FIRST_UID = 20001


def wire(stored):
    """The octets that a stored message has on the wire before dot-stuffing: RFC 1939 sections 3 and 11."""
    out = re.sub(rb"(?<!\r)\n", b"\r\n", stored)
    return out + b"\r\n" if out and not out.endswith(b"\n") else out


def samples():
    """The samples that come with the project: one trouble each."""
    return [p.read_bytes() for p in sorted((SOURCE / "tests/samples").glob("*.eml"))]


def corpus():
    """Real messages, where they are at hand, and our samples."""
    return [p.read_bytes() for p in sorted(CORPUS.glob("*/*.eml"))] + samples()


def free_port():
    """A port below the range from which the system takes those of clients: nothing else comes by it."""
    while True:
        port = random.randrange(12000, 32000)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def eventually(condition, timeout=10, what="the condition"):
    """Waits until condition() is true; returns its value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not come true in {timeout} s"
        time.sleep(0.02)


class User:
    def __init__(self, name, home, uid, password=PASSWORD):
        self.name, self.home, self.uid, self.password = name, pathlib.Path(home), uid, password
        self.maildir = self.home / "Maildir"

    def files(self):
        """What lies in new/ and cur/, by name without flags."""
        return {
            p.name.split(":2,")[0]: p for sub in ("new", "cur") for p in (self.maildir / sub).iterdir() if p.is_file()
        }

    def deliver(self, message, name=None, sub="new"):
        """Puts one message there as an MTA does. Names sort in the order of delivery."""
        User.count = getattr(User, "count", 0) + 1
        path = self.maildir / sub / (name or f"{1700000000 + User.count}.M{User.count}P1.host")
        path.write_bytes(message)
        if ROOT:
            os.chown(path, self.uid, self.uid)
        return path


class Process:
    """A process as /proc shows it."""

    def __init__(self, pid):
        self.pid = pid
        self.start = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()[19]

    def read(self, name):
        return pathlib.Path(f"/proc/{self.pid}/{name}").read_text()

    @property
    def name(self):
        """Of the program; "" when the process has just ended."""
        try:
            return os.path.basename(self.read("cmdline").split("\0")[0]) or self.status("Name")
        except (FileNotFoundError, ProcessLookupError):
            return ""

    def status(self, key):
        return re.search(rf"^{key}:[ \t]*(.*)$", self.read("status"), re.M).group(1)

    def ids(self, key="Uid"):
        return {int(x) for x in self.status(key).split()}

    def private_kb(self):
        rollup = self.read("smaps_rollup")
        return sum(int(x) for x in re.findall(r"^Private_(?:Clean|Dirty):\s+(\d+)", rollup, re.M))

    def alive(self):
        try:
            stat = self.read("stat").rsplit(") ", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            return False
        return stat[19] == self.start and stat[0] not in "ZX"


def children(pid):
    """All processes below pid."""
    below = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                ppid = int(pathlib.Path(f"/proc/{entry}/stat").read_text().rsplit(") ", 1)[1].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            below.setdefault(ppid, []).append(int(entry))
    found, ask = [], [pid]
    while ask:
        for child in below.get(ask.pop(), []):
            ask.append(child)
            try:
                found.append(Process(child))
            except (FileNotFoundError, ProcessLookupError):
                pass
    return found


def quote(value):
    if isinstance(value, (list, tuple)):
        return "{ " + ", ".join(quote(v) for v in value) + " }"
    if isinstance(value, (int, bool)):
        return str(value).lower()
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def proxy_header(ip):
    """What a proxy sends before the octets of its client: the PROXY protocol, version 1."""
    family, to = ("TCP6", "2001:db8::1") if ":" in ip else ("TCP4", "198.51.100.9")
    return f"PROXY {family} {ip} {to} 50000 110\r\n".encode()


def make_certificate(folder, stem, *names):
    """A self-signed certificate for the names. Returns the paths of certificate and key."""
    cert, key = folder / f"{stem}.pem", folder / f"{stem}.key"
    alt = ",".join(("IP:" if re.fullmatch(r"[\d.]+|.*:.*", n) else "DNS:") + n for n in names)
    # fmt: off
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2", "-keyout", key, "-out", cert, "-subj", f"/CN={names[0]}", "-addext", f"subjectAltName={alt}"],
        check=True, capture_output=True)
    # fmt: on
    return cert, key


def client_context(cafile=None, **attributes):
    """What a client uses: trusts cafile, or anyone without it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = cafile is not None
    context.verify_mode = ssl.CERT_REQUIRED if cafile else ssl.CERT_NONE
    if cafile:
        context.load_verify_locations(cafile)
    for key, value in attributes.items():
        setattr(context, key, value)
    return context


class Server:
    """settings go into the configuration as they are; plugin sections with _ for - in their names, as dicts."""

    prefix = []  # words before the command that starts it

    def __init__(self, folder, start=True, **settings):
        self.folder = pathlib.Path(folder)
        self.folder.chmod(0o755)
        self.port, self.tls_port = free_port(), free_port()
        self.users, self.expected, self.process = {}, [], None
        for name in ("run", "home"):
            (self.folder / name).mkdir(exist_ok=True)
        self.certificate, self.key = make_certificate(self.folder, "server", "localhost", "127.0.0.1")
        self.passwd = self.folder / "users"
        self.log_file = self.folder / "log"
        self.settings = {
            "listen": [f"127.0.0.1:{self.port}", f"127.0.0.1:{self.tls_port}/tls"],
            "tls_cert": [self.certificate],
            "tls_key": [self.key],
            "plaintext_auth": "always",
            "auth_failure_delay": "0",
            "max_connections_per_address": 0,
            "plugin_path": [BUILD / ".libs"],
            "runtime_dir": self.folder / "run",
            "storage_maildir": {"path": "~/Maildir"},
            "auth_passwd_file": {"path": self.passwd},
        }
        if ROOT:  # two users that every system has
            self.settings.update(login_user="nobody", auth_user="daemon")
        else:
            self.settings.update(first_valid_uid=min(1000, os.getuid()))
        self.settings.update(settings)
        self.conf = self.folder / "restante.conf"
        self.write_passwd()
        self.write_conf()
        if start:
            self.start()

    # --- files

    def write_conf(self, **settings):
        """Writes the configuration anew with these settings changed; None takes one out."""
        self.settings.update(settings)
        lines = []
        for key, value in self.settings.items():
            if isinstance(value, dict):
                inner = " ".join(f"{k} = {quote(v)}" for k, v in value.items())
                lines.append(f"{key.replace('_', '-')} {{ {inner} }}\n")
            elif value is not None:
                lines.append(f"{key} = {quote(value)}\n")
        self.conf.write_text("".join(lines))

    def write_passwd(self):
        """Replaces the file as editors do: the server has to notice."""
        new = self.folder / "users.new"
        new.write_text("".join(line + "\n" for _, line in self.users.values()))
        new.rename(self.passwd)

    def user(self, name, messages=(), password=PASSWORD, secret=None, extra="", uid=None, sub="new"):
        """A new user with a Maildir. secret: the second field of the line, else {PLAIN}password."""
        home = self.folder / "home" / name.replace("/", "_")
        if uid is None:
            uid = FIRST_UID + len(self.users) if ROOT else os.getuid()
        gid = uid if ROOT else os.getgid()
        user = User(name, home, uid, password)
        for sub_folder in ("new", "cur", "tmp"):
            (user.maildir / sub_folder).mkdir(parents=True, mode=0o700)
        for message in messages:
            user.deliver(message, sub=sub)
        if ROOT:
            for path in (home, user.maildir, *(user.maildir / s for s in ("new", "cur", "tmp"))):
                os.chown(path, uid, gid)
        self.users[name] = user, f"{name}:{secret or '{PLAIN}' + password}:{uid}:{gid}::{home}::{extra}"
        self.write_passwd()
        return user

    # --- the process

    def start(self):
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: whatever is left becomes ours
        self.served = self.log().count("]: serving ") if self.log_file.exists() else 0
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, BUILD / "restanted", "-f", "-c", self.conf],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            eventually(self.answers, 30, "an answer of the server")
        except AssertionError:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the server does not answer; its log:\n" + self.log()) from None

    def answers(self):
        assert self.process.poll() is None, "the server has ended"
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as s:
                if s.recv(3) != b"+OK":
                    return False
        except OSError:
            return False
        # One login process may answer before the last role is ready: then it is not started yet.
        return self.log().count("]: serving ") > self.served

    def tree(self):
        """The master and all processes below it."""
        return [Process(self.process.pid), *children(self.process.pid)]

    def role(self, name):
        """The processes whose program is restante-<name>."""
        return [p for p in self.tree() if p.name == f"restante-{name}"]

    def stop(self):
        """Stops the server and looks at what it leaves."""
        tree = self.tree() if self.process.poll() is None else []
        early = self.process.poll()
        if early is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(15)
        except subprocess.TimeoutExpired:
            for p in tree:
                os.kill(p.pid, signal.SIGKILL)
            self.process.wait()
            raise AssertionError("SIGTERM did not stop the server; its log:\n" + self.log()) from None
        end = time.monotonic() + 5
        while any(p.alive() for p in tree) and time.monotonic() < end:
            time.sleep(0.02)
        left = [p for p in tree if p.alive()]
        for p in left:
            os.kill(p.pid, signal.SIGKILL)
        assert early is None, f"the server had ended by itself, with status {early}; its log:\n" + self.log()
        assert not left, f"processes are left: {[p.pid for p in left]}"
        assert status == 0, f"the server ended with status {status}; its log:\n" + self.log()
        self.check_log()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.process:
            self.stop()

    # --- the log

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def expect(self, pattern):
        """Announces a line that would otherwise count as an error."""
        self.expected.append(pattern)

    def wait_log(self, pattern, timeout=10, after=0):
        """Waits for a line; returns the match. after: a length of log() to look behind."""
        return eventually(lambda: re.search(pattern, self.log()[after:]), timeout, f"/{pattern}/ in the log")

    TROUBLE = re.compile(
        r"runtime error|Sanitizer|signal \d|ended with status|must not send|from \w+ \d+ was refused|was malformed"
        r"|could not be stopped|was not ready|cannot (send|reach|start)"
    )

    def check_log(self):
        lines = [
            line
            for line in self.log().splitlines()
            if self.TROUBLE.search(line) and not any(re.search(e, line) for e in self.expected)
        ]
        assert not lines, "the log holds:\n" + "\n".join(lines)

    def session_lines(self, user):
        """The fields of the line that ended each of the user's sessions, as dicts."""
        found = []
        for line in self.log().splitlines():
            fields = dict(re.findall(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|\S*)', line))
            if fields.get("user", "").strip('"') == user and "why" in fields and "retrieved" in line:
                found.append(fields)
        return found

    # --- clients

    def connect(self, tls=False, **more):
        return Pop3(self.tls_port if tls else self.port, tls=client_context() if tls is True else tls or None, **more)

    def login(self, user, tls=False, **more):
        client = self.connect(tls, **more)
        client.login(user)
        return client

    def ctl(self, *words, **more):
        """restantectl with this server's configuration."""
        return subprocess.run(
            [BUILD / "restantectl", "-c", self.conf, *words], capture_output=True, text=True, timeout=30, **more
        )

    def check_conf(self):
        """restanted -t"""
        return subprocess.run(
            [BUILD / "restanted", "-t", "-c", self.conf], capture_output=True, text=True, timeout=30
        )


class Closed(Exception):
    """The server ended the connection before the reply was whole; args[0] is what came."""


class Pop3:
    """One connection. Everything that the server sends is kept in .seen, as it came."""

    def __init__(self, port, tls=None, host="127.0.0.1", name="localhost", timeout=20, greeting=True, session=None, source=None):
        self.host, self.name = host, name
        self.sock = socket.create_connection((host, port), timeout, source_address=(source, 0) if source else None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.seen, self.greeting = b"", b"", b""
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname=name, session=session)
        if greeting:
            self.greeting = self.line()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Ends the connection with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def start_tls(self, context):
        self.sock = context.wrap_socket(self.sock, server_hostname=self.name)

    def send(self, octets):
        self.sock.sendall(octets)

    def more(self):
        try:
            octets = self.sock.recv(1 << 18)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            octets = b""
        self.seen += octets
        return octets

    def until(self, end):
        """Reads up to and with the octets end."""
        chunks, tail = [self.buffer], self.buffer
        while end not in tail:
            octets = self.more()
            if not octets:
                self.buffer = b""
                raise Closed(b"".join(chunks))
            tail = tail[-len(end) :] + octets
            chunks.append(octets)
        data, _, self.buffer = b"".join(chunks).partition(end)
        return data + end

    def line(self):
        """One line without its CRLF; a line that does not end so is an error of the server."""
        line = self.until(b"\n")
        assert line.endswith(b"\r\n"), line
        assert len(line) <= 512, "RFC 1939 section 3: at most 512 octets"
        return line[:-2]

    def rest(self):
        """All that comes until the server ends the connection."""
        data = self.buffer
        self.buffer = b""
        while octets := self.more():
            data += octets
        return data

    def command(self, command):
        self.send((command if isinstance(command, bytes) else command.encode()) + b"\r\n")
        return self.line()

    def ok(self, command):
        reply = self.command(command)
        assert reply.startswith(b"+OK"), (command, reply)
        return reply

    def err(self, command, code=None):
        """A refusal; code: the response code in brackets that it must have."""
        reply = self.command(command)
        assert reply.startswith(b"-ERR"), (command, reply)
        if code:
            assert reply.startswith(f"-ERR [{code}]".encode()), (command, reply)
        return reply

    def body(self):
        """A reply of several lines behind its first: as it comes, with its stuffing, without the last line."""
        if self.buffer.startswith(b".\r\n"):
            self.buffer = self.buffer[3:]
            return b""
        while len(self.buffer) < 3:
            octets = self.more()
            if not octets:
                raise Closed(self.buffer)
            self.buffer += octets
            if self.buffer.startswith(b".\r\n"):
                self.buffer = self.buffer[3:]
                return b""
        return self.until(b"\r\n.\r\n")[:-3]

    def many(self, command):
        """Lines of a list, without stuffing."""
        self.ok(command)
        return unstuff(self.body()).split(b"\r\n")[:-1]

    def retr(self, number):
        self.ok(f"RETR {number}")
        return unstuff(self.body())

    def top(self, number, lines):
        self.ok(f"TOP {number} {lines}")
        return unstuff(self.body())

    def stat(self):
        """(messages, octets)"""
        return tuple(int(x) for x in self.ok("STAT").split()[1:3])

    def sizes(self):
        """{number: octets}"""
        return {int(n): int(size) for n, size in (line.split() for line in self.many("LIST"))}

    def uids(self):
        """{number: unique-id}"""
        return {int(n): uid.decode() for n, uid in (line.split(b" ", 1) for line in self.many("UIDL"))}

    def capa(self):
        return [line.decode() for line in self.many("CAPA")]

    def login(self, user, password=None):
        self.ok(f"USER {user.name}")
        return self.ok(f"PASS {password or user.password}")

    def quit(self):
        reply = self.command("QUIT")
        assert self.rest() == b"", "nothing comes after the reply to QUIT"
        self.close()
        return reply


def unstuff(octets):
    assert not re.search(rb"(?m)^\.(?!\.)", octets), "a line begins with a dot that is not doubled"
    return re.sub(rb"(^|\r\n)\.\.", rb"\1.", octets)


def remove_tree(folder):
    shutil.rmtree(folder, ignore_errors=True)
