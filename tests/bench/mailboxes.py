"""The mail that is served: deterministic, realistic, made once and then linked.

Sizes are log-normal with a median of 6 KB and a mean of 17 KB, as in a mailbox of people (most are
short, a few carry attachments); lines have some 70 octets; one text line in a few hundred starts
with a dot. Each server gets Maildirs of its own whose files are hard links to the same messages:
the same inodes and the same page cache, but no server sees the other's index.
"""

import base64
import json
import math
import os
import random
import shutil

OWNER = 20000  # the uid of all users: files that are linked have one owner
MEDIAN, MEAN, LARGEST = 6000, 17000, 2_000_000
SIGMA = math.sqrt(2 * math.log(MEAN / MEDIAN))
SYLLABLES = ("an ber cor del en fra gi hal in jo ka len mor ni os per qua re sta te un ver wi xo yl za "
    "the and for that with have this from they would").split()


def text_blob(rnd, octets):
    """Lines of prose with empty lines between paragraphs."""
    lines, size = [], 0
    words = ["".join(rnd.choices(SYLLABLES, k=rnd.randint(1, 3))) for _ in range(4000)]
    while size < octets:
        line = "" if rnd.random() < 0.08 else " ".join(rnd.choices(words, k=rnd.randint(6, 11)))[:78]
        if rnd.random() < 0.003:
            line = "." + line
        lines.append(line)
        size += len(line) + 1
    return ("\n".join(lines) + "\n").encode()


def base64_blob(rnd, octets):
    return base64.encodebytes(rnd.randbytes(octets * 3 // 4))


def headers(rnd, n, kind):
    token = f"{rnd.getrandbits(64):016x}"
    sender, host = f"user{n % 977}", f"mx{n % 13}.example.net"
    hops = "".join(
        f"Received: from {host} ({host} [192.0.2.{rnd.randint(1, 254)}])\n"
        f"\tby mail{hop}.example.org (Postfix) with ESMTPS id {token[hop:hop + 11].upper()}\n"
        f"\tfor <reader@example.org>; Mon, {1 + n % 28} Jan 2024 {n % 24:02}:{n % 60:02}:07 +0000 (UTC)\n"
        for hop in range(3))
    signature = base64.b64encode(rnd.randbytes(192)).decode()
    folded = "\n\t ".join(signature[i:i + 72] for i in range(0, len(signature), 72))
    return (f"Return-Path: <{sender}@example.net>\n{hops}"
        f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.net; s=mail;\n\tb={folded}\n"
        f"From: {sender.title()} <{sender}@example.net>\nTo: reader@example.org\n"
        f"Subject: Message {n} about {token}\nDate: Mon, {1 + n % 28} Jan 2024 {n % 24:02}:00:00 +0000\n"
        f"Message-ID: <{token}.{n}@{host}>\nMIME-Version: 1.0\nContent-Type: {kind}\n\n").encode()


def piece(blob, rnd, octets):
    """Some lines of the blob, about as many octets."""
    start = blob.index(b"\n", rnd.randrange(max(1, len(blob) - octets - 4000))) + 1
    end = blob.find(b"\n", start + octets)
    return blob[start:end + 1] if end >= 0 else blob[start:]


def message(rnd, n, text, data, median=MEDIAN):
    octets = min(LARGEST, int(rnd.lognormvariate(math.log(median), SIGMA)))
    head = headers(rnd, n, "text/plain; charset=us-ascii" if octets < 40000 else "application/octet-stream")
    return head + piece(text if octets < 40000 else data, rnd, max(60, octets - len(head)))


def file_name(n, stored, wire, hints):
    unique = f"{1700000000 + n * 7}.M{n * 7919 % 1000000}P{1000 + n % 30000}V{n:08x}.bench"
    return f"{unique},S={stored},W={wire}:2,S" if hints else f"{unique}:2,S"


class Mail:
    """The messages, in one folder; names[n] and sizes[n] = (stored, on the wire)."""

    def __init__(self, work, count):
        self.folder = os.path.join(work, "messages")
        self.index = os.path.join(work, "messages.json")
        self.sizes = []
        if not self.load(count):
            self.make(count)

    def load(self, count):
        try:
            with open(self.index) as f:
                self.sizes = json.load(f)
        except OSError:
            return False
        return len(self.sizes) >= count

    def path(self, n):
        return os.path.join(self.folder, f"{n // 1000:04}", f"{n:06}")

    def make(self, count):
        shutil.rmtree(self.folder, ignore_errors=True)
        blobs = random.Random(1)
        text, data = text_blob(blobs, 4_000_000), base64_blob(blobs, 4_000_000)
        self.sizes = []
        for n in range(count):
            content = message(random.Random(n), n, text, data)
            if n % 1000 == 0:
                os.makedirs(os.path.dirname(self.path(n)))
            fd = os.open(self.path(n), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            os.write(fd, content)
            os.fchown(fd, OWNER, OWNER)
            os.close(fd)
            self.sizes.append((len(content), len(content) + content.count(b"\n")))
        with open(self.index, "w") as f:
            json.dump(self.sizes, f)

    def maildir(self, home, count, hints):
        """A Maildir of the first count messages at home/Maildir, unless it is there."""
        path, ready = os.path.join(home, "Maildir"), os.path.join(home, ".ready")
        if os.path.exists(ready):
            return
        shutil.rmtree(home, ignore_errors=True)
        for folder in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(path, folder), 0o700)
        for n in range(count):
            stored, wire = self.sizes[n]
            os.link(self.path(n), os.path.join(path, "cur", file_name(n, stored, wire, hints)))
        for folder in (home, path, *(os.path.join(path, f) for f in ("cur", "new", "tmp"))):
            os.chown(folder, OWNER, OWNER)
        open(ready, "w").close()


def forget_index(home):
    """Takes away whatever a server keeps beside the messages: the next open is a first one."""
    maildir = os.path.join(home, "Maildir")
    for name in os.listdir(maildir):
        if name not in ("cur", "new", "tmp"):
            path = os.path.join(maildir, name)
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)


def warm(home):
    """Reads every message: what is measured is a server, not the disk."""
    folder, room = os.path.join(home, "Maildir", "cur"), bytearray(LARGEST * 2)
    for name in os.listdir(folder):
        fd = os.open(os.path.join(folder, name), os.O_RDONLY)
        os.readv(fd, [room])
        os.close(fd)
