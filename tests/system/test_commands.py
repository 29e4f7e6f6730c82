"""Every command in every state, with every kind of wrong argument. RFC 1939 sections 4 to 7, RFC 2449, 5034, 6856."""

import pytest
from restante import Server, unstuff

MESSAGE = b"Subject: one\n\nbody\n"
SETTINGS = {"apop": True, "max_auth_failures": 100}

IN_TRANSACTION = ["STAT", "LIST", "LIST 1", "UIDL", "UIDL 1", "RETR 1", "TOP 1 0", "DELE 1", "NOOP", "RSET"]
IN_AUTHORIZATION = ["USER x", "PASS x", "APOP x 0123456789abcdef0123456789abcdef", "AUTH PLAIN", "AUTH", "STLS"]


@pytest.mark.parametrize("command", IN_TRANSACTION)
def test_before_login_a_command_of_a_session_is_refused(server, command):
    with server.connect() as c:
        c.err(command)
        c.ok("CAPA")
        c.body()


@pytest.mark.parametrize("command", [*IN_AUTHORIZATION, "UTF8"])
def test_in_a_session_a_command_of_login_is_refused(server, name, command):
    with server.login(server.user(name, [MESSAGE])) as c:
        c.err(command)
        assert c.stat()[0] == 1


@pytest.mark.parametrize("logged_in", [False, True], ids=["before login", "in a session"])
@pytest.mark.parametrize(
    "command",
    ["", " ", "XYZZY", "RETRX 1", "RET 1", "\x01", "\xff\xfe", "STAT\0", "NOOP\x7f", "\tQUIT", " QUIT"],
)
def test_what_is_no_command_is_refused_and_the_connection_goes_on(server, name, command, logged_in):
    with server.login(server.user(name)) if logged_in else server.connect() as c:
        c.err(command.encode("latin-1"))
        c.ok("CAPA")
        c.body()


@pytest.mark.parametrize("command", ["QUIT", "CAPA", "STAT", "NOOP", "RSET", "LIST", "UIDL"])
def test_keywords_are_taken_in_any_case(server, name, command):
    """RFC 1939 section 3."""
    with server.login(server.user(name, [MESSAGE])) as c:
        c.ok(command.lower())
        if command in ("CAPA", "LIST", "UIDL"):
            c.body()
        if command != "QUIT":
            c.ok(command.capitalize())


@pytest.mark.parametrize(
    "command",
    ["STAT x", "NOOP 1", "RSET x", "QUIT now", "LIST 1 2", "UIDL 1 2", "RETR", "RETR 1 2", "DELE", "DELE 1 1", "TOP"]
    + ["TOP 1", "TOP 1 2 3", "RETR  ", "RETR one"],
)
def test_in_a_session_wrong_arguments_are_refused_and_change_nothing(server, name, command):
    user = server.user(name, [MESSAGE])
    with server.login(user) as c:
        c.err(command)
        assert c.stat()[0] == 1
        assert c.quit().startswith(b"+OK")
    assert len(user.files()) == 1


@pytest.mark.parametrize("command", ["USER", "USER ", "PASS", "APOP", "APOP x", "APOP x y z", "STLS now", "QUIT now"])
def test_before_login_wrong_arguments_are_refused(server, command):
    with server.connect() as c:
        c.err(command)
        c.ok("CAPA")


def test_pass_without_user_is_refused(server):
    with server.connect() as c:
        c.err("PASS secret")


def test_user_again_replaces_the_first(server, name):
    user = server.user(name)
    with server.connect() as c:
        c.ok("USER somebody-else")
        c.login(user)


def test_a_password_may_hold_spaces_and_end_with_one(server, name):
    """RFC 1939 section 7: the whole rest of the line is the password."""
    user = server.user(name, password="two  words ")
    with server.login(user):
        pass


def test_a_long_password_is_not_cut(server, name):
    """popa3d cuts the line: long passwords fail there, and what they begin with does not."""
    user = server.user(name, password="p" * 240)
    with server.login(user):
        pass
    with server.connect() as c:
        c.ok(f"USER {name}")
        c.err("PASS " + "p" * 239, "AUTH")


def test_a_bare_lf_ends_a_line_and_the_reply_has_crlf(server, name):
    with server.login(server.user(name)) as c:
        c.send(b"NOOP\nSTAT\n")
        assert c.line().startswith(b"+OK")
        assert c.line() == b"+OK 0 0"


# --- the commands of a session


def test_stat_is_exactly_two_numbers(server, name):
    """RFC 1939 section 5: +OK, a space, the number of messages, a space, the octets."""
    with server.login(server.user(name, [MESSAGE, MESSAGE])) as c:
        assert c.ok("STAT") == b"+OK 2 %d" % (2 * len(MESSAGE.replace(b"\n", b"\r\n")))


def test_an_empty_mailbox_has_empty_lists(server, name):
    with server.login(server.user(name)) as c:
        assert c.stat() == (0, 0)
        assert c.many("LIST") == []
        assert c.many("UIDL") == []
        c.err("LIST 1")


def test_list_of_one_is_its_line(server, name):
    with server.login(server.user(name, [MESSAGE])) as c:
        assert c.ok("LIST 1").split()[:3] == [b"+OK", b"1", b"%d" % len(MESSAGE.replace(b"\n", b"\r\n"))]


def test_uidl_of_one_is_its_line(server, name):
    with server.login(server.user(name, [MESSAGE, MESSAGE])) as c:
        uids = c.uids()
        assert len(set(uids.values())) == 2
        assert c.ok("UIDL 2").split()[:3] == [b"+OK", b"2", uids[2].encode()]


def test_a_deleted_message_is_gone_from_every_reply(server, name):
    """RFC 1939 section 5."""
    with server.login(server.user(name, [MESSAGE] * 3)) as c:
        octets = c.stat()[1]
        c.ok("DELE 2")
        assert c.stat() == (2, octets // 3 * 2)
        assert list(c.sizes()) == [1, 3]
        assert list(c.uids()) == [1, 3]
        for command in ("RETR 2", "TOP 2 0", "LIST 2", "UIDL 2", "DELE 2"):
            c.err(command)


def test_rset_takes_deletions_back(server, name):
    user = server.user(name, [MESSAGE] * 2)
    with server.login(user) as c:
        c.ok("DELE 1")
        c.ok("DELE 2")
        c.ok("RSET")
        assert c.stat()[0] == 2
        c.retr(1)
        c.quit()
    assert len(user.files()) == 2


def test_messages_come_in_the_order_of_delivery(server, name):
    messages = [b"Subject: %d\n\n" % i for i in range(30)]
    with server.login(server.user(name, messages)) as c:
        assert [c.retr(n) for n in range(1, 31)] == [m.replace(b"\n", b"\r\n") for m in messages]


def test_what_is_delivered_in_a_session_is_seen_by_the_next(server, name):
    """RFC 1939 section 5: the numbers stay for the session."""
    user = server.user(name, [MESSAGE])
    with server.login(user) as c:
        user.deliver(MESSAGE)
        assert c.stat()[0] == 1
        c.quit()
    with server.login(user) as c:
        assert c.stat()[0] == 2


# --- pipelining: RFC 2449 section 6.6


def test_a_thousand_pipelined_commands_are_all_answered_in_order(server, name):
    with server.login(server.user(name, [MESSAGE] * 9)) as c:
        numbers = [i % 9 + 1 for i in range(1000)]
        c.send(b"".join(b"LIST %d\r\n" % n for n in numbers))
        assert [int(c.line().split()[1]) for _ in numbers] == numbers
        c.ok("NOOP")


def test_pipelined_retrievals_come_whole_and_in_order(server, name):
    messages = [b"Subject: %d\n\n" % i + b".%d\n" % i * 3000 for i in range(20)]
    with server.login(server.user(name, messages)) as c:
        c.send(b"".join(b"RETR %d\r\n" % (i + 1) for i in range(20)) + b"STAT\r\n")
        for message in messages:
            assert c.line().startswith(b"+OK")
            assert unstuff(c.body()) == message.replace(b"\n", b"\r\n")
        assert c.line().startswith(b"+OK 20 ")


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_commands_sent_behind_the_password_reach_the_session(server, name, tls):
    """What is pipelined over the login boundary is handed over and not lost."""
    user = server.user(name, [MESSAGE] * 3)
    with server.connect(tls) as c:
        c.send(f"USER {name}\r\nPASS {user.password}\r\n".encode() + b"STAT\r\n" + b"NOOP\r\n" * 1000 + b"DELE 2\r\nQUIT\r\n")
        replies = c.rest().split(b"\r\n")
        assert replies.pop() == b""
        assert all(r.startswith(b"+OK") for r in replies), replies
        assert len(replies) == 2 + 1 + 1000 + 2
    assert len(user.files()) == 2


def test_commands_behind_a_refused_password_are_those_of_the_login_state(server, name):
    server.user(name)
    with server.connect() as c:
        c.send(f"USER {name}\r\nPASS wrong\r\nSTAT\r\nQUIT\r\n".encode())
        assert [c.line()[:4] for _ in range(4)] == [b"+OK ", b"-ERR", b"-ERR", b"+OK "]


def test_a_command_may_come_octet_by_octet(server, name):
    with server.login(server.user(name)) as c:
        for octet in b"NOOP\r\n":
            c.send(bytes([octet]))
        assert c.line().startswith(b"+OK")


# --- CAPA: RFC 2449; every tag that is true and none that is not


def test_capa_before_login_tells_what_can_be_done(server):
    with server.connect() as c:
        capa = c.capa()
    sasl = "SASL PLAIN LOGIN SCRAM-SHA-256"
    for tag in ["TOP", "UIDL", "USER", sasl, "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "STLS", "LANG"]:
        assert tag in capa, tag
    assert any(t.startswith("UTF8") for t in capa)
    assert any(t.startswith("EXPIRE") for t in capa)
    assert any(t.startswith("IMPLEMENTATION Restante") for t in capa)


def test_capa_in_a_session_no_longer_offers_logins(server, name):
    with server.login(server.user(name)) as c:
        tags = {t.split()[0] for t in c.capa()}
    assert {"TOP", "UIDL", "RESP-CODES", "PIPELINING"} <= tags
    assert "STLS" not in tags


def test_capa_under_tls_does_not_offer_stls(server):
    with server.connect(tls=True) as c:
        assert "STLS" not in c.capa()


# --- UTF8 and LANG: RFC 6856


def test_utf8_is_taken_before_login(server, name):
    user = server.user(name)
    with server.connect() as c:
        c.ok("UTF8")
        c.login(user)


def test_lang_lists_the_languages(server):
    with server.connect() as c:
        tags = {line.split()[0].decode() for line in c.many("LANG")}
        assert {"i-default", "en", "de", "es"} <= tags | {"i-default"}


@pytest.mark.parametrize("tag, word", [("de", "Nachricht"), ("es", "mensaje"), ("DE-at", "Nachricht"), ("en", "message")])
def test_lang_changes_the_texts_also_across_the_login(server, name, tag, word):
    user = server.user(name, [MESSAGE])
    with server.connect() as c:
        c.ok(f"LANG {tag}")
        c.login(user)
        assert word.lower() in c.err("RETR 9").decode().lower()


def test_an_unknown_language_is_refused_and_the_old_one_stays(server, name):
    with server.login(server.user(name)) as c:
        c.ok("LANG de")
        c.err("LANG tlh")
        assert "Nachricht" in c.err("RETR 9").decode()


def test_lang_star_goes_back_to_the_default(server, name):
    with server.login(server.user(name)) as c:
        c.ok("LANG de")
        c.ok("LANG *")
        assert "Nachricht" not in c.err("RETR 9").decode()


def test_lang_star_is_the_language_of_the_server_before_and_after_login(folder, name):
    """RFC 6856 section 3.2: what the administrator has chosen."""
    sub = folder / "german"
    sub.mkdir()
    with Server(sub, language="de") as server:
        user = server.user(name)
        with server.connect() as c:
            c.ok("LANG es")
            assert c.ok("LANG *").startswith(b"+OK de ")
            c.login(user)
            c.ok("LANG es")
            assert c.ok("LANG *").startswith(b"+OK de ")


@pytest.mark.parametrize("tag", ["en", "de", "es"])
def test_response_codes_stay_in_every_language(server, name, tag):
    server.user(name)
    with server.connect() as c:
        c.ok(f"LANG {tag}")
        c.ok(f"USER {name}")
        c.err("PASS wrong", "AUTH")
