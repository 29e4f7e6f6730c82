"""What lies about in real Maildirs: it neither hangs nor breaks a session. And the index, which is a cache."""

import os
import shutil
import time

import pytest
from restante import ROOT, wire

MESSAGE = b"Subject: one\n\nbody\n"


def chown(user, *paths):
    if ROOT:
        for path in paths:
            os.chown(path, user.uid, user.uid, follow_symlinks=False)


def only_the_message(server, user):
    with server.login(user, timeout=5) as c:
        assert c.stat()[0] == 1
        assert c.retr(1) == wire(MESSAGE)
        assert c.quit().startswith(b"+OK")


def test_new_and_cur_are_one_mailbox(server, name):
    user = server.user(name, [b"Subject: new\n\n"])
    user.deliver(b"Subject: cur\n\n", name="1600000000.M1P1.host:2,S", sub="cur")
    with server.login(user) as c:
        assert [c.retr(n)[:12] for n in (1, 2)] == [b"Subject: cur", b"Subject: new"]


@pytest.mark.parametrize("sub", ["new", "cur"])
@pytest.mark.parametrize("what", ["FIFO", "folder", "socket", "dangling link", "link to a device", "dot file", "link loop"])
def test_what_is_no_message_is_passed_over(server, name, sub, what):
    import socket

    user = server.user(name, [MESSAGE])
    path = user.maildir / sub / ("1500000000.M1P1.host" if what != "dot file" else ".hidden")
    if what == "FIFO":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    elif what == "socket":
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(str(path))
    elif what == "dangling link":
        path.symlink_to("nowhere")
    elif what == "link to a device":
        path.symlink_to("/dev/zero")
    elif what == "link loop":
        path.symlink_to(path.name)
    else:
        path.write_bytes(b"Subject: hidden\n\n")
    chown(user, path)
    only_the_message(server, user)


@pytest.mark.skipif(not ROOT, reason="needs files of another uid")
def test_a_link_to_a_file_of_somebody_else_shows_nothing_of_it(server, name):
    user = server.user(name, [MESSAGE])
    secret = server.folder / "secret"
    secret.write_bytes(b"Subject: secret\n\nsecret\n")
    secret.chmod(0o600)
    (user.maildir / "new" / "1900000000.M1P1.host").symlink_to(secret)
    with server.login(user) as c:
        for n in c.sizes():
            if n == 2:
                c.err("RETR 2")
            else:
                assert c.retr(n) == wire(MESSAGE)
        c.ok("NOOP")


def test_a_link_to_a_world_readable_file_outside_the_mailbox_shows_nothing_of_it(server, name):
    user = server.user(name, [MESSAGE])
    (user.maildir / "new" / "1900000000.M1P1.host").symlink_to("/etc/passwd")
    with server.login(user) as c:
        for n in c.sizes():
            if n == 2:
                c.err("RETR 2")


@pytest.mark.parametrize("folder_name", [".Sent", "courierimapkeywords", "new/sub", "cur/sub"])
def test_other_folders_are_left_alone(server, name, folder_name):
    user = server.user(name, [MESSAGE])
    path = user.maildir / folder_name
    path.mkdir()
    (path / "1.keep").write_bytes(b"Subject: keep\n\n")
    chown(user, path, path / "1.keep")
    only_the_message(server, user)
    assert (path / "1.keep").exists()


def test_files_of_other_servers_are_left_alone(server, name):
    user = server.user(name, [MESSAGE])
    names = ["dovecot-uidlist", "dovecot.index.log", "maildirsize", "subscriptions", "courierpop3dsizelist"]
    for n in names:
        (user.maildir / n).write_bytes(b"3 V1\n")
        chown(user, user.maildir / n)
    only_the_message(server, user)
    assert all((user.maildir / n).read_bytes() == b"3 V1\n" for n in names)


@pytest.mark.parametrize("missing", ["cur", "new", "tmp", "Maildir"])
def test_a_missing_folder_is_made_or_empty(server, name, missing):
    user = server.user(name)
    shutil.rmtree(user.maildir / missing if missing != "Maildir" else user.maildir)
    with server.login(user) as c:
        assert c.stat() == (0, 0)


def test_stale_files_of_tmp_are_removed_and_young_ones_stay(server, name):
    """The Maildir rules: after 36 hours."""
    user = server.user(name, [MESSAGE])
    old, young = user.deliver(b"x", name="1.old", sub="tmp"), user.deliver(b"x", name="2.young", sub="tmp")
    past = time.time() - 37 * 3600
    os.utime(old, (past, past))
    only_the_message(server, user)
    assert young.exists()
    assert not old.exists()


def test_duplicate_unique_names_are_two_messages(server, name):
    """The same name in new/ and cur/: a copy that a crash or a backup left."""
    user = server.user(name)
    user.deliver(b"Subject: a\n\n", name="1700000000.M1P1.host")
    user.deliver(b"Subject: b\n\n", name="1700000000.M1P1.host:2,S", sub="cur")
    with server.login(user) as c:
        assert c.stat()[0] in (1, 2)
        uids = c.uids()
        assert len(set(uids.values())) == len(uids)


def test_a_name_of_255_octets(server, name):
    user = server.user(name)
    user.deliver(MESSAGE, name="1700000000." + "x" * 244)
    only_the_message(server, user)


def test_ten_thousand_messages_are_all_there(server, name):
    user = server.user(name)
    for i in range(10000):
        path = user.maildir / "new" / f"{1700000000 + i}.M{i}P1.host"
        path.write_bytes(b"Subject: %d\n\n" % i)
        chown(user, path)
    for _ in range(2):
        with server.login(user) as c:
            assert c.stat()[0] == 10000
            assert len(c.sizes()) == len(set(c.uids().values())) == 10000
            assert c.retr(7777) == b"Subject: 7776\r\n\r\n"
            c.send(b"".join(b"DELE %d\r\n" % n for n in range(1, 11)))
            c.ok("RSET") if all(c.line().startswith(b"+OK") for _ in range(10)) else pytest.fail("DELE")
            c.quit()


# --- the index


def index_files(user):
    """What our server keeps in the mailbox beside messages."""
    return [
        p
        for p in user.maildir.rglob("*")
        if p.is_file() and p.parent == user.maildir and not p.name.startswith(("dovecot", "courier"))
    ]


def check(server, user, messages):
    with server.login(user) as c:
        assert c.sizes() == {n: len(wire(m)) for n, m in enumerate(messages, 1)}
        uids = c.uids()
        assert [c.retr(n) for n in range(1, len(messages) + 1)] == [wire(m) for m in messages]
        c.quit()
    return uids


@pytest.mark.parametrize("damage", ["removed", "empty", "cut", "zeros", "noise", "one bit", "a folder", "unreadable"])
def test_a_damaged_index_is_noticed_and_loses_nothing(server, name, damage):
    messages = [b"Subject: %d\n\n.%s\n" % (i, b"x" * i) for i in range(40)]
    user = server.user(name, messages)
    before = check(server, user, messages)
    time.sleep(0.05)
    check(server, user, messages)
    for path in index_files(user):
        data = path.read_bytes()
        if damage == "removed":
            path.unlink()
        elif damage == "empty":
            path.write_bytes(b"")
        elif damage == "cut":
            path.write_bytes(data[: len(data) * 2 // 3])
        elif damage == "zeros":
            path.write_bytes(bytes(len(data)))
        elif damage == "noise":
            path.write_bytes(os.urandom(max(len(data), 64)))
        elif damage == "one bit":
            at = len(data) // 2
            path.write_bytes(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :] if data else b"x")
        elif damage == "a folder":
            path.unlink()
            path.mkdir()
            chown(user, path)
        else:
            path.chmod(0)
    assert check(server, user, messages) == before


def test_a_message_that_was_replaced_under_its_name_is_measured_again(server, name):
    user = server.user(name, [MESSAGE])
    (path,) = user.files().values()
    check(server, user, [MESSAGE])
    (path,) = user.files().values()
    longer = MESSAGE + b".more\n"
    new = path.parent.parent / "tmp" / "x"
    new.write_bytes(longer)
    chown(user, new)
    new.rename(path)
    for _ in range(2):
        with server.login(user) as c:
            reply = c.command("RETR 1")
            if reply.startswith(b"+OK"):
                assert wire(longer).startswith(c.body()[:10])
    check(server, user, [longer])


def test_a_delivery_in_the_same_moment_as_the_listing_is_not_missed(server, name):
    """git's racy timestamps: a folder changed within the clock's grain of the last look."""
    user = server.user(name)
    for i in range(1, 31):
        user.deliver(MESSAGE)
        with server.login(user) as c:
            assert c.stat()[0] == i
            c.quit()


def test_a_second_look_costs_less_than_the_first_and_sees_the_same(server, name):
    user = server.user(name, [b"Subject: %d\n\n" % i for i in range(500)])
    with server.login(user) as c:
        first = c.sizes(), c.uids()
        c.quit()
    with server.login(user) as c:
        assert (c.sizes(), c.uids()) == first
