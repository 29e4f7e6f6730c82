"""The rows of the table. A row's run gives (value, CPU of the server for a unit in us or None, extra
figure or None); its targets are what issues 2 and 5 expect of it."""


class Row:
    """high: a larger value is better. once: not in every round. also: what the extra figure is.
    targets: "dovecot" (its default mode) and "better" (the better mode): the least ratio; "cpu": the
    largest share of the cheaper mode's CPU time; "most" and "also_most": the largest value; "share":
    the largest share of the better mode's value. beside: the one server that the ratio is to."""

    def __init__(self, key, text, run, high=True, memory=False, once=False, show="{:.0f}", also=None,
        beside=None, **targets):
        self.key, self.text, self.run = key, text, run
        self.high, self.memory, self.also, self.targets = high, memory, also, targets
        self.once, self.beside = once or memory, beside
        self.show = show.format

    def verdict(self, mine, others):
        """mine and others' values: (value, cpu, extra). Returns "ok" or what is missed."""
        missed = []
        best = (max if self.high else min)(o[0] for o in others.values())
        for name, limit in self.targets.items():
            if name == "cpu":
                cheapest = min(o[1] for o in others.values())
                missed += [f"cpu <= {limit}"] if mine[1] > limit * cheapest else []
            elif name == "most":
                missed += [f"<= {limit}"] if mine[0] > limit else []
            elif name == "also_most":
                missed += [f"{self.also} <= {limit}"] if mine[2] > limit else []
            elif name == "share":
                missed += [f"<= {limit} x"] if mine[0] > limit * best else []
            elif name == "better" or name in others:
                other = best if name == "better" else others[name][0]
                ratio = mine[0] / other if self.high else other / mine[0]
                missed += [f">= {limit} x {name}"] if ratio < limit else []
        return "MISSED " + ", ".join(missed) if missed else "ok" if self.targets else ""


def logins(connections, **options):
    def run(bench, server):
        got = bench.load(server, "login", "small", connections=connections, seconds=bench.sizes.login_seconds,
            **options)
        return got["per_s"], got["server_cpu_us"] / got["units"], got["p99_us"]
    return run


def hashed(cache):
    """Logins with yescrypt hashes; with a cache each user has logged in before. The server starts anew for it, and
    once more with its usual settings behind it."""
    def run(bench, server):
        server.restart(cache)
        if cache:
            bench.load(server, "login", "hashed", connections=1, count=len(bench.users["hashed"]))
        got = bench.load(server, "login", "hashed", connections=16, seconds=2 * bench.sizes.login_seconds)
        server.restart()
        return got["per_s"], got["server_cpu_us"] / got["units"], got["p99_us"]
    return run


def opens(group, first):
    def run(bench, server):
        if first:
            bench.forget(server, group)
        else:
            bench.load(server, "open", group, count=1)
        got = bench.load(server, "open", group, count=1 if first else 5)
        return got["p50_us"] / 1000, got["server_cpu_us"] / got["units"], None
    return run


def retrieve(group, mode="retr", **options):
    def run(bench, server):
        got = bench.load(server, mode, group, seconds=bench.sizes.retr_seconds, **options)
        extra = got["mb_s"] if mode == "retr" else got["p99_us"]
        return got["per_s"], got["server_cpu_us"] / got["units"], extra
    return run


def memory(mode, **options):
    def run(bench, server):
        return bench.held(server, mode, "small", **options) / 1024, None, None
    return run


def stalls(**options):
    def run(bench, server):
        got = bench.load(server, "client", "many", count=500, **options)
        return got["p50_us"], got["server_cpu_us"] / got["units"] / 3, got["p99_us"]
    return run


def open_rows():
    for size, target in (("a", {}), ("b", {"better": 10})):
        for hints, text in (("hints", "W= in names"), ("plain", "no hints")):
            group = f"open-{size}-{hints}"
            yield Row(f"first-{size}-{hints}", f"first open of {{{size}}}, {text}: ms", opens(group, True),
                high=False, once=size == "b", show="{:.1f}", better=1)
            yield Row(f"later-{size}-{hints}", f"later open of {{{size}}}, {text}: ms", opens(group, False),
                high=False, show="{:.1f}", **target)


LOGIN = {"better": 1.3, "dovecot": 8, "cpu": 0.7}
ROWS = [
    Row("login-1", "logins/s, 1 connection", logins(1), **LOGIN),
    Row("login-16", "logins/s, 16 connections", logins(16), **LOGIN),
    Row("login-64", "logins/s, 64 connections", logins(64), **LOGIN),
    Row("login-tls-16", "logins/s, 16 connections, TLS", logins(16, tls=True), once=True),
    Row("login-tls-resumed", "logins/s, 16 connections, TLS resumed", logins(16, tls=True, resume=True),
        once=True),
    Row("retr-1", "RETR/s, 1 session", retrieve("retr"), also="MB/s", better=1.5, cpu=0.4),
    Row("retr-pipelined", "RETR/s, 1 session, pipelined", retrieve("retr", pipeline=64), also="MB/s",
        better=2.5, cpu=0.4),
    Row("retr-8", "RETR/s, 8 sessions", retrieve("many", connections=8), also="MB/s", better=2, cpu=0.4),
    Row("retr-tls-1", "RETR/s, 1 session, TLS", retrieve("retr", tls=True), also="MB/s", better=1.8,
        cpu=0.4),
    Row("retr-tls-pipelined", "RETR/s, 1 session, pipelined, TLS", retrieve("retr", tls=True, pipeline=64),
        also="MB/s", once=True, cpu=0.4),
    Row("retr-tls-8", "RETR/s, 8 sessions, TLS", retrieve("many", tls=True, connections=8), also="MB/s",
        better=2.5, cpu=0.4),
    Row("stall", "UIDL n, LIST n, RETR n by turns: us a reply", stalls(), high=False, also="p99 us",
        also_most=35000),
    Row("stall-tls", "UIDL n, LIST n, RETR n by turns, TLS: us", stalls(tls=True), high=False, also="p99 us",
        also_most=35000),
    *open_rows(),
    Row("login-yescrypt-cached", "logins/s, yescrypt, auth cache, 16 connections", hashed(True), better=2, cpu=0.6),
    Row("login-yescrypt", "logins/s, yescrypt, no cache, 16 connections", hashed(False), once=True),
    Row("idle", "KB a logged-in session", memory("idle"), high=False, memory=True, most=150),
    Row("idle-tls", "KB a logged-in session, TLS", memory("idle", tls=True), high=False, memory=True, most=220),
    Row("connect", "KB a connection before login", memory("connect"), high=False, memory=True, share=1),
    Row("connect-tls", "KB a connection before login, TLS", memory("connect", tls=True), high=False, memory=True,
        share=1),
]
