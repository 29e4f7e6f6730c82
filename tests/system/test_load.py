"""restante-load, the load generator of make bench, against the real server: it checks every reply that it gets."""

import subprocess

import pytest
from restante import BUILD, samples

CONNECTIONS = 4


@pytest.fixture(scope="module")
def users(server):
    """A file of users as restante-load reads it; each has all samples."""
    people = [server.user(f"load{n}", samples()) for n in range(2 * CONNECTIONS)]
    path = server.folder / "load-users"
    path.write_text("".join(f"{u.name} {u.password}\n" for u in people))
    return path


def load(server, users, mode, *options, tls=False):
    port = server.tls_port if tls else server.port
    command = [BUILD / "restante-load", mode, "--port", str(port), "--users", users, "--timeout", "20", *options]
    return subprocess.run(command + ["--tls"] * tls, capture_output=True, text=True, timeout=60, check=False)


def figures(run):
    assert run.returncode == 0, run.stderr
    return dict(word.split("=") for word in run.stdout.split())


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("connections", ["1", str(CONNECTIONS)])
@pytest.mark.parametrize("pipeline", ["1", "32"])
def test_every_message_comes_as_listed(server, users, tls, connections, pipeline):
    got = figures(
        load(server, users, "check", "--connections", connections, "--pipeline", pipeline, tls=tls)
    )
    assert int(got["units"]) == len(samples()) * int(connections)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_many_logins_at_a_time_all_succeed(server, users, tls):
    got = figures(load(server, users, "login", "--connections", str(CONNECTIONS), "--count", "80", tls=tls))
    assert int(got["units"]) == 80


def test_a_tls_session_is_resumed_by_whichever_process_answers(server, users):
    got = figures(load(server, users, "login", "--resume", "--count", "20", tls=True))
    assert int(got["resumed"]) == 19


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_no_reply_waits_for_a_delayed_ack(server, users, tls):
    """Nagle's algorithm against delayed ACKs: 40 ms a message with an ordinary client."""
    got = figures(load(server, users, "client", "--count", "200", tls=tls))
    assert int(got["p99_us"]) < 35000


def test_a_refused_login_is_an_error(server, users, tmp_path):
    path = tmp_path / "users"
    path.write_text("load0 wrong\n")
    run = load(server, path, "login", "--count", "1")
    assert run.returncode == 1 and "PASS" in run.stderr and "-ERR" in run.stderr
