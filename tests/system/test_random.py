"""Sessions of random commands beside a model of RFC 1939: what one forgets to think of.

The seed is fixed, so that a failure comes again; RESTANTE_SEED takes another one.
"""

import os
import random
import re
import socket

import pytest
from restante import unstuff, wire

SEED = int(os.environ.get("RESTANTE_SEED", "1939"))


def message(r):
    """Lines of all kinds, with any line end and dots anywhere."""
    line = lambda: r.choice([b"", b".", b"..", b".x", b"x" * r.choice([1, 70, 998, 5000]), b"\0", b"\r", b"\xff", b"From x"])
    head = b"".join(b"H%d: %d%s" % (i, i, r.choice([b"\n", b"\r\n"])) for i in range(r.randrange(4)))
    body = b"".join(line() + r.choice([b"\n", b"\n", b"\r\n"]) for _ in range(r.choice([0, 1, 5, 400])))
    return head + r.choice([b"\n", b"\r\n", b""]) + body + r.choice([b"", b"", b"no newline", b".", b"\r"])


class Model:
    def __init__(self, messages):
        self.messages = [wire(m) for m in messages]
        self.deleted = set()

    def left(self):
        return [n for n in range(1, len(self.messages) + 1) if n not in self.deleted]

    def top(self, n, lines):
        head, blank, body = self.messages[n - 1].partition(b"\r\n\r\n")
        if self.messages[n - 1].startswith(b"\r\n"):
            head, blank, body = b"", b"\r\n", self.messages[n - 1][2:]
        return head + blank + b"".join(re.findall(rb"[^\n]*\n", body)[:lines])

    def answer(self, command):
        """(ok, words after +OK or None, body or None); None: not to be compared."""
        verb, *args = command.split()
        numbers = [int(a) for a in args if a.isdigit()]
        n = numbers[0] if numbers else None
        if args and len(numbers) != len(args) or args and n not in self.left():
            return False, None, None
        size = lambda n: len(self.messages[n - 1])
        if verb == "STAT":
            return True, [len(self.left()), sum(map(size, self.left()))], None
        if verb == "LIST" and args:
            return True, [n, size(n)], None
        if verb == "LIST":
            return True, None, b"".join(b"%d %d\r\n" % (n, size(n)) for n in self.left())
        if verb == "UIDL" and not args:
            return True, None, None
        if verb == "RETR":
            return True, None, self.messages[n - 1]
        if verb == "TOP":
            return True, None, self.top(*numbers)
        if verb == "DELE":
            self.deleted.add(n)
        if verb == "RSET":
            self.deleted.clear()
        return True, None, None


def command(r, count):
    n = r.choice([r.randint(1, max(count, 1))] * 9 + [0, count + 1, 4294967297, "x", -1])
    return r.choice(
        ["STAT", "LIST", f"LIST {n}", "UIDL", f"UIDL {n}", f"RETR {n}", f"RETR {n}", f"TOP {n} {r.randrange(9)}", f"DELE {n}"]
        + [f"DELE {n}", "NOOP", "RSET" if r.random() < 0.2 else "STAT"]
    )


def has_body(text):
    return text.split()[0] in ("RETR", "TOP") or text in ("LIST", "UIDL")


def in_pieces(r, octets):
    while octets:
        n = r.choice([1, 2, 7, 100, 10000])
        yield octets[:n]
        octets = octets[n:]


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("round", range(15))
def test_random_sessions_answer_as_the_rfc_says(server, name, tls, round):
    r = random.Random(f"{SEED} {round} {tls}")
    user = server.user(name, [message(r) for _ in range(r.choice([0, 1, 3, 12]))])
    for _ in range(4):
        model = Model([p.read_bytes() for _, p in sorted(user.files().items())])
        with server.login(user, tls) as c:
            for _ in range(6):
                batch = [command(r, len(model.messages)) for _ in range(r.choice([1, 4, 40]))]
                for piece in in_pieces(r, "".join(b + "\r\n" for b in batch).encode()):
                    c.send(piece)
                for text in batch:
                    ok, words, body = model.answer(text)
                    reply = c.line()
                    assert reply.startswith(b"+OK" if ok else b"-ERR"), (text, reply)
                    if words:
                        assert [int(w) for w in reply.split()[1:3]] == words, text
                    if ok and has_body(text):
                        got = unstuff(c.body())
                        assert body is None or got == body, text
            if r.random() < 0.6:
                assert c.quit().startswith(b"+OK")
                left = [model.messages[n - 1] for n in model.left()]
            else:
                left = model.messages
        with server.login(user) as c:
            assert [c.retr(n) for n in c.sizes()] == left


def test_random_octets_never_bring_down_more_than_their_own_connection(server, name):
    r = random.Random(SEED)
    user = server.user(name, [b"Subject: x\n\ny\n"])
    words = [b"USER", b"PASS", b"AUTH PLAIN", b"RETR 1", b"TOP 1", b"LIST", b"UIDL", b"LANG", b"UTF8", b"CAPA", b"APOP", b"NOOP"]
    for _ in range(60):
        junk = b"".join(
            r.choice(words + [bytes(r.randrange(256) for _ in range(r.randrange(300)))]) + r.choice([b" ", b"\r\n", b"\n", b""])
            for _ in range(40)
        )
        for logged_in in (False, True):
            with server.login(user) if logged_in else server.connect() as c:
                try:
                    c.send(junk + b"\r\n")
                    c.sock.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
                c.rest()
    with server.login(user) as c:
        assert c.stat()[0] == 1
