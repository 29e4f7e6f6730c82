#!/usr/bin/python3
"""make timing: can it be told from the time of a refusal why it was refused?

Each row compares refusals of one kind with those of a wrong password, in a random order, by Mann and Whitney's test:
p is how often chance alone would make two equal things look as different as these. Nothing costs extra time here
(auth_failure_delay is 0), so that what is left is what a check itself takes, as refuse.c makes it even. Passwords are
yescrypt hashes; those of the rows about SCRAM are in plain text, where it has most to compute.
"""

import argparse
import base64
import concurrent.futures
import contextlib
import math
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "system"))
from restante import PASSWORD, ROOT, Server  # noqa: E402

CHANCE = 0.001  # a p below this is no chance


def ranks(values):
    """Each value's place in the order of all, the mean of them where some are equal; and the sum of t^3 - t over
    groups of t equal ones."""
    order = sorted(range(len(values)), key=values.__getitem__)
    out, ties, at = [0.0] * len(values), 0, 0
    while at < len(order):
        end = at
        while end < len(order) and values[order[end]] == values[order[at]]:
            end += 1
        for i in order[at:end]:
            out[i] = (at + end + 1) / 2
        ties += (end - at) ** 3 - (end - at)
        at = end
    return out, ties


def mann_whitney(a, b):
    """The two-sided p, by the normal approximation with its correction for ties."""
    all_ranks, ties = ranks(a + b)
    n, m, total = len(a), len(b), len(a) + len(b)
    u = sum(all_ranks[:n]) - n * (n + 1) / 2
    variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    if variance == 0:
        return 1.0
    return math.erfc(abs(u - n * m / 2) / math.sqrt(2 * variance))


# --- tries: each returns the seconds from the question to its answer


def wrong_pass(server, user, password):
    with server.connect() as c:
        c.ok(f"USER {user}")
        began = time.monotonic()
        c.err(f"PASS {password}", "AUTH")
        return time.monotonic() - began


def scram_first(server, user, _password):
    """The server's first message, which nothing delays."""
    first = base64.b64encode(f"n,,n={user},r=rOprNGfwEbeRWgbNEkqO".encode()).decode()
    with server.connect() as c:
        began = time.monotonic()
        assert c.command(f"AUTH SCRAM-SHA-256 {first}").startswith(b"+ ")
        return time.monotonic() - began


def compare(title, server, attempt, kinds, args):
    """kinds: {name: (user, password)}; the first is what the others are compared with."""
    tries = [kind for kind in kinds for _ in range(args.tries)]
    random.shuffle(tries)
    took = {kind: [] for kind in kinds}
    with concurrent.futures.ThreadPoolExecutor(args.threads) as pool:
        for kind, seconds in zip(tries, pool.map(lambda k: attempt(server, *kinds[k]), tries)):
            took[kind].append(seconds)
    first, good = next(iter(kinds)), True
    for kind, times in took.items():
        p = mann_whitney(took[first], times) if kind != first else None
        missed = p is not None and p < CHANCE
        quartiles = "".join(f"{1000 * q:>9.2f}" for q in statistics.quantiles(times, n=4))
        verdict = "" if p is None else f"{p:>9.3f}  {'MISSED' if missed else 'ok'}"
        print(f"{title + ', ' + kind:<46}{quartiles}{verdict}", flush=True)
        good = good and not missed
    return good


# --- servers


def hashed(server):
    made = server.ctl("passwd", "-s", "yescrypt", input=PASSWORD + "\n" + PASSWORD + "\n")
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def passwd_file(folder, args):
    with Server(folder, max_auth_failures=100) as server:
        secret = hashed(server)
        for n in range(20):
            server.user(f"other{n}", secret=secret)
        server.user("known", secret=secret)
        server.user("locked", secret="!" + secret)
        server.user("closed", secret=secret, extra="nologin=moved")
        kinds = {"wrong password": ("known", "guess"), "unknown user": ("nobody-here", "guess"),
            "locked user": ("locked", "guess"), "nologin, wrong password": ("closed", "guess")}
        return compare("passwd-file", server, wrong_pass, kinds, args)


def scram(folder, args):
    with Server(folder) as server:
        for n in range(20):
            server.user(f"known{n}")
        kinds = {"known user": ("known7", ""), "unknown user": ("nobody-here", "")}
        return compare("SCRAM, first message", server, scram_first, kinds, args)


@contextlib.contextmanager
def system_users(**chage):
    names = {tag: f"rt{os.getpid()}{tag}" for tag in chage}
    try:
        for tag, words in chage.items():
            subprocess.run(["useradd", "-M", "-s", "/usr/sbin/nologin", names[tag]], check=True)
            subprocess.run(["chpasswd"], input=f"{names[tag]}:{PASSWORD}\n", text=True, check=True)
            if words:
                subprocess.run([*words, names[tag]], check=True)
        yield names
    finally:
        for name in names.values():
            subprocess.run(["userdel", name], check=False, capture_output=True)


def pam(folder, args):
    stack = folder / "pam.d"
    stack.mkdir()
    (stack / "unix").write_text("auth required pam_unix.so\naccount required pam_unix.so\n")
    users = {"known": [], "expired": ["chage", "-E", "2020-01-01"], "locked": ["usermod", "-L"]}
    settings = {"service": "unix", "confdir": stack}
    with system_users(**users) as name, Server(folder, auth=["pam"], auth_pam=settings) as server:
        kinds = {"wrong password": (name["known"], "guess"), "unknown user": ("nobody-here", "guess"),
            "locked user": (name["locked"], "guess"), "expired, wrong password": (name["expired"], "guess"),
            "expired, right password": (name["expired"], PASSWORD)}
        return compare("PAM", server, wrong_pass, kinds, args)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, default=1000, help="of each kind")
    parser.add_argument("--threads", type=int, default=8, help="tries at a time: they mostly wait")
    parser.add_argument("--only", choices=("passwd-file", "scram", "pam"))
    args = parser.parse_args()
    runs = {"passwd-file": passwd_file, "scram": scram, **({"pam": pam} if ROOT else {})}
    print(f"{'ms from question to refusal':<46}{'25 %':>9}{'median':>9}{'75 %':>9}{'p':>9}")
    good = True
    for name, run in runs.items():
        with tempfile.TemporaryDirectory(prefix="restante-timing-") as folder:
            os.chmod(folder, 0o755)
            if args.only in (None, name):
                good = run(pathlib.Path(folder), args) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
