"""Many who guess at passwords: they wait, and whoever knows his password does not. The full form is `make attack`."""

import os
import re
import sys
import time

import pytest
from restante import SANITIZED, SOURCE, Closed, Pop3, Server

sys.path.insert(0, str(SOURCE / "tests/bench"))
from attack import GROWTH_KB, HOME, Attack, Watch, addresses, login, serve  # noqa: E402

SECONDS = float(os.environ.get("RESTANTE_ATTACK_SECONDS", "4"))
MESSAGE = b"Subject: one\n\nbody\n"
SLOW = "{CRYPT}$6$rounds=100000$saltsalt$" + "x" * 86  # a check takes a tenth of a second, or several
NEIGHBOUR = "127.20.200.1"


def attempt(server, user, password, source):
    """The last thing that the server says to a login; nothing: it has closed the connection."""
    try:
        with Pop3(server.port, source=source) as c:
            c.ok(f"USER {user}")
            return c.command(f"PASS {password}")
    except (Closed, ConnectionError) as error:
        return error.args[0] if isinstance(error, Closed) else b""


# --- the whole


@pytest.fixture(scope="module")
def attacked(folder):
    """A server that is or was under attack, what login and auth have grown by, and what guesses have come to."""
    sub = folder / "attacked"
    sub.mkdir()
    server, ann, others = serve(sub, scheme="SSHA512")  # workers keep up, also on a busy machine
    sources = addresses(20)
    with server:
        server.wait_log("serving")
        for source in (HOME, sources[0]):
            login(server, ann, source)
        watch = Watch(server)
        with Attack(server, sources, 100, SECONDS, [ann.name, *(u.name for u in others[:3])]) as attack:
            logins = 0
            while attack.under_way():
                for source in (HOME, sources[0]):
                    login(server, ann, source)  # fails where she is refused
                    logins += 1
                time.sleep(0.05)
            _, replies = attack.end()
        yield server, ann, others, sources, watch.end(), replies, logins


def test_a_known_user_gets_in_all_the_time_also_from_an_address_that_others_guess_from(attacked):
    """An office behind one address is not locked out by one phone with an old password."""
    *_, replies, logins = attacked
    assert logins >= 4 and not replies.get("logged in"), (logins, replies)


def test_guesses_that_come_faster_than_they_are_answered_are_not_even_looked_at(attacked):
    """Also those that wait for a worker: else each would cost a hash. The first four of an address are, 2 + 4 + 8 s
    are less than 16; and some that the workers have at that moment."""
    server, _, _, sources, _, replies, _ = attacked
    heard = re.findall("login failed: ip=127.20.[01].* reason=(?:refused|unknown)", server.log())
    assert replies["refused unheard"] > 0, replies
    assert len(heard) <= 5 * len(sources) + 8, (len(heard), replies)


def test_an_attack_costs_little_memory(attacked):
    grown = attacked[4]
    assert SANITIZED or grown < GROWTH_KB, f"{grown} KB"


def test_an_address_that_guessed_is_penalised_and_its_neighbour_is_not(attacked):
    server, _, others, sources, *_ = attacked
    stranger = others[-1]  # at whom nobody has guessed
    assert b"Too many failed logins" in attempt(server, stranger.name, stranger.password, sources[1])
    assert attempt(server, stranger.name, stranger.password, NEIGHBOUR).startswith(b"+OK")


def test_a_user_who_is_guessed_at_gets_in_from_elsewhere(attacked):
    """Each address has one try before it pays for the others: nobody can lock a user out."""
    server, _, others, *_ = attacked
    assert attempt(server, others[0].name, others[0].password, "127.20.200.2").startswith(b"+OK")


# --- who waits for whom


class Crowd:
    """Connections that have sent a guess each and wait for the answer."""

    def __init__(self, server, count, sources):
        self.server, self.count = server, count
        self.clients = [Pop3(server.port, source=sources[n % len(sources)]) for n in range(count)]
        for n, c in enumerate(self.clients):
            c.send(f"USER slow\r\nPASS guess{n}\r\n".encode())
            assert c.line().startswith(b"+OK")

    def looked_at(self):
        return len(re.findall("login failed: .*user=slow", self.server.log()))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for c in self.clients:
            c.close()


@pytest.fixture
def busy(folder, name):
    """One process that takes logins, one worker for strangers and one for those who are known."""
    sub = folder / name
    sub.mkdir()
    with Server(sub, login_processes=1, auth_workers=2) as server:
        server.user("slow", secret=SLOW)
        server.user("ann", [MESSAGE])
        yield server


def test_a_known_user_does_not_wait_behind_guesses(busy):
    """Bug class: a bound on questions under way, where strangers take all places."""
    assert attempt(busy, "ann", "correct horse", "127.9.9.9").startswith(b"+OK")
    with Crowd(busy, 200, addresses(200)) as crowd:
        assert attempt(busy, "ann", "correct horse", "127.9.9.9").startswith(b"+OK")
        assert crowd.looked_at() < crowd.count / 2


def test_addresses_take_turns_so_that_one_with_many_guesses_holds_nobody_up(busy):
    """ann was never seen before: she waits as strangers do, for one of each address."""
    with Crowd(busy, 100, addresses(4)) as crowd:
        assert attempt(busy, "ann", "correct horse", "127.9.9.9").startswith(b"+OK")
        assert crowd.looked_at() < crowd.count / 2


def test_connections_in_the_middle_of_an_exchange_keep_nobody_out(folder, name):
    """Bug class: a table of exchanges that whoever answers no challenge fills."""
    sub = folder / name
    sub.mkdir()
    with Server(sub) as server:
        server.user("ann", [MESSAGE])
        sitting = [Pop3(server.port, source=s) for s in addresses(200)]
        for c in sitting:
            assert c.command("AUTH LOGIN").startswith(b"+ ")
        assert attempt(server, "ann", "correct horse", "127.9.9.9").startswith(b"+OK")


def test_a_stop_tells_whoever_is_in_the_middle_of_a_login(folder, name):
    """And does not wait until their delays are over."""
    sub = folder / name
    sub.mkdir()
    with Server(sub, auth_failure_delay="1min", auth_workers=2) as server:
        server.user("slow", secret=SLOW)
        clients = [Pop3(server.port, source=s) for s in addresses(4)]
        assert clients[0].command("AUTH LOGIN").startswith(b"+ ")
        for n, c in enumerate(clients[1:]):  # one after the other: a delay, with the worker, in the queue
            c.ok("USER slow")
            c.send(f"PASS guess{n}\r\n".encode())
            if n == 0:
                server.wait_log("login failed: .*user=slow")
    for c in clients:
        assert c.rest().startswith(b"-ERR [SYS/TEMP]")
