#!/usr/bin/python3
"""make attack: guesses from many addresses, and what a user whom the server knows notices of them.

For some seconds wrong logins come at a fixed rate, whether the server answers or not, from addresses of 127/8, at the
names of users and at names that nobody has. Meanwhile a user whom the server knows logs in: from an address of her
own, and from one of those that the guesses come from, as in an office behind one address. The table has her times
without and with the attack, and what login and auth have grown by. Passwords are yescrypt hashes.

The server is that of the system tests, and so is the short form of this: tests/system/test_attack.py.
"""

import argparse
import asyncio
import collections
import contextlib
import json
import os
import pathlib
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "system"))
from restante import PASSWORD, Pop3, Server  # noqa: E402

HOME = "127.9.9.9"  # where nobody but the user is
TIMES, GROWTH_KB = 2, 20 * 1024  # what issue 5 allows


def addresses(count):
    return [f"127.20.{n // 250}.{n % 250 + 1}" for n in range(count)]


# --- the attackers: a process of their own


async def guess(port, source, user, password, replies):
    """One wrong login. What became of it is counted."""
    writer = None
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
        writer.write(f"USER {user}\r\nPASS {password}\r\n".encode())
        lines = [await reader.readline() for _ in range(3)]
        last = b"".join(lines)
        if b"+OK" in lines[2]:
            replies["logged in"] += 1
        elif b"[AUTH]" in last:
            replies["refused"] += 1
        elif b"failed logins" in last:
            replies["refused unheard"] += 1
        else:
            replies["busy" if b"Cannot check" in last else "no connection"] += 1
    except OSError:
        replies["no connection"] += 1
    finally:
        if writer:
            writer.close()


async def flood(port, sources, rate, seconds, users):
    replies, under_way = collections.Counter(), set()
    began = time.monotonic()
    for n in range(int(rate * seconds)):
        await asyncio.sleep(max(0, began + n / rate - time.monotonic()))
        user = random.choice([f"nobody{n}", random.choice(users)])
        task = asyncio.create_task(guess(port, sources[n % len(sources)], user, f"guess{n}", replies))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    replies["unanswered"] = len(under_way)
    print(json.dumps({"seconds": time.monotonic() - began, "replies": replies}))


class Attack:
    """A flood in the background: `with Attack(...) as attack: ...; attack.end()` waits for it."""

    def __init__(self, server, sources, rate, seconds, users):
        words = [json.dumps(w) for w in (server.port, sources, rate, seconds, users)]
        self.process = subprocess.Popen([sys.executable, __file__, "--flood", *words], stdout=subprocess.PIPE)

    def under_way(self):
        return self.process.poll() is None

    def end(self):
        """(seconds that it took, {what became of a guess: how often})"""
        out, _ = self.process.communicate()
        assert self.process.returncode == 0, "the attackers have failed"
        done = json.loads(out)
        return done["seconds"], done["replies"]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


# --- the server, its user


def kilobytes(server):
    """Memory of login and auth that is theirs alone."""
    return sum(p.private_kb() for role in ("login", "auth") for p in server.role(role))


class Watch:
    """The most that login and auth have grown by, looked at all the time."""

    def __init__(self, server):
        self.server, self.before, self.most, self.over = server, kilobytes(server), 0, threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self):
        while not self.over.wait(0.25):
            with contextlib.suppress(OSError):
                self.most = max(self.most, kilobytes(self.server) - self.before)

    def end(self):
        self.over.set()
        self.thread.join()
        return max(self.most, kilobytes(self.server) - self.before)


def serve(folder, scheme="yescrypt", **settings):
    """A server with users whose passwords are hashes: (server, the known one, the others)."""
    server = Server(folder, **{"auth_failure_delay": "2s", "max_connections_per_address": 50, **settings})
    made = server.ctl("passwd", "-s", scheme, input=PASSWORD + "\n" + PASSWORD + "\n")
    assert made.returncode == 0, made.stderr
    users = [server.user(name, [b"Subject: one\n\nbody\n"], secret=made.stdout.strip()) for name in ("ann", *"bcdefgh")]
    return server, users[0], users[1:]


def login(server, user, source):
    """The seconds from the connection to the answer to PASS."""
    began = time.monotonic()
    with Pop3(server.port, source=source) as c:
        c.send(f"USER {user.name}\r\nPASS {user.password}\r\n".encode())
        replies = c.line(), c.line()
        assert replies[1].startswith(b"+OK"), replies
        took = time.monotonic() - began
        c.quit()
    return took


# --- the full run


def sample(server, user, sources, more):
    """{source: seconds of logins}, while more() says so."""
    times = {source: [] for source in sources}
    while more():
        for source in sources:
            times[source].append(login(server, user, source))
        time.sleep(0.02)
    return times


def run(folder, args, **settings):
    server, ann, others = serve(folder, **settings)
    sources = addresses(args.addresses)
    places = {HOME: "from an address of her own", sources[0]: "from an address of the attackers"}
    with server:
        for source in places:
            login(server, ann, source)
        end = time.monotonic() + args.calm
        calm = sample(server, ann, places, lambda: time.monotonic() < end)
        watch = Watch(server)
        with Attack(server, sources, args.rate, args.seconds, [ann.name, *(u.name for u in others)]) as attack:
            stormy = sample(server, ann, places, attack.under_way)
            seconds, replies = attack.end()
        grown = watch.end()
        sent = sum(replies.values())
        print(f"{sent} wrong logins from {len(sources)} addresses, {sent / seconds:.0f} a second:")
        print("  " + ", ".join(f"{n} {what}" for what, n in sorted(replies.items()) if n))
        missed = [f"the attack had {sent / seconds:.0f} logins/s"] if sent / seconds < 0.9 * args.rate else []
        missed += ["somebody has logged in"] if replies.get("logged in") else []
        print(f"{'a login of a known user, ms':<40}{'without':>10}{'p95':>8}{'with':>10}{'p95':>8}{'ratio':>8}")
        for source, where in places.items():
            few, many = calm[source], stormy[source]
            ratio = statistics.median(many) / statistics.median(few)
            columns = "".join(
                f"{1000 * statistics.median(t):>10.2f}{1000 * statistics.quantiles(t, n=20)[18]:>8.2f}" for t in (few, many)
            )
            print(f"  {where:<38}{columns}{ratio:>8.2f}   {len(few)} and {len(many)} logins")
            missed += [f"<= {TIMES} x {where}"] if ratio > TIMES else []
        print(f"memory of login and auth: {watch.before} KB before, {grown:+} KB at most")
        missed += [f"growth <= {GROWTH_KB} KB"] if grown > GROWTH_KB else []
    print("MISSED " + ", ".join(missed) if missed else "ok", end="\n\n", flush=True)
    return not missed


def main():
    if sys.argv[1:2] == ["--flood"]:
        os.nice(5)  # attackers compute elsewhere
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        return asyncio.run(flood(*map(json.loads, sys.argv[2:])))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=int, default=500, help="wrong logins a second")
    parser.add_argument("--addresses", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--calm", type=int, default=10, help="seconds before the attack")
    args = parser.parse_args()
    good = True
    for text, settings in (("with the cache", {}), ("without the cache", {"auth_cache_ttl": 0})):
        with tempfile.TemporaryDirectory(prefix="restante-attack-") as folder:
            os.chmod(folder, 0o755)
            print(f"--- {text}")
            good = run(pathlib.Path(folder), args, **settings) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
