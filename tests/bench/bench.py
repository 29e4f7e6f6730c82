#!/usr/bin/python3
"""make bench: Restante and Dovecot on the same mail, as a table of ratios.

Each row runs on every server in turn (A B C A B C ...), and the table has the medians: what else
the machine does then hits all of them alike. Ratios are to the better mode of Dovecot; above 1
Restante is better, except for CPU and memory, where it is Restante's share of Dovecot's. Needs root:
the servers switch to real uids, and their CPU time is counted in cgroups.
"""

import argparse
import ctypes
import os
import signal
import statistics
import subprocess
import sys
import time

from mailboxes import Mail, forget_index, warm
from rows import ROWS, Row
from servers import Dovecot, DovecotFast, Restante

PASSWORD = "correct-horse"
SECRET = "{PLAIN}" + PASSWORD  # as it stands in a passwd-file
SMALL_USERS, SMALL_MAIL, FEW = 128, 20, 20


def yescrypt(password):
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt_gensalt.restype = library.crypt.restype = ctypes.c_char_p
    return library.crypt(password.encode(), library.crypt_gensalt(b"$y$", 0, None, 0)).decode()


class Sizes:
    """How much is measured; --quick is for trying a change."""

    def __init__(self, quick):
        self.retr, self.each_of_8 = (2000, 500) if quick else (10000, 2500)
        self.opens = (2000, 10000) if quick else (10000, 100000)
        self.login_seconds, self.retr_seconds = (1, 2) if quick else (2, 3)
        self.idle = 20 if quick else 50
        self.rounds = 1 if quick else 3


class Bench:
    def __init__(self, args):
        self.args, self.sizes = args, Sizes(args.quick)
        self.work, self.tools = os.path.abspath(args.work), os.path.abspath(args.tools)
        self.rounds = args.rounds or self.sizes.rounds
        self.users = {}  # group: names

    # --- what there is before the first row ---

    def prepare(self):
        os.makedirs(self.work, 0o755, exist_ok=True)
        self.make_certificate()
        mail = Mail(self.work, max(self.sizes.opens))
        small, many = [f"s{n:03}" for n in range(SMALL_USERS)], [f"m{n}" for n in range(8)]
        boxes = {"small": (small, SMALL_MAIL, True), "many": (many, self.sizes.each_of_8, True),
            "hashed": ([f"h{n:03}" for n in range(SMALL_USERS)], SMALL_MAIL, True),
            "retr": (["r0"], self.sizes.retr, True)}
        for size, count in zip(("a", "b"), self.sizes.opens):
            boxes[f"open-{size}-hints"] = ([f"o{size}w"], count, True)
            boxes[f"open-{size}-plain"] = ([f"o{size}n"], count, False)
        suffix = "-quick" if self.args.quick else ""
        servers = [s for s in (Restante, Dovecot, DovecotFast) if s.installed(self.tools)]
        for group, (names, count, hints) in boxes.items():
            self.users[group] = names
            with open(self.users_file(group), "w") as f:
                f.writelines(f"{name} {PASSWORD}\n" for name in names)
            for name in names:
                for homes in {s.homes for s in servers}:
                    mail.maildir(os.path.join(self.work, homes + suffix, name), count, hints)
        os.sync()
        hashed = "{CRYPT}" + yescrypt(PASSWORD)
        users = {name: hashed if group == "hashed" else SECRET
            for group, names in self.users.items() for name in names}
        return [s(self.work, users, suffix, self.tools) for s in servers
            if not self.args.servers or s.key in self.args.servers.split(",")]

    def make_certificate(self):
        key, cert = (os.path.join(self.work, f) for f in ("key.pem", "cert.pem"))
        if not os.path.exists(cert):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert, "-days", "3650",
                "-subj", "/CN=localhost"], check=True, capture_output=True)

    def users_file(self, group):
        return os.path.join(self.work, f"users-{group}")

    # --- what rows call ---

    def command(self, server, mode, group, tls=False, **options):
        command = [os.path.join(self.tools, "restante-load"), mode, "--port",
            str(server.tls if tls else server.plain), "--users", self.users_file(group), "--cpu",
            server.account.cpu_file]
        for name, value in options.items():
            command += [f"--{name}"] if value is True else [f"--{name}", str(value)]
        return command + (["--tls"] if tls else [])

    def load(self, server, mode, group, **options):
        """Runs restante-load; its figures as a dictionary. A wrong reply ends the bench."""
        run = subprocess.run(self.command(server, mode, group, **options), capture_output=True, text=True,
            check=False)
        if run.returncode:
            raise SystemExit(f"bench: {server.name}: {run.stderr.strip()}")
        return {k: float(v) for k, v in (word.split("=") for word in run.stdout.split()) if k != "mode"}

    def forget(self, server, group):
        for name in self.users[group]:
            forget_index(server.home(name))
            warm(server.home(name))

    def held(self, server, mode, group, **options):
        """What one more connection costs in memory: a few are held, then many more, so that what the
        first ones need once is not counted."""
        server.restart()
        load = subprocess.Popen(self.command(server, mode, group, connections=FEW + self.sizes.idle, first=FEW,
            **options), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        few = self.memory_when_ready(server, load)
        load.stdin.write("\n")
        load.stdin.flush()
        many = self.memory_when_ready(server, load)
        if load.communicate("")[1] or load.returncode:
            raise SystemExit(f"bench: {server.name}: {mode}: a connection did not survive")
        return (many - few) / self.sizes.idle

    def memory_when_ready(self, server, load):
        if load.stdout.readline() != "ready\n":
            raise SystemExit(f"bench: {server.name}: {load.communicate()[1].strip()}")
        time.sleep(1.5)  # sessions give memory back when they have been idle for a moment
        return server.memory()

    def bound(self, *arguments):
        run = subprocess.run([os.path.join(self.tools, "restante-bounds"), *arguments], capture_output=True,
            text=True, check=True)
        return [float(word) for word in run.stdout.split()]

    # --- the run ---

    def measure(self, row, servers):
        """{server: (median value, median CPU or None, median extra)}"""
        rounds = 1 if row.once else self.rounds
        got = {server: [] for server in servers}
        for _ in range(rounds):
            for server in servers:
                got[server].append(row.run(self, server))
        medians = {}
        for server, figures in got.items():
            columns = zip(*figures)
            medians[server] = tuple(None if c[0] is None else statistics.median(c) for c in columns)
        return medians


def cells(text, row, servers, figures):
    line = f"{text:<46}"
    for server in servers:
        value, cpu, _ = figures[server]
        line += f"{row.show(value):>11}{'' if cpu is None else f'{cpu:.0f}':>8}"
    restante = [s for s in servers if s.key == "restante"]
    others = [s for s in servers if s.key == row.beside or not row.beside and s.key != "restante"]
    if restante and others:
        mine = figures[restante[0]]
        best = (max if row.high else min)(figures[s][0] for s in others)
        ratio = mine[0] / best if row.high or row.memory else best / mine[0]
        line += f"{ratio:>8.2f}"
        cheapest = min((figures[s][1] for s in others), default=None) if mine[1] is not None else None
        line += f"{mine[1] / cheapest:>8.2f}" if cheapest else f"{'':>8}"
        line += "  " + row.verdict(mine, {s.key: figures[s] for s in others})
    return line


def second_line(row, servers, figures):
    line = f"{'  ' + row.also:<46}"
    for server in servers:
        line += f"{figures[server][2]:>11.0f}{'':>8}"
    return line


def header(servers):
    line = f"{'':<46}"
    for server in servers:
        line += f"{server.name:>12}{'cpu us':>7}"
    return line + f"{'ratio':>8}{'cpu':>8}  target"


def table(bench, servers, rows, **names):
    """Measures and prints the rows that --only wants; names are for the {} in their texts."""
    only = bench.args.only
    print(header(servers), flush=True)
    for row in rows:
        if only and not any(part in row.key for part in only.split(",")):
            continue
        figures = bench.measure(row, servers)
        print(cells(row.text.format(**names), row, servers, figures), flush=True)
        if row.also:
            print(second_line(row, servers, figures), flush=True)


def machine(bench):
    print("Bounds of this machine:")
    fork, fork_cpu = bench.bound("fork")
    print(f"  fork, exit and wait of a small process      {fork:10.0f} /s   {fork_cpu:.1f} us CPU")
    trips, trip_cpu = bench.bound("trip")
    print(f"  request and response over loopback TCP      {trips:10.0f} /s   {trip_cpu:.1f} us CPU, both sides")
    folder = os.path.join(bench.work, "messages")
    for text, how in (("read, CRLF, write: one at a time", "ask"), ("read, CRLF, write: streamed", "send")):
        rate, mb, cpu = bench.bound(how, folder, str(bench.sizes.retr))
        print(f"  {text:<42}  {rate:10.0f} /s   {mb:.0f} MB/s, {cpu:.1f} us CPU of the sender")
    print(f"  AES-256-GCM, records of 16 KiB              {bench.bound('gcm')[0]:10.0f} MB/s\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tools", default=".", help="the build folder")
    parser.add_argument("--work", default="bench-work", help="where mail and servers live; kept for the next run")
    parser.add_argument("--quick", action="store_true", help="small mailboxes, one round")
    parser.add_argument("--only", metavar="ROW", help="rows whose key contains one of these, comma-separated")
    parser.add_argument("--servers", help="restante,dovecot,fast: only these")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--rows", action="store_true", help="list the rows")
    args = parser.parse_args()
    if args.rows:
        return print("\n".join(f"{r.key:<22} {r.text}" for r in ROWS))
    if os.geteuid() != 0:
        print("bench: needs root: uids and cgroups", file=sys.stderr)
        return 1
    os.umask(0o022)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: stopped"))
    bench = Bench(args)
    servers = bench.prepare()
    try:
        for server in servers:
            server.start()
            bench.load(server, "check", "retr")
            bench.load(server, "login", "small", count=SMALL_USERS, connections=2)
        if not args.only:
            machine(bench)
        table(bench, servers, ROWS, a=bench.sizes.opens[0], b=bench.sizes.opens[1])
    finally:
        for server in servers:
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
