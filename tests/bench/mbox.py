#!/usr/bin/python3
"""make bench, make bench-mbox: Restante, Dovecot and popa3d on the same mbox of 5,000 messages and 200 MB.

The rows and the table are bench.py's; ratios are to the better of the two others. Each server has a copy
of the file, for Dovecot writes to its own. popa3d is started by a small inetd for each connection, in
a mount namespace where its user is in /etc/passwd. Dovecot runs in its default mode.
"""

import argparse
import os
import random
import shutil
import socket
import subprocess
import sys
import time

import servers as plain
from bench import PASSWORD, SECRET, Bench, table
from mailboxes import OWNER, base64_blob, message, text_blob
from rows import Row, retrieve

USER, COUNT, MEDIAN = "benchmbox", 5000, 14000

INETD = """
import os, signal, socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1])))
s.listen(64)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    c, _ = s.accept()
    if os.fork() == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for fd in (0, 1, 2):
            os.dup2(c.fileno(), fd)
        os.execv("/usr/sbin/popa3d", ["popa3d"])
    c.close()
"""


class Mbox:
    """What the servers here have beside those of bench.py: a spool folder with one mbox."""

    def spool(self):
        return os.path.join(self.mail, "spool")

    def file(self):
        return os.path.join(self.spool(), USER)

    def fresh(self, pristine):
        """The mbox as it was made, in memory, and nothing known of it."""
        shutil.rmtree(self.mail, ignore_errors=True)
        for folder in (self.mail, self.spool(), self.home(USER)):
            os.makedirs(folder)
            os.chown(folder, OWNER, OWNER)
        shutil.copyfile(pristine, self.file())
        os.chown(self.file(), OWNER, OWNER)
        os.sync()
        time.sleep(0.1)


class Restante(Mbox, plain.Restante):
    homes = "mbox-restante"

    def configure(self):
        super().configure()
        with open(self.config) as f:
            text = f.read().replace('storage = "maildir"', 'storage = "mbox"')
        mbox = f'storage-mbox {{ path = "{self.spool()}/%u" }}\n'
        plain.write(self.config, "\n".join(l for l in text.split("\n") if "storage-maildir" not in l) + mbox)


class Dovecot(Mbox, plain.Dovecot):
    homes = "mbox-dovecot"

    def configure(self):
        super().configure()
        with open(self.config) as f:
            text = f.read()
        plain.write(self.config, text.replace("maildir:~/Maildir", f"mbox:~/mail:INBOX={self.spool()}/%u"))


class Popa3d(Mbox, plain.Server):
    key, name, homes = "popa3d", "popa3d", "mbox-popa3d"

    @staticmethod
    def installed(_tools):
        return os.path.exists("/usr/sbin/popa3d")

    def configure(self):
        files = {}
        for name, line in (("passwd", f"{USER}:x:{OWNER}:{OWNER}::/:/bin/sh\n"), ("shadow", self.shadow())):
            with open(f"/etc/{name}") as f:
                files[name] = plain.write(os.path.join(self.folder, name), f.read() + line)
        inetd = plain.write(os.path.join(self.folder, "inetd.py"), INETD)
        binds = "".join(f"mount --bind {path} /etc/{name} && " for name, path in files.items())
        plain.write(self.config, f"{binds}mount --bind {self.spool()} /var/mail && "
            f"exec {sys.executable} {inetd} {self.plain}\n")

    @staticmethod
    def shadow():
        hashed = subprocess.run(["openssl", "passwd", "-1", PASSWORD], capture_output=True, text=True, check=True)
        return f"{USER}:{hashed.stdout.strip()}:19000:0:99999:7:::\n"

    def command(self):
        return ["unshare", "-m", "sh", "-e", self.config]

    def fresh(self, pristine):
        """The folder is mounted: its contents change, not itself."""
        if not os.path.isdir(self.spool()):
            return super().fresh(pristine)
        shutil.copyfile(pristine, self.file())
        os.chown(self.file(), OWNER, OWNER)
        time.sleep(0.1)


def opens(first):
    def run(bench, server):
        if first:
            server.fresh(bench.pristine)
        else:
            bench.load(server, "open", "mbox", count=1)
        got = bench.load(server, "open", "mbox", count=1 if first else 5)
        return got["p50_us"] / 1000, got["server_cpu_us"] / got["units"], None
    return run


def delete_first(bench, server):
    """Milliseconds from QUIT to its reply, the first message deleted."""
    server.fresh(bench.pristine)
    with socket.create_connection(("127.0.0.1", server.plain)) as s, s.makefile("rwb", 0) as f:
        f.readline()
        for command in (f"USER {USER}", f"PASS {PASSWORD}", "DELE 1", "QUIT"):
            start = time.monotonic()
            f.write(command.encode() + b"\r\n")
            reply = f.readline()
            if not reply.startswith(b"+OK"):
                raise SystemExit(f"bench: {server.name}: {command}: {reply.decode()}")
    return (time.monotonic() - start) * 1000, None, None


ROWS = [
    Row("first", "first open of 200 MB: ms", opens(True), high=False, show="{:.1f}", popa3d=1),
    Row("later", "later open of 200 MB: ms", opens(False), high=False, show="{:.1f}", popa3d=10),
    Row("retr-1", "RETR/s, 1 session", retrieve("mbox"), also="MB/s", better=1.3),
    Row("retr-pipelined", "RETR/s, 1 session, pipelined", retrieve("mbox", pipeline=64), also="MB/s", better=2),
    Row("delete", "QUIT with the first of all deleted: ms", delete_first, high=False, show="{:.1f}", popa3d=1),
]


class MboxBench(Bench):
    def prepare(self):
        os.makedirs(self.work, 0o755, exist_ok=True)
        self.make_certificate()
        self.pristine = os.path.join(self.work, "pristine.mbox")
        if not os.path.exists(self.pristine):
            self.make()
        self.users["mbox"] = [USER]
        plain.write(self.users_file("mbox"), f"{USER} {PASSWORD}\n")
        kinds = [s for s in (Restante, Dovecot, Popa3d) if s.installed(self.tools)]
        found = [s(self.work, {USER: SECRET}, "", self.tools) for s in kinds]
        for server in found:
            server.fresh(self.pristine)
        return found

    def make(self):
        blobs = random.Random(1)
        text, data = text_blob(blobs, 4_000_000), base64_blob(blobs, 4_000_000)
        with open(self.pristine + ".new", "wb") as f:
            for n in range(COUNT):
                f.write(b"From user%d@example.net  Mon Jan %2d %02d:%02d:%02d 2024\n"
                    % (n % 977, 1 + n // 3600 % 28, n // 600 % 24, n // 60 % 60, n % 60))
                f.write(message(random.Random(n), n, text, data, MEDIAN).replace(b"\nFrom ", b"\n>From ") + b"\n")
        os.rename(self.pristine + ".new", self.pristine)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tools", default=".", help="the build folder")
    parser.add_argument("--work", default="bench-work", help="where mail and servers live; kept for the next run")
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--only", metavar="ROW", help="rows whose key contains one of these, comma-separated")
    parser.add_argument("--rounds", type=int)
    args, _ = parser.parse_known_args()  # bench.py's others have no meaning here
    if os.geteuid() != 0:
        print("bench: needs root: uids, cgroups and a mount namespace", file=sys.stderr)
        return 1
    os.umask(0o022)
    bench = MboxBench(args)
    servers = bench.prepare()
    try:
        for server in servers:
            server.start()
            bench.load(server, "check", "mbox", pipeline=64)
        table(bench, servers, ROWS)
    finally:
        for server in servers:
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
