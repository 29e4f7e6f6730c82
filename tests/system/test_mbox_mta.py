"""An mbox beside live MTAs: Debian's Postfix and Exim4 deliver to it, lockfile contends for its dotlock, and sessions
list, retrieve and delete in a loop. In the end each message was retrieved exactly once, byte for byte.

RESTANTE_MTA_MESSAGES is how many messages each MTA delivers.
"""

import os
import pathlib
import random
import re
import shutil
import subprocess
import threading
import time

import pytest
import restante
from mta import EXIM, POSTFIX, Exim, Postfix
from restante import ROOT, eventually, wire

MESSAGES = int(os.environ.get("RESTANTE_MTA_MESSAGES", "100"))
TIME = 120 + MESSAGES // 2  # seconds, on a machine that is busy with other things
LOCKFILE = shutil.which("lockfile")
NAME, UID = "nobody", 65534  # a user that every system has, for local(8) must find it

pytestmark = [
    pytest.mark.skipif(not ROOT, reason="only root can run MTAs that deliver to others"),
    pytest.mark.skipif(not (POSTFIX or EXIM), reason="neither postfix nor exim4 is installed"),
]

EXIM_SPOOL = """
spool:
  driver = appendfile
  file = {spool}/nobody
  user = nobody
  group = nogroup
  mode = 0600
  lock_retries = 100
  lock_interval = 1s
  return_path_add
"""


def postfix(folder, spool):
    return Postfix(folder, f"mail_spool_directory = {spool}\n")


def exim(folder, spool):
    return Exim(folder, "spool", EXIM_SPOOL.format(spool=spool))


def message(mta, number):
    """With all the fields that an MTA would otherwise add behind them."""
    head = f"From: a@test.example\nTo: b@test.example\nDate: Mon, 23 Nov 2026 02:00:00 +0000\nSubject: {mta} {number}\n"
    body = "\n".join(["From the start", f"number {number}", "", "From x Mon Nov 23 01:30:09 2026", ".", ".."])
    filler = "".join(random.choices("abcdefgh \n", k=random.randrange(3000))).replace("\n ", "\n") + "."
    return f"{head}Message-ID: <{mta}.{number}@test.example>\n\n{body}\n{filler}\n".encode()


def senders(mtas, failures):
    """Threads that deliver; and all that they will have delivered, by Message-ID."""
    sent, threads = {}, []
    for mta in mtas:
        name = type(mta).__name__.lower()
        messages = [message(name, n) for n in range(MESSAGES)]
        sent.update({f"{name}.{n}": text for n, text in enumerate(messages)})

        def run(mta=mta, messages=messages):
            try:
                for text in messages:
                    mta.deliver(text, f"{NAME}@test.example")
            except Exception as error:  # told by the test
                failures.append(error)

        threads.append(threading.Thread(target=run))
    return sent, threads


def contend(lock, over):
    """What a user's procmail recipe does."""
    while not over.wait(0.05):
        if subprocess.run([LOCKFILE, "-1", "-r", "5", lock], capture_output=True).returncode == 0:
            time.sleep(0.02)
            lock.unlink()


def session(server, user, retrieved):
    """Retrieves what is new, and deletes some of what was retrieved before or now."""
    with server.connect() as c:
        c.send(b"USER %s\r\nPASS %s\r\n" % (user.name.encode(), user.password.encode()))
        c.line()
        said = c.line()
        if b"[IN-USE]" in said:
            return
        assert said.startswith(b"+OK"), said
        for number, uid in c.uids().items():
            if uid not in retrieved:
                retrieved[uid] = c.retr(number)
            if random.random() < 0.7:
                c.send(b"DELE %d\r\n" % number)
                assert c.line().startswith(b"+OK")
        c.send(b"QUIT\r\n")
        said = c.line()
        assert said.startswith(b"+OK"), said


def the_same(retrieved, sent):
    found = {}
    for text in retrieved.values():
        key = re.search(rb"^Message-ID: <(.*)@", text, re.M)[1].decode()
        assert key not in found, f"{key} came twice"
        found[key] = text
    assert sorted(found) == sorted(sent)
    for key, text in found.items():
        assert text.endswith(wire(sent[key])), key
        assert b"\n\n" not in text[: -len(wire(sent[key]))], "before it are only an MTA's fields"


@pytest.mark.parametrize("way", ["new_file", "in_place"])
def test_each_message_is_retrieved_once(folder, way):
    """In place: /var/mail as Debian has it, where a session may not make files; nor may Exim, as the user."""
    kinds = [postfix] * bool(POSTFIX) + [exim] * bool(EXIM and way == "new_file")
    if not kinds:
        pytest.skip("postfix is not installed")
    base = folder / way
    spool = base / "spool"
    spool.mkdir(parents=True)
    base.chmod(0o755)
    spool.chmod(0o1777 if way == "new_file" else 0o755)
    (base / "server").mkdir()
    if way == "in_place":
        (spool / NAME).touch(0o600)
        os.chown(spool / NAME, UID, UID)
    settings = {"path": spool / NAME, "state": "~/state", "lock_wait": "8s"}
    mtas, failures, over, retrieved = [], [], threading.Event(), {}
    contender = threading.Thread(target=contend, args=(spool / f"{NAME}.lock", over))
    with restante.Server(base / "server", storage="mbox", storage_mbox=settings, login_user="mail") as server:
        user = server.user(NAME, uid=UID)
        try:
            for kind in kinds:
                mtas.append(kind(base / kind.__name__, spool))
            sent, threads = senders(mtas, failures)
            if LOCKFILE:
                contender.start()
            for thread in threads:
                thread.start()
            end = time.monotonic() + TIME
            while len(retrieved) < len(sent) and time.monotonic() < end and not failures:
                session(server, user, retrieved)
            for thread in threads:
                thread.join()
            over.set()
            assert not failures, failures
            eventually(lambda: session(server, user, retrieved) or not (spool / NAME).stat().st_size, 20)
            the_same(retrieved, sent)
        except BaseException:
            print(*(mta.log() for mta in mtas), sep="\n")
            raise
        finally:
            over.set()
            if contender.ident:
                contender.join()
            for mta in mtas:
                mta.stop()
    assert not pathlib.Path(f"{spool / NAME}.lock").exists()
