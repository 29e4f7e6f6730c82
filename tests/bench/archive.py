#!/usr/bin/python3
"""make bench, make bench-archive: mail in an archive, beside our own Maildir and beside Dovecot's Maildir of gzip
files (its zlib plugin, level 6). The rows and the table are bench.py's; ratios are to Dovecot, or as the row says.

The archive is written here, by what restante-archive(5) says. What is delivered goes to users of their own, whose
mailboxes are empty before each run; all servers wait until it is on disk.
"""

import argparse
import gzip
import os
import re
import resource
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib

import servers as plain
from bench import PASSWORD, SECRET, Bench, table
from mailboxes import OWNER, Mail, file_name
from rows import Row, opens, retrieve

RETR, OPEN, DELIVER = "retr", "open", [f"deliver{n}" for n in range(8)]  # users
FROM = b"From sender@example.net Mon Jan  1 00:00:00 2024\n"
SEGMENT = 64 << 20
LEVEL = 6


def squeezed(octets):
    deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, -15, 9)
    return deflate.compress(octets) + deflate.flush()


def member(n, message):
    """restante-archive(5), "The header of a member"."""
    text = FROM + re.sub(rb"(?m)^(>*From )", rb">\1", message) + b"\n"
    data, uid, when = squeezed(text), b"bench%011d" % n, 1700000000 + n
    length = 60 + len(uid) + len(data) + 8
    wire = len(message) + message.count(b"\n")

    def head(check, state):
        return struct.pack("<4sIBBHHHBBBBIQQQqHH", b"\x1f\x8b\x08\x04", when, 0, 255, 48 + len(uid), 0x4152,
            44 + len(uid), 1, state, 1, len(uid), check, length, wire, len(text), when, len(FROM), text[len(FROM):-1] != message) + uid

    return head(zlib.crc32(head(0, 0)), 0x4C) + data + struct.pack("<II", zlib.crc32(text), len(text))


def give(*paths):
    for path in paths:
        os.chown(path, OWNER, OWNER)


def made(home):
    """True where it is there already; else the folder is made anew."""
    if os.path.exists(os.path.join(home, ".ready")):
        return True
    shutil.rmtree(home, ignore_errors=True)
    os.makedirs(home)
    give(home)
    return False


class Restante(plain.Restante):
    homes, folder_name, storage = "mail-archive", "archive", "archive"

    def configure(self):
        super().configure()
        with open(self.config) as f:
            text = f.read().replace('storage = "maildir"', f'storage = "{self.storage}"')
        plain.write(self.config, text + 'storage-archive { path = "~/archive" }\nlmtp_socket_user = "root"\n'
            f'listen_lmtp = {{ "unix:{self.lmtp()}" }}\n')

    def lmtp(self):
        return os.path.join(self.folder, "run", "lmtp")

    def command_of(self, user):
        return [os.path.join(self.tools, "restante-deliver"), "-c", self.config, "-d", user]

    def fill(self, mail, user, count):
        home = self.home(user)
        if made(home):
            return
        folder = os.path.join(home, "archive")
        os.makedirs(folder, 0o700)
        out, number = None, 0
        for n in range(count):
            with open(mail.path(n), "rb") as f:
                octets = member(n, f.read())
            if not out or out.tell() + len(octets) > SEGMENT:
                number += 1
                out = open(os.path.join(folder, f"{number:08}.mbox.gz"), "wb")
                give(out.name)
            out.write(octets)
        out.close()
        give(folder)
        plain.write(os.path.join(home, ".ready"), "")


class Maildir(Restante):
    """Restante with a Maildir, whose files are links to the messages."""

    key, name, homes, folder_name, storage = "maildir", "maildir", "mail-archive-maildir", "Maildir", "maildir"

    def fill(self, mail, user, count):
        mail.maildir(self.home(user), count, True)


class Dovecot(plain.Dovecot):
    """The mailbox that is only opened is of links, too."""

    homes, folder_name = "mail-archive-dovecot", "Maildir"

    def configure(self):
        super().configure()
        with open(self.config) as f:
            text = f.read().replace("protocols = pop3", "protocols = pop3 lmtp")
        owner = f"user = {plain.pwd.getpwnam('dovecot').pw_name}"
        plain.write(self.config, text + "mail_plugins = zlib\nplugin {\n  zlib_save = gz\n"
            f"  zlib_save_level = {LEVEL}\n}}\nservice lmtp {{\n  unix_listener lmtp {{\n    {owner}\n  }}\n}}\n"
            "postmaster_address = postmaster@example.org\nauth_username_format = %n\n")

    def lmtp(self):
        return os.path.join(self.folder, "base", "lmtp")

    def command_of(self, user):
        return ["/usr/lib/dovecot/dovecot-lda", "-c", self.config, "-d", user]

    def fill(self, mail, user, count):
        home = self.home(user)
        if user == OPEN:
            return mail.maildir(home, count, True)
        if made(home):
            return
        path = os.path.join(home, "Maildir")
        for folder in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(path, folder), 0o700)
        for n in range(count):
            target = os.path.join(path, "cur", file_name(n, *mail.sizes[n], True))
            with open(mail.path(n), "rb") as f, open(target, "wb") as out:
                out.write(gzip.compress(f.read(), LEVEL))
            give(target)
        give(path, *(os.path.join(path, f) for f in ("cur", "new", "tmp")))
        plain.write(os.path.join(home, ".ready"), "")


# --- deliveries


def empty(server):
    for user in DELIVER:
        shutil.rmtree(os.path.join(server.home(user), server.folder_name), ignore_errors=True)


def cpu_us(server):
    """Of the server, and of what this program has called."""
    with open(server.account.cpu_file) as f:
        words = f.read().split()
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    inside = int(words[1]) if words[0] == "usage_usec" else int(words[0]) / 1000
    return inside + (own.ru_utime + own.ru_stime) * 1e6


def talk(server, user, messages, failures):
    """One LMTP connection, one message after the other to one user."""
    def expect(code):
        line = f.readline()
        while line[3:4] == b"-":
            line = f.readline()
        if not line.startswith(code):
            raise ValueError(f"{server.name}: LMTP: {line}")

    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(server.lmtp())
            with s.makefile("rwb") as f:
                expect(b"220")
                f.write(b"LHLO bench\r\n")
                f.flush()
                expect(b"250")
                for message in messages:
                    f.write(b"MAIL FROM:<sender@example.net>\r\nRCPT TO:<%s@example.org>\r\nDATA\r\n" % user.encode())
                    f.flush()
                    for code in (b"250", b"250", b"354"):
                        expect(code)
                    f.write(message)
                    f.flush()
                    expect(b"250")
    except (OSError, ValueError) as error:
        failures.append(error)


def measured(bench, server, run):
    empty(server)
    before, start = cpu_us(server), time.monotonic()
    run()
    took = time.monotonic() - start
    time.sleep(0.05)  # a process that has answered ends
    return len(bench.messages) / took, (cpu_us(server) - before) / len(bench.messages), None


def lmtp(connections):
    def run(bench, server):
        failures = []
        threads = [threading.Thread(target=talk, args=(server, DELIVER[n], bench.on_the_wire[n::connections], failures))
            for n in range(connections)]

        def all_of_them():
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        figures = measured(bench, server, all_of_them)
        if failures:
            raise SystemExit(f"bench: {failures[0]}")
        return figures
    return run


def pipe(bench, server):
    def one_by_one():
        for message in bench.messages:
            done = subprocess.run(server.command_of(DELIVER[0]), input=message, capture_output=True, check=False)
            if done.returncode:
                raise SystemExit(f"bench: {server.name}: {done.returncode} {done.stdout} {done.stderr}")

    return measured(bench, server, one_by_one)


# --- the table


def size(bench, server):
    """MB of the blocks that the mail takes, and of its files."""
    octets = blocks = 0
    for folder, _, names in os.walk(os.path.join(server.home(RETR), server.folder_name)):
        for name in names:
            st = os.stat(os.path.join(folder, name))
            octets += st.st_size
            blocks += st.st_blocks * 512
    return blocks / 1e6, None, octets / 1e6


def rows():
    yield Row("size", "{retr} messages: MB on disk", size, high=False, show="{:.1f}", also="MB of files",
        beside="dovecot", dovecot=1)
    yield Row("open", "later open of {open}, beside our Maildir: ms", opens(OPEN, False), high=False, show="{:.1f}",
        beside="maildir", maildir=0.5)
    for name, text, more in (("1", "", {}), ("pipelined", ", pipelined", {"pipeline": 64})):
        for tls in (False, True):
            yield Row(f"retr-{'tls-' if tls else ''}{name}", f"RETR/s, 1 session{text}{', TLS' if tls else ''}",
                retrieve(RETR, tls=tls, **more), also="MB/s", beside="dovecot", dovecot=1)
    yield Row("lmtp-1", "deliveries/s by LMTP, 1 user", lmtp(1), beside="dovecot")
    yield Row("lmtp-8", "deliveries/s by LMTP, 8 users at a time", lmtp(8), beside="dovecot")
    yield Row("pipe", "deliveries/s by the command (Dovecot: LDA)", pipe, beside="dovecot")


class ArchiveBench(Bench):
    def prepare(self):
        os.makedirs(self.work, 0o755, exist_ok=True)
        self.make_certificate()
        quick = self.args.quick
        self.counts = {RETR: 2000 if quick else 10000, OPEN: 10000 if quick else 100000}
        mail = Mail(self.work, self.counts[OPEN])
        self.messages = []
        for n in range(100 if quick else 400):
            with open(mail.path(n), "rb") as f:
                self.messages.append(f.read())
        self.on_the_wire = [re.sub(rb"(?m)^\.", b"..", m).replace(b"\n", b"\r\n") + b".\r\n" for m in self.messages]
        kinds = [s for s in (Restante, Maildir, Dovecot) if s.installed(self.tools)]
        users = [RETR, OPEN, *DELIVER]
        found = [s(self.work, dict.fromkeys(users, SECRET), "-quick" if quick else "", self.tools) for s in kinds]
        for user in users:
            self.users[user] = [user]
            plain.write(self.users_file(user), f"{user} {PASSWORD}\n")
        for server in found:
            for user, count in self.counts.items():
                server.fill(mail, user, count)
            for user in DELIVER:
                if not made(server.home(user)):
                    plain.write(os.path.join(server.home(user), ".ready"), "")
        os.sync()
        self.as_one_file(mail)
        return found

    def as_one_file(self, mail):
        """What gzip -6 makes of all the messages as one mbox."""
        deflate, octets = zlib.compressobj(LEVEL, zlib.DEFLATED, 31), 0
        for n in range(self.counts[RETR]):
            with open(mail.path(n), "rb") as f:
                octets += len(deflate.compress(FROM + f.read() + b"\n"))
        octets += len(deflate.flush())
        stored = sum(s for s, _ in mail.sizes[:self.counts[RETR]])
        print(f"gzip -{LEVEL} of {self.counts[RETR]} messages as one mbox: {octets / 1e6:.1f} of {stored / 1e6:.1f} MB\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tools", default=".", help="the build folder")
    parser.add_argument("--work", default="bench-work", help="where mail and servers live; kept for the next run")
    parser.add_argument("--quick", action="store_true", help="small mailboxes, one round")
    parser.add_argument("--only", metavar="ROW", help="rows whose key contains one of these, comma-separated")
    parser.add_argument("--rounds", type=int)
    args, _ = parser.parse_known_args()  # bench.py's others have no meaning here
    if os.geteuid() != 0:
        print("bench: needs root: uids and cgroups", file=sys.stderr)
        return 1
    os.umask(0o022)
    bench = ArchiveBench(args)
    servers = bench.prepare()
    try:
        for server in servers:
            server.start()
            bench.load(server, "check", RETR, pipeline=64)
        table(bench, servers, rows(), **bench.counts)
    finally:
        for server in servers:
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
