"""Debian's Postfix and Exim deliver real mail through Restante, configured by the very lines of restante-deliver(8):
by LMTP, by a pipe, as mailbox_command; to a Maildir, an mbox and an archive. fetchmail takes it away over TLS. What
went over the wire is what was sent, octet by octet.

RESTANTE_MTA_CORPUS=all has Postfix take every message of the corpus each way; else it is a sample.
"""

import collections
import os
import pathlib
import re
import shutil
import smtplib
import subprocess
import tempfile

import pytest
import restante
from mta import EXIM, POSTFIX, Exim, Postfix
from relay import Relay
from restante import BUILD, ROOT, SOURCE, corpus, eventually, wire

STORAGES = ["maildir", "mbox"] + ["archive"] * (BUILD / ".libs/storage-archive.so").exists()
NAME, UID = "nobody", 65534  # a user of the system, who may also own all mailboxes
ALL = os.environ.get("RESTANTE_MTA_CORPUS") == "all"
MANUAL = (SOURCE / "core/deliver/restante-deliver.8").read_text()
README = (SOURCE / "README").read_text()

pytestmark = pytest.mark.skipif(not ROOT, reason="only root can run MTAs that deliver to others")
needs_postfix = pytest.mark.skipif(not POSTFIX, reason="postfix is not installed")
needs_exim = pytest.mark.skipif(not EXIM, reason="no exim4 is installed or unpacked")


# --- the documentation


def examples():
    """The configurations in the manual."""
    found = re.findall(r"^\.Bd -literal -offset indent\n(.*?)^\.Ed", MANUAL, re.M | re.S)
    return [text.replace(r"\e", "\\") for text in found]


def documented(words, **instead):
    """The example that has the words, with another path or name where one of this machine is needed."""
    (text,) = [e for e in examples() if words in e]
    for old, new in {**PLACES, **instead}.items():
        text = text.replace(old, str(new))
    return text


PLACES = {}  # of the test


def test_readme_and_manual_say_the_same():
    manual = " ".join(re.sub(r"\\\n", " ", "\n".join(examples())).split())
    section = README[README.index("By LMTP, with Postfix:") : README.index("restante-deliver(8) has all of each")]
    lines = [line.strip() for line in re.findall(r"(?m)^    .*$", section)]
    assert len(lines) > 15
    for line in lines:
        line = re.sub(r"  +(restante\.conf|main\.cf.*|master\.cf|Exim)$", "", line)
        assert " ".join(line.split()) in manual, line


# --- the messages


def mendable(message):
    """MTAs mend what is no header, and take CRs at the end of a line away."""
    header = re.split(rb"(?m)^\n", wire(message).replace(b"\r\n", b"\n"))[0]
    return not re.fullmatch(rb"(?:[!-9;-~]+:.*\n(?:[ \t].*\n)*)+", header) or b"\r\r\n" in wire(message)


def sample(every=ALL):
    """Without what no MTA takes as it is."""
    some = [m for m in corpus() if not mendable(m) and b"\0" not in m]
    assert len(some) > len(corpus()) * 0.9, (len(some), len(corpus()))
    return some if every else some[::25]


def sent_and_stored(text):
    """What was sent, of what lies in a mailbox: without the fields that the MTA and the delivery add in front."""
    fields = rb"Return-Path: <.*>\r\nDelivered-To: .*\r\n(?:X-Original-To: .*\r\nDelivered-To: .*\r\n)?"
    match = re.match(fields + rb"Received: .*\r\n(?:[ \t].*\r\n)*", text)
    assert match, text[:300]
    return text[match.end() :]


# --- the server


@pytest.fixture
def site():
    """A folder that all may enter, and what the examples' places are there."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="restante-mta-"))
    folder.chmod(0o755)
    server = restante.Server(
        folder, start=False, storage_mbox={"path": "~/mbox", "state": "~/state"},
        **({"storage_archive": {"path": "~/archive"}} if "archive" in STORAGES else {}),
    )
    deliver = folder / "restante-deliver"
    sanitizer = f"ASAN_OPTIONS={os.environ['ASAN_OPTIONS']}"  # MTAs hand no environment on
    deliver.write_text(f'#!/bin/sh\nexec env {sanitizer} {BUILD}/restante-deliver -c {server.conf} "$@"\n')
    deliver.chmod(0o755)
    PLACES.clear()
    PLACES.update({"/usr/libexec/restante/restante-deliver": deliver, "/var/spool/postfix": folder / "postfix/queue",
                   "/run/restante/lmtp": folder / "lmtp"})
    yield server
    restante.remove_tree(folder)


def users(site, names, **more):
    """One for each storage. The file of users has to be readable for whoever delivers."""
    found = [site.user(names.format(storage), extra=f"storage={storage}", **more) for storage in STORAGES]
    site.passwd.chmod(0o644)
    return found


# --- what comes out


def fetchmail(site, user):
    """Takes all mail away over TLS; what went over the wire."""
    folder = site.folder / f"fetch-{user.name}"
    folder.mkdir()
    relay = Relay(site.tls_port, tls=(site.certificate, site.key))
    rc = folder / "fetchmailrc"
    rc.write_text(
        f"set no syslog\nset invisible\npoll localhost proto pop3 service {relay.port} uidl auth password\n"
        f'user "{user.name}" pass "{user.password}" is "nobody" here ssl sslproto "auto" sslcertck '
        f'sslcertfile "{site.certificate}"\nno rewrite pass8bits no mimedecode fetchall no keep mda "cat >/dev/null"\n'
    )
    rc.chmod(0o600)
    for path in (folder, rc):
        os.chown(path, UID, UID)
    words = ["fetchmail", "-f", rc, "--nodetach", "-s", "--pidfile", folder / "pid"]
    done = subprocess.run(words, env={**os.environ, "FETCHMAILHOME": str(folder)}, capture_output=True, text=True,
                          timeout=300, user=UID, group=UID, extra_groups=[])
    assert done.returncode == 0, done.stdout + done.stderr
    return list(relay.messages().values())


def retrieve(site, user):
    with site.login(user, tls=True) as c:
        return [c.retr(number) for number in c.sizes()]


def delivered(site, user, messages, fetch):
    """Each of them, once, and nothing else. fetchmail keeps what it takes for a copy of the message before."""
    wanted = collections.Counter(map(wire, messages))
    got = fetch(site, user)
    left = retrieve(site, user) if fetch is fetchmail else []
    assert not [m for m in left if m not in got]
    found = collections.Counter(map(sent_and_stored, got))
    missing, extra = wanted - found, found - wanted
    assert not missing and not extra, (user.name, [m[:300] for m in missing], [m[:300] for m in extra])


def deliver(site, mta, people, messages):
    """The MTA takes all of it for all of them; returns when nothing is on its way any more."""
    try:
        for message in messages:
            mta.deliver(message, *(p if "@" in p else f"{p}@test.example" for p in people))
        eventually(mta.idle, 600 if ALL else 120, "an empty queue")
    except BaseException:
        print(mta.log(), site.log()[-3000:], sep="\n")
        raise


def served(site, mta, people, fetch=fetchmail, messages=None):
    messages = messages or sample()
    try:
        deliver(site, mta, [p.name for p in people], messages)
        for user in people:
            delivered(site, user, messages, fetch if shutil.which("fetchmail") else retrieve)
    except BaseException:
        print(mta.log())
        raise
    finally:
        mta.stop()
        site.stop()


# --- Postfix

# What it would change in a message: long lines, fields that it removes or adds. And how it waits for an answer about an address.
AS_IT_IS = """
lmtp_line_length_limit = 0
message_drop_headers =
cleanup_replace_stray_cr_lf = no
local_header_rewrite_clients =
address_verify_poll_delay = 1s
address_verify_poll_count = 60
"""


def postfix(site, main, master=""):
    return Postfix(site.folder / "postfix", AS_IT_IS + main, master)


def lmtp(site, words):
    """The server with its LMTP listener, as documented, ready."""
    site.conf.write_text(site.conf.read_text() + documented(words))
    site.start()


@needs_postfix
def test_postfix_delivers_to_virtual_users_by_lmtp(site):
    people = users(site, "{}@example.org")
    mta = postfix(site, documented("reject_unverified_recipient"))
    lmtp(site, 'lmtp_socket_user = "postfix"')
    served(site, mta, people)


@needs_postfix
def test_postfix_asks_for_unknown_users_before_it_takes_a_message(site):
    site.user("ann@example.org")
    mta = postfix(site, documented("reject_unverified_recipient"))
    lmtp(site, 'lmtp_socket_user = "postfix"')
    try:
        with smtplib.SMTP("127.0.0.1", mta.port) as smtp:
            smtp.ehlo()
            smtp.mail("a@test.example")
            assert smtp.rcpt("ann@example.org")[0] == 250
            code, text = smtp.rcpt("bob@example.org")
            assert code == 450 and b"5.1.1" in text, text
    finally:
        mta.stop()
        site.stop()


@needs_postfix
def test_postfix_delivers_to_virtual_users_by_a_pipe(site):
    """All mailboxes belong to the one uid that delivers, who can read the file of users."""
    people = users(site, "{}@example.org", uid=UID)
    PLACES["vmail"] = NAME
    mta = postfix(site, documented("restante_destination_recipient_limit"), documented("restante unix"))
    site.start()
    served(site, mta, people)


@needs_postfix
def test_postfix_delivers_to_local_users_by_lmtp(site):
    people = users(site, "{}")
    mta = postfix(site, documented("mailbox_transport"))
    lmtp(site, 'lmtp_socket_user = "postfix"')
    served(site, mta, people, retrieve)


@needs_postfix
@pytest.mark.parametrize("storage", STORAGES)
def test_postfix_delivers_by_mailbox_command(site, storage):
    user = site.user(NAME, extra=f"storage={storage}", uid=UID)
    site.passwd.chmod(0o644)
    mta = postfix(site, documented("mailbox_command"))
    site.start()
    served(site, mta, [user], retrieve)


# --- Exim


def exim(site, words, router=""):
    """The transport of the example is the one that all mail goes to."""
    text = documented(words)
    return Exim(site.folder / "exim", re.match(r"(\w+):", text)[1], text, router)


def complete():
    """Exim adds a Message-ID, Date or From to what it is given by a command without them. It would also mend much in
    the headers of the others."""
    return [m for m in sample(False) if all(re.search(rb"(?mi)^%s:" % name, re.split(rb"\r?\n\r?\n", m)[0])
                                            for name in (b"message-id", b"date", b"from"))]


@needs_exim
def test_exim_delivers_by_lmtp(site):
    people = users(site, "{}")
    site.write_conf(lmtp_socket_user="mail", listen_lmtp=[f"unix:{PLACES['/run/restante/lmtp']}"])
    site.start()
    served(site, exim(site, "driver = lmtp", "user = mail"), people, retrieve, complete())


LOCAL = "check_local_user\n  transport_current_directory = /"  # the user's home does not exist


@needs_exim
@pytest.mark.parametrize("storage", STORAGES)
def test_exim_delivers_by_a_pipe(site, storage):
    user = site.user(NAME, extra=f"storage={storage}", uid=UID)
    site.passwd.chmod(0o644)
    site.start()
    served(site, exim(site, "driver = pipe", LOCAL), [user], retrieve, complete())
