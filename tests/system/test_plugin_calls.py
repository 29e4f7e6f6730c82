"""What include/restante/plugin.h promises to a storage, as the storage tests/abi/storage_telling.c sees it."""

import re
import subprocess
import time

import pytest
from restante import BUILD, wire

pytestmark = pytest.mark.skipif(
    not (BUILD / ".libs/storage-telling.so").exists(), reason="plugins are not shared objects in this build"
)
SETTINGS = {"storage": "telling", "storage_telling": {}, "idle_timeout": "4s", "storage_timeout": "1s"}
MESSAGE = b"Subject: one\nMessage-ID: <1@test.example>\n\nbare\r lines\r\n.dots\nand no end"


def told(server, name, pattern):
    return re.findall(rf"storage-telling\({name}\): {pattern}", server.log())


def test_a_body_is_opened_with_a_hint_when_only_its_top_is_wanted(server, name):
    with server.login(server.user(name)) as c:
        assert len(c.retr(1)) == 6400
        c.top(1, 0)
        c.ok("QUIT")
    server.wait_log(f"user={name} .*why=quit")
    assert told(server, name, r"body: flags (\d+)") == ["0", "4"]


def test_a_tool_that_looks_for_the_sender_wants_the_top_only(server, name):
    """The export of a message reads it three times: for its From_ line, to see whether it is whole, and to write it."""
    server.user(name)
    done = server.ctl("mailbox", "export", name)
    assert re.findall(r"body: flags (\d+)", done.stderr) == ["4", "0", "0"]


def test_the_time_that_a_slow_client_takes_is_not_the_storages(server, name):
    octets = 16 << 20
    user = server.user(name, extra=f"storage-telling.octets={octets}")
    with server.login(user) as c:
        c.send(b"RETR 1\r\n")
        time.sleep(1.5)  # longer than storage_timeout; the socket's buffers hold less than the message
        c.line()
        assert len(c.body()) == octets
        c.ok("QUIT")
    server.wait_log(f"user={name} .*why=quit")
    assert not told(server, name, "read: late")
    assert told(server, name, "close: (.*)") == ["in time"]


def test_what_lapses_is_renewed_while_the_client_is_silent(server, name):
    with server.login(server.user(name)) as c:
        server.wait_log(rf"storage-telling\({name}\): keep: in time", timeout=4)
        assert c.stat() == (1, 6400)  # and the session goes on
        c.ok("QUIT")


def test_what_lapses_is_renewed_while_the_client_only_asks_what_the_storage_is_not_asked(server, name):
    with server.login(server.user(name)) as c:
        end = time.monotonic() + 10
        while not told(server, name, "keep: in time"):
            assert time.monotonic() < end
            c.ok("NOOP")
            time.sleep(0.1)


def test_a_storage_that_has_lost_the_mailbox_ends_the_session_and_nothing_is_deleted(server, name):
    with server.login(server.user(name, extra="storage-telling.lost=yes")) as c:
        c.ok("DELE 1")
        assert c.rest() == b""
    server.wait_log(f"user={name} .*deleted=0 .*why=lost")
    assert not told(server, name, "remove")


@pytest.mark.parametrize("message", [MESSAGE, b"", b"just text\n", MESSAGE * 100000], ids=["odd", "empty", "text", "long"])
def test_a_delivery_announces_the_octets_that_come(server, name, message):
    server.user(name)
    done = subprocess.run([BUILD / "restante-deliver", "-c", server.conf, "-d", name], input=message, capture_output=True)
    assert done.returncode == 0
    ((announced, came),) = re.findall(r"put: commit 1, (\d+) octets announced, (\d+) came", done.stderr.decode())
    assert announced == came
    assert int(came) >= len(wire(message))


def test_what_is_imported_announces_its_octets(server, name, folder):
    server.user(name)
    (folder / "letter").write_bytes(MESSAGE)
    done = server.ctl("mailbox", "import", name, folder / "letter")
    ((announced, came),) = re.findall(r"put: commit 1, (\d+) octets announced, (\d+) came", done.stderr)
    assert announced == came == str(len(wire(MESSAGE)))


def test_what_is_converted_announces_its_octets(server, name):
    settings = dict(server.settings)
    server.user(name, [MESSAGE], extra="storage=maildir")
    server.write_conf(storage_maildir={"path": "~/Maildir"})
    done = server.ctl("mailbox", "convert", name, "--to", "telling")
    ((announced, came),) = re.findall(r"put: commit 1, (\d+) octets announced, (\d+) came", done.stderr)
    assert announced == came == str(len(wire(MESSAGE)))
    server.write_conf(**settings)
