#!/usr/bin/python3
"""make bench, make bench-boundary: what the plugin boundary costs, in ns for each message and as a part of a RETR.

storage-memory holds mail that costs nothing to find. boundary-bench calls it by name and through the ABI; a
server serves the same mail from it, and the CPU time of a RETR there is what the difference is a part of.
"""

import argparse
import os
import statistics
import subprocess
import sys

import servers
from bench import PASSWORD, SECRET, Bench

USER, OCTETS, ROUNDS = "memory", 4096, 5


class Restante(servers.Restante):
    name = homes = "memory"

    def configure(self):
        super().configure()
        with open(self.config) as f:
            text = f.read().replace('storage = "maildir"', 'storage = "memory"')
        servers.write(self.config, text + f"storage-memory {{ octets = {OCTETS} }}\n")


def calls(tools):
    """{name: (direct, through the ABI)} in ns."""
    words = [os.path.join(tools, "boundary-bench"), os.path.join(tools, ".libs/storage-memory.so"), str(OCTETS)]
    run = subprocess.run(words, capture_output=True, text=True, check=True)
    return {name: (float(a), float(b)) for name, a, b in (line.split() for line in run.stdout.splitlines())}


def retr_cpu_us(bench, server, **options):
    rounds = [bench.load(server, "retr", "memory", seconds=2, **options) for _ in range(bench.rounds)]
    return statistics.median(got["server_cpu_us"] / got["units"] for got in rounds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tools", default=".", help="the build folder")
    parser.add_argument("--work", default="bench-work", help="where the server lives")
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--rounds", type=int)
    args, _ = parser.parse_known_args()  # flags of bench.py
    if os.geteuid() != 0:
        print("bench: needs root: uids and cgroups", file=sys.stderr)
        return 1
    os.umask(0o022)
    bench = Bench(args)
    os.makedirs(bench.work, 0o755, exist_ok=True)
    bench.make_certificate()
    servers.write(bench.users_file("memory"), f"{USER} {PASSWORD}\n")
    server = Restante(bench.work, {USER: SECRET}, "", bench.tools)
    try:
        server.start()
        asked, pipelined = retr_cpu_us(bench, server), retr_cpu_us(bench, server, pipeline=64)
    finally:
        server.stop()
    runs = [calls(bench.tools) for _ in range(1 if args.quick else ROUNDS)]
    print(f"\nThe plugin boundary, messages of {OCTETS} octets from memory: ns for each, of the CPU time of a RETR")
    print(f"{'':<30}{'direct':>10}{'by the ABI':>12}{'more':>8}{'% of RETR':>11}{'% pipelined':>13}")
    total = 0
    for name in runs[0]:
        direct, through = (min(run[name][i] for run in runs) for i in (0, 1))
        total += through - direct
        print(line(name, direct, through, asked, pipelined))
    print(f"{'all of them':<52}{total:>8.1f}{total / asked / 10:>11.3f}{total / pipelined / 10:>13.3f}")
    print(f"a RETR: {asked:.1f} us of CPU, pipelined {pipelined:.1f} us")
    return 0


def line(name, direct, through, asked, pipelined):
    more = through - direct
    parts = f"{more / asked / 10:>11.3f}{more / pipelined / 10:>13.3f}"
    return f"{name:<30}{direct:>10.1f}{through:>12.1f}{more:>8.1f}{parts}"


if __name__ == "__main__":
    sys.exit(main())
