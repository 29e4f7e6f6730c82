"""What goes over the wire for what is stored. RFC 1939 sections 3, 5, 8 and 11."""

import os

import pytest
from restante import ROOT, Closed, samples, unstuff, wire

HEAD = b"From: a@example.org\nSubject: test\n\n"


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_all_messages_arrive_byte_for_byte_and_list_counts_them(server, name, tls):
    messages = samples()
    with server.login(server.user(name, messages), tls) as c:
        sizes = c.sizes()
        for number, stored in enumerate(messages, 1):
            assert c.retr(number) == wire(stored)
            assert sizes[number] == len(wire(stored))
        assert c.stat() == (len(messages), sum(sizes.values()))


@pytest.mark.parametrize(
    "stored, sent",
    [
        (b".first\n\nbody\n", b"..first\r\n\r\nbody\r\n"),
        (b".\n", b"..\r\n"),
        (HEAD + b".\n", b"From: a@example.org\r\nSubject: test\r\n\r\n..\r\n"),
        (HEAD + b"\n.\n.", b"From: a@example.org\r\nSubject: test\r\n\r\n\r\n..\r\n..\r\n"),
        (HEAD + b"..\n", b"From: a@example.org\r\nSubject: test\r\n\r\n...\r\n"),
        (b"A: b\r\n\r\n.x\r\n", b"A: b\r\n\r\n..x\r\n"),
        (b"A: b\r\n\r\nno end", b"A: b\r\n\r\nno end\r\n"),
        (b"A: b\n\nends with CR\r", b"A: b\r\n\r\nends with CR\r\r\n"),
        (b"A: b\n\nx\r.y\n", b"A: b\r\n\r\nx\r.y\r\n"),
        (b"A: b\n\n\r\r\n\n\r", b"A: b\r\n\r\n\r\r\n\r\n\r\r\n"),
        (b"\n", b"\r\n"),
        (b"\n\n.\n\n", b"\r\n\r\n..\r\n\r\n"),
        (b"x", b"x\r\n"),
        (b"\0.\0\n.\0\n", b"\0.\0\r\n..\0\r\n"),
        (b"A: b\n\n" + bytes(range(128, 256)), b"A: b\r\n\r\n" + bytes(range(128, 256)) + b"\r\n"),
    ],
    ids=[
        "first line begins with a dot",
        "only a dot",
        "a line of one dot",
        "last line is a dot without newline",
        "two dots",
        "dot in a message stored with CRLF",
        "no final newline",
        "final CR",
        "a dot after a bare CR is no line start",
        "bare CRs",
        "one empty line",
        "lines without a header",
        "one octet",
        "NULs",
        "eight bits",
    ],
)
def test_a_message_is_sent_exactly_so(server, name, stored, sent):
    with server.login(server.user(name, [stored])) as c:
        assert c.sizes() == {1: len(unstuff(sent))}
        c.ok("RETR 1")
        assert c.body() == sent
        c.ok("NOOP")


def test_an_empty_file_is_a_message_of_no_octets(server, name):
    with server.login(server.user(name, [b""])) as c:
        assert c.stat() == (1, 0)
        assert c.retr(1) == b""
        c.ok("NOOP")


def test_a_message_larger_than_any_buffer_keeps_every_octet(server, name):
    message = HEAD + b"".join(b"." * (i % 5) + b"line %d\n" % i + b"x" * (i % 97) + b"\n" for i in range(60000))
    with server.login(server.user(name, [message])) as c:
        assert c.sizes() == {1: len(wire(message))}
        assert c.retr(1) == wire(message)


def test_line_ends_and_dots_at_every_offset_of_a_buffer_boundary(server, name):
    messages = [
        HEAD + b"y" * (size + shift) + end
        for size in (4096, 16384, 65536, 131072)
        for shift in range(-len(HEAD) - 3, -len(HEAD) + 3)
        for end in (b"\n.\n", b"\r\n.z", b"\r")
    ]
    with server.login(server.user(name, messages)) as c:
        for number, stored in enumerate(messages, 1):
            assert c.retr(number) == wire(stored), (number, len(stored))


# --- TOP


TOP = b"A: 1\nB: 2\n\none\n.two\nthree\n"


@pytest.mark.parametrize(
    "lines, sent",
    [
        (0, b"A: 1\r\nB: 2\r\n\r\n"),
        (1, b"A: 1\r\nB: 2\r\n\r\none\r\n"),
        (2, b"A: 1\r\nB: 2\r\n\r\none\r\n.two\r\n"),
        (3, wire(TOP)),
        (4, wire(TOP)),
        (4294967295, wire(TOP)),
    ],
)
def test_top_sends_the_header_and_so_many_lines(server, name, lines, sent):
    """RFC 1939 section 7; TOP n 0 must not send the body."""
    with server.login(server.user(name, [TOP])) as c:
        assert c.top(1, lines) == sent


def test_top_of_a_message_that_is_only_a_header_sends_it(server, name):
    with server.login(server.user(name, [b"A: 1\nB: 2\n", b"A: 1\n\n", b"A: 1"])) as c:
        assert c.top(1, 0) == b"A: 1\r\nB: 2\r\n"
        assert c.top(2, 5) == b"A: 1\r\n\r\n"
        assert c.top(3, 5) == b"A: 1\r\n"


def test_top_does_not_delete_or_mark_a_message(server, name):
    user = server.user(name, [TOP])
    before = sorted(p.name for p in user.files().values())
    with server.login(user) as c:
        c.top(1, 1)
        c.quit()
    assert sorted(p.name for p in user.files().values()) == before or len(user.files()) == 1


# --- numbers: a server that reads them too kindly takes 4294967297 for 1


@pytest.mark.parametrize("command", ["RETR", "DELE", "LIST", "UIDL", "TOP"])
@pytest.mark.parametrize(
    "number",
    ["0", "2", "-1", "+1", "4294967295", "4294967296", "4294967297", "18446744073709551617", "1.0", "0x1", "1a", "a"]
    + ["1;", "٣", "1\t"],
)
def test_a_number_that_is_no_message_is_refused(server, name, command, number):
    """RFC 1939 section 3: a message number is in decimal and between 1 and what STAT says."""
    user = server.user(name, [HEAD])
    with server.login(user) as c:
        c.err(f"{command} {number}" + (" 0" if command == "TOP" else ""))
        c.ok("NOOP")
        c.quit()
    assert len(user.files()) == 1


@pytest.mark.parametrize("lines", ["-1", "4294967296", "18446744073709551616", "x", "1 1", "", " "])
def test_top_with_a_wrong_number_of_lines_is_refused(server, name, lines):
    with server.login(server.user(name, [HEAD])) as c:
        c.err(f"TOP 1 {lines}")
        c.ok("NOOP")


def test_sizes_above_four_gigabytes_are_not_cut(server, name):
    """Servers that total in 32 bits wrap at 4 GiB. The file has holes and its name says how long it is."""
    user = server.user(name, [HEAD])
    size = 5 << 30
    path = user.deliver(b"", name=f"1800000000.M1P1.host,S={size},W={size + 2}")
    os.truncate(path, size)
    with server.login(user) as c:
        sizes = c.sizes()
        assert sizes[2] == size + 2
        assert c.stat() == (2, sum(sizes.values()))


# --- a message that cannot be read whole is never ended as if it were: the client would delete it


def test_a_file_that_was_cut_after_login_does_not_end_with_the_dot(server, name):
    user = server.user(name)
    path = user.deliver(HEAD + b"x" * 70 + b"\n" * 100000)
    with server.login(user) as c:
        os.truncate(path, 50000)
        reply = c.command("RETR 1")
        if reply.startswith(b"+OK"):
            with pytest.raises(Closed):
                c.body()
    assert len(user.files()) == 1
    server.wait_log(name)


def test_a_file_that_has_grown_after_login_does_not_end_with_the_dot(server, name):
    user = server.user(name)
    path = user.deliver(HEAD + b"x\n" * 1000)
    with server.login(user) as c:
        with open(path, "ab") as f:
            f.write(b"more\n" * 1000)
        reply = c.command("RETR 1")
        if reply.startswith(b"+OK"):
            with pytest.raises(Closed):
                c.body()
    assert len(user.files()) == 1


def test_a_file_that_has_vanished_is_refused_and_the_others_go_on(server, name):
    user = server.user(name)
    path = user.deliver(HEAD + b"one\n")
    user.deliver(HEAD + b"two\n")
    with server.login(user) as c:
        path.unlink()
        c.err("RETR 1")
        assert c.retr(2) == wire(HEAD + b"two\n")
        c.ok("DELE 2")
        assert c.quit().startswith(b"+OK")


@pytest.mark.skipif(not ROOT, reason="needs files of another uid")
def test_a_file_that_may_not_be_read_is_refused_and_the_others_go_on(server, name):
    user = server.user(name)
    path = user.deliver(HEAD + b"one\n")
    user.deliver(HEAD + b"two\n")
    path.chmod(0)
    os.chown(path, 0, 0)
    with server.login(user) as c:
        found = [c.retr(n) for n in c.sizes() if c.command(f"LIST {n}") and n == c.stat()[0]]
        assert found == [wire(HEAD + b"two\n")]


# --- hints in file names: RFC 1939 wants the true number whatever they say


@pytest.mark.parametrize("hint", [",S=3,W=5", ",W=1", ",W=99999", ",S=99999", ",W=18446744073709551615", ",W=-1,S=x", ",W="])
def test_a_wrong_hint_never_makes_a_wrong_reply(server, name, hint):
    """The first retrieval may fail, whole and noticed; after it the number is right."""
    user = server.user(name)
    message = HEAD + b"hello\n"
    user.deliver(message, name=f"1700000000.M1P1.host{hint}")
    for attempt in range(2):
        with server.login(user) as c:
            size = c.sizes()[1]
            reply = c.command("RETR 1")
            if reply.startswith(b"+OK"):
                try:
                    body = unstuff(c.body())
                except Closed:
                    continue
                assert body == wire(message)
                if size == len(body):
                    return
    pytest.fail("the second session still does not get the message with its true size")


def test_a_right_hint_is_taken(server, name):
    user = server.user(name)
    message = HEAD + b"hello\n"
    user.deliver(message, name=f"1700000000.M1P1.host,S={len(message)},W={len(wire(message))}")
    with server.login(user) as c:
        assert c.sizes() == {1: len(wire(message))}
        assert c.retr(1) == wire(message)
