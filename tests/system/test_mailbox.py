"""restantectl mailbox: what goes from one storage or file to another is the same there, whatever interrupts it."""

import mailbox
import os
import pty
import re
import signal
import subprocess
import time

import pytest
from restante import BUILD, ROOT, Server, corpus, samples, wire

FROM = b"From sender@example.org Mon Nov 23 01:30:09 2026\n"

STORAGES = {"storage_mbox": {"path": "~/mbox", "state": "~/state", "lock_wait": "1s"}}
ARCHIVE = (BUILD / ".libs/storage-archive.so").exists()
if ARCHIVE:
    STORAGES["storage_archive"] = {"path": "~/Archive"}


@pytest.fixture(scope="module")
def server(folder):
    """Only its configuration: the verbs need no server."""
    return Server(folder, start=False, **STORAGES)


@pytest.fixture(scope="module")
def mail():
    """The corpus where it is at hand; never less than our samples."""
    return corpus()


@pytest.fixture
def user(server, name):
    return server.user(name)


def own(user, *paths):
    for path in paths if ROOT else ():
        os.chown(path, user.uid, user.uid)


def mailbox_user(server, user, storage):
    """The user's record with that storage."""
    fields = server.users[user.name][1].rsplit(":", 1)[0]
    server.users[user.name] = user, f"{fields}:storage={storage}"
    server.write_passwd()


def run(server, verb, user, *words, status=0, **more):
    done = subprocess.run(
        [BUILD / "restantectl", "-c", server.conf, "mailbox", verb, user.name, *words], capture_output=True, **more
    )
    assert done.returncode == status, (done.stdout[-500:], done.stderr)
    return done


def listing(server, user, storage=None):
    """[(uidl, octets, received)], of the storage that is in the record then."""
    if storage:
        mailbox_user(server, user, storage)
    lines = run(server, "list", user).stdout.decode().splitlines()[1:]
    return [(uid, int(octets), day + " " + hour) for _, octets, day, hour, uid in (line.split() for line in lines)]


def unquoted(octets):
    return re.sub(rb"(?m)^>(>*From )", rb"\1", octets)


def export(server, user):
    """The messages on the wire, in their order, as Python's own reader finds them."""
    file = user.home / "export"
    file.write_bytes(run(server, "export", user).stdout)
    box = mailbox.mbox(file, create=False)
    return [wire(unquoted(box.get_bytes(key))) for key in box.keys()]


def fill(user, messages):
    for n, message in enumerate(messages):
        user.deliver(message, name=f"{1600000000 + n // 3}.M{n:06}P1.host")


def stored(message):
    return re.sub(rb"(?m)^(>*From )", rb">\1", message) + (b"" if message.endswith(b"\n") or not message else b"\n")


# --- convert


def test_the_corpus_goes_through_every_storage_and_comes_back_the_same(server, user, mail):
    """Same octets, UIDLs, times and order after Maildir -> ... -> mbox -> Maildir."""
    if len(mail) == len(samples()):
        pytest.skip("the corpus is not at hand; see RESTANTE_CORPUS")
    fill(user, mail)
    seen, texts = listing(server, user), export(server, user)
    assert texts == [wire(message) for message in mail]
    route = ["maildir", *(["archive"] if ARCHIVE else []), "mbox", "maildir"]
    for source, target in zip(route, route[1:]):
        mailbox_user(server, user, source)
        done = run(server, "convert", user, "--to", target, "--remove-source")
        assert f"{len(mail)} messages copied".encode() in done.stdout
        assert listing(server, user) == []
        assert listing(server, user, target) == seen, (source, target)
    assert export(server, user) == texts
    assert len(user.files()) == len(mail)


def test_the_source_stays_until_it_is_to_be_removed(server, user):
    fill(user, samples())
    seen = listing(server, user)
    done = run(server, "convert", user, "--to", "mbox")
    assert b"storage=mbox" in done.stdout and b"--remove-source" in done.stdout
    assert listing(server, user) == seen
    assert listing(server, user, "mbox") == seen
    user.deliver(b"Subject: late\n\nin the old one\n")
    late = listing(server, user, "maildir")[-1]
    mailbox_user(server, user, "mbox")
    done = run(server, "convert", user, "--from", "maildir", "--to", "mbox", "--remove-source")
    assert b" 1 messages copied" in done.stdout and b"next" not in done.stdout
    assert listing(server, user) == [*seen, late]
    assert not user.files()


def test_a_conversion_holds_off_sessions_and_is_held_off_by_one(server, user):
    fill(user, samples())
    with open(user.maildir / "restante.lock", "w") as lock:
        own(user, user.maildir / "restante.lock")
        subprocess.run(["flock", "-n", str(lock.fileno())], pass_fds=[lock.fileno()], check=True)
        server.write_conf(storage_maildir={"path": "~/Maildir", "lock_wait": "0"})
        done = run(server, "convert", user, "--to", "mbox", status=1)
        server.write_conf(storage_maildir={"path": "~/Maildir"})
    assert b"in use" in done.stderr
    assert listing(server, user, "mbox") == []


@pytest.mark.parametrize(
    "words, told",
    [
        (["--to", "nothing"], b"storage-nothing"),
        (["--to", "maildir"], b"--from"),
        (["--from", "nothing", "--to", "mbox"], b"storage-nothing"),
    ],
)
def test_a_storage_that_is_not_in_the_configuration_is_named(server, user, words, told):
    assert told in run(server, "convert", user, *words, status=1).stderr


@pytest.mark.parametrize("words", [[], ["--to"], ["--to", "mbox", "--fast"], ["--to", "mbox", "other"]])
def test_convert_says_how_it_is_used(server, user, words):
    assert b"usage" in run(server, "convert", user, *words, status=2).stderr


def test_a_message_that_cannot_be_read_stays_and_the_others_go(server, user):
    fill(user, samples())
    seen = listing(server, user)
    path = user.files()["1600000000.M000001P1.host"]
    path.unlink()
    path.mkdir()
    rest = listing(server, user)
    assert len(rest) == len(seen) - 1
    path.rmdir()
    path.write_bytes(b"Subject: x\n\nno longer as it was measured\n")
    own(user, path)
    path.chmod(0)
    if ROOT:
        os.chown(path, 0, 0)
    done = run(server, "convert", user, "--to", "mbox", "--remove-source", status=0)
    assert listing(server, user, "mbox") == rest
    assert path.exists(), done.stderr


# --- interrupted


def killed_at(server, user, words, more=None):
    """Runs it and kills it with SIGKILL when the condition is true, or lets it end. What it printed."""
    command = [BUILD / "restantectl", "-c", server.conf, "mailbox", *words]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while process.poll() is None and not more():
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    return process.returncode


def count(user, storage):
    """Of the messages that are there, near enough."""
    if storage == "maildir":
        return len(user.files())
    if storage == "mbox":
        mbox = user.home / "mbox"
        return mbox.read_bytes().count(b"\nFrom ") if mbox.exists() else 0
    return sum(p.read_bytes().count(b"\x1f\x8b\x08\x04") for p in (user.home / "Archive").glob("*.gz"))


WAYS = [("maildir", "mbox"), ("mbox", "maildir"), *([("maildir", "archive"), ("archive", "mbox")] if ARCHIVE else [])]


@pytest.mark.parametrize("source, target", WAYS)
def test_a_conversion_that_was_killed_goes_on_without_doubles_or_losses(server, name, source, target, mail):
    user, some = server.user(name), (mail[:60] + samples() * 6)[:72]  # enough where there is no corpus too
    fill(user, some)
    seen = listing(server, user)
    if source != "maildir":
        run(server, "convert", user, "--to", source, "--remove-source")
        mailbox_user(server, user, source)
    kills = 0
    for stop in (1, 8, 20, 35, 50):
        words = ["convert", user.name, "--to", target, "--remove-source"]
        kills += killed_at(server, user, words, lambda: count(user, target) >= stop) == -signal.SIGKILL
    assert kills >= 4
    run(server, "convert", user, "--to", target, "--remove-source")
    assert listing(server, user) == []
    assert listing(server, user, target) == seen
    assert sorted(export(server, user)) == sorted(map(wire, some))


def test_an_import_that_was_killed_goes_on_without_doubles_or_losses(server, user, mail):
    some = (mail[:60] + samples() * 7)[:84]  # the same message may come twice
    file = user.home / "in.mbox"
    file.write_bytes(b"".join(FROM + stored(message) + b"\n" for message in some))
    kills = 0
    for stop in (1, 8, 20, 35, 50):
        kills += killed_at(server, user, ["import", user.name, file], lambda: count(user, "maildir") >= stop) == -9
    assert kills >= 4
    there = len(user.files())
    done = run(server, "import", user, file)
    assert f"{len(some) - there} messages imported, {there} were there already".encode() in done.stdout
    assert sorted(export(server, user)) == sorted(wire(stored_back(message)) for message in some)
    assert b" 0 messages imported" in run(server, "import", user, file).stdout
    assert len(user.files()) == len(some)


def stored_back(message):
    """An mbox has no message without a last line end."""
    return message if not message or message.endswith(b"\n") else message + b"\n"


# --- import and export


@pytest.mark.parametrize("storage", ["maildir", "mbox", *["archive"] * ARCHIVE])
def test_what_is_exported_is_imported_with_sender_and_time(server, name, storage):
    user = server.user(name)
    mailbox_user(server, user, storage)
    first = FROM + b"Return-Path: <sender@example.org>\nSubject: 1\n\n>From me\nFrom you\n>>From them\n\n"
    run(server, "import", user, input=first)
    assert run(server, "export", user).stdout == first.replace(b">From me\nFrom you\n", b">From me\n>From you\n")
    assert listing(server, user)[0][2].startswith("2026-11-2")
    again = run(server, "export", user).stdout
    run(server, "import", user, input=again)
    assert run(server, "export", user).stdout == again


def test_an_mbox_of_pythons_is_imported(server, user):
    file = user.home / "python"
    box = mailbox.mbox(file)
    messages = [m.replace(b"\r\n", b"\n") for m in samples() if not m.startswith(b"From ")]
    for message in messages:
        box.add(message)
    box.flush()
    box.close()
    run(server, "import", user, file)
    # Python quotes "From " alone, so ">From " comes back as "From ".
    assert sorted(map(unquoted, export(server, user))) == sorted(unquoted(wire(stored_back(m))) for m in messages)


def test_a_maildir_and_a_message_are_imported(server, user, folder):
    other = folder / f"{user.name}-other"
    for sub in ("new", "cur", "tmp"):
        (other / sub).mkdir(parents=True)
    (other / "cur/1500000000.1.host:2,S").write_bytes(b"Subject: seen\n\n")
    (other / "new/1500000001.1.host").write_bytes(b"Subject: new\r\n\r\nno end")
    (other / "tmp/1500000001.2.host").write_bytes(b"Subject: half\n")
    (other / "new/link").symlink_to("/etc/passwd")
    (other / "new/folder").mkdir()
    letter = folder / f"{user.name}.eml"
    letter.write_bytes(b"Subject: file\n\nFrom me\n>From me\n")
    run(server, "import", user, other, letter)
    assert export(server, user) == [b"Subject: seen\r\n\r\n", b"Subject: new\r\n\r\nno end\r\n", wire(letter.read_bytes())]
    seen = listing(server, user)
    assert [time.mktime(time.strptime(when, "%Y-%m-%d %H:%M:%S")) for _, _, when in seen[:2]] == [15e8, 15e8 + 1]
    run(server, "import", user, letter, other)
    assert listing(server, user) == seen


@pytest.mark.parametrize("octets", [b"\0\0\0", b"neither\n", b"From here to there\n\nx\n", b"\n\nFrom a b\n"])
def test_what_is_no_mail_is_refused(server, user, octets):
    done = run(server, "import", user, input=octets, status=1)
    assert b"neither an mbox nor a message" in done.stderr
    assert listing(server, user) == []


def test_an_empty_mbox_has_no_messages(server, user):
    assert b" 0 messages imported" in run(server, "import", user, "/dev/null").stdout
    assert run(server, "export", user).stdout == b""


def test_a_file_that_is_missing_is_named(server, user):
    assert b"/no/such/file" in run(server, "import", user, "/no/such/file", status=1).stderr


def test_messages_that_begin_in_text_are_not_taken_for_messages(server, user):
    """A line "From " begins one only behind an empty line and with a date."""
    text = FROM + b"Subject: one\n\nFrom me\n\nFrom you with love\nx\n" + FROM + b"y\n\n" + FROM + b"Subject: two\n\n"
    run(server, "import", user, input=text)
    assert [m.split(b"\r\n")[0] for m in export(server, user)] == [b"Subject: one", b"Subject: two"]
    assert FROM.replace(b"\n", b"\r\n") in export(server, user)[0]


def damage(user, uid):
    """A message that promises more than there is."""
    path = next(p for p in (user.maildir / "new").iterdir() if p.name.startswith(uid))
    path.rename(path.with_name(f"{uid},S={path.stat().st_size},W={path.stat().st_size + 1}"))


# --- check, repair, compact, stat


def test_a_mailbox_without_damage_is_checked_and_repaired_silently(server, user):
    fill(user, samples())
    for verb in ("check", "repair", "compact"):
        done = run(server, verb, user)
        assert (done.stdout, done.stderr) == (b"", b"")


def test_damage_is_reported_and_repaired(server, user):
    server.write_conf(storage_maildir={"path": "~/Maildir", "check_sizes": "0"})
    fill(user, [b"Subject: %d\n\n" % n for n in range(5)])
    damage(user, "1600000000.M000001P1.host")
    done = run(server, "check", user, status=1)
    assert b"1600000000.M000001P1.host" in done.stderr and b"damaged" in done.stderr
    run(server, "repair", user)
    run(server, "check", user)
    server.write_conf(storage_maildir={"path": "~/Maildir"})


def test_stat_tells_what_is_there(server, user):
    fill(user, samples())
    values = dict(line.split(" = ") for line in run(server, "stat", user).stdout.decode().splitlines())
    assert values["storage"] == "maildir"
    assert int(values["messages"]) == len(samples())
    assert int(values["octets"]) == sum(len(wire(m)) for m in samples())
    assert values["oldest"] == listing(server, user)[0][2] and values["newest"] == listing(server, user)[-1][2]
    assert values["disk"].split()[1] == str(user.maildir)
    assert int(values["disk"].split()[0]) >= sum(p.stat().st_blocks * 512 for p in user.files().values())


@pytest.mark.parametrize("verb", ["list", "convert", "import"])
def test_a_user_who_may_not_log_in_has_no_mailbox(server, user, verb):
    mailbox_user(server, user, "nothing")
    words = ["--to", "mbox"] if verb == "convert" else []
    assert b"add a section storage-nothing" in run(server, verb, user, *words, status=1, input=b"").stderr


@pytest.mark.parametrize("verb", ["list", "stat", "export", "import", "check", "repair", "compact"])
def test_a_user_that_nobody_knows_is_named(server, verb):
    class Nobody:
        name = "nobody-here"

    assert b"nobody-here" in run(server, verb, Nobody, status=1, input=b"").stderr


# --- progress


def test_a_terminal_sees_progress_and_a_file_does_not(server, user):
    messages = [FROM + b"Subject: %d\n\n" % n + b"text\n" * 20000 + b"\n" for n in range(150)]
    file = user.home / "in.mbox"
    file.write_bytes(b"".join(messages))
    master, slave = pty.openpty()
    command = [BUILD / "restantectl", "-c", server.conf, "mailbox", "import", user.name, file]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=slave, timeout=60)
    os.close(slave)
    shown = b""
    try:
        while octets := os.read(master, 65536):
            shown += octets
    except OSError:
        pass
    os.close(master)
    assert b"150 messages imported" in done.stdout
    assert re.search(rb"import: \d+ messages, \d+\.\d of \d+\.\d MB", shown)
    assert shown.endswith(b"\r\x1b[K")
    assert run(server, "import", user, file).stderr == b""
