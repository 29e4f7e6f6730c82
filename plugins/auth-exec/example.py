#!/usr/bin/python3
"""Users in an SQLite database, for restante-auth-exec(7).

    example.py DATABASE                       answers requests: the program of auth-exec
    example.py DATABASE add NAME UID GID HOME adds a user or changes him; the password is a line on stdin
"""

import hashlib
import hmac
import os
import sqlite3
import sys
from urllib.parse import quote_from_bytes, unquote_to_bytes

NOBODY = (None, 0, 0, "", os.urandom(16), b"")  # costs the same time as somebody


def hash_of(password, salt):
    return hashlib.scrypt(password, salt=salt, n=16384, r=8, p=1)


def open_database(path):
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE IF NOT EXISTS users (name BLOB PRIMARY KEY, uid, gid, home, salt, hash)")
    return db


def add(db, name, uid, gid, home):
    salt = os.urandom(16)
    password = sys.stdin.buffer.readline().rstrip(b"\n")
    row = (os.fsencode(name), int(uid), int(gid), home, salt, hash_of(password, salt))
    with db:
        db.execute("REPLACE INTO users VALUES (?, ?, ?, ?, ?, ?)", row)


def answer(db, call, keys):
    """What follows the number of the request."""
    row = db.execute("SELECT * FROM users WHERE name = ?", (keys["user"],)).fetchone()
    name, uid, gid, home, salt, stored = row or NOBODY
    if call == "verify" and not hmac.compare_digest(hash_of(keys["password"], salt), stored):
        return "deny" if name else "none"
    if name is None:
        return "none"
    stamp = int.from_bytes(stored[:7], "big")  # another one when the password has changed
    return f"ok uid={uid} gid={gid} home={quote_from_bytes(os.fsencode(home))} stamp={stamp}"


def serve(db):
    print("restante-auth 1 can=verify,lookup", flush=True)
    sys.stdin.readline()  # the server's greeting
    for line in sys.stdin:
        number, call, *pairs = line.split()
        keys = {key: unquote_to_bytes(value) for key, value in (pair.split("=", 1) for pair in pairs)}
        try:
            print(number, answer(db, call, keys), flush=True)
        except sqlite3.Error as error:
            print(number, "temp text=" + quote_from_bytes(str(error).encode()), flush=True)


if __name__ == "__main__":
    database = open_database(sys.argv[1])
    if sys.argv[2:3] == ["add"]:
        add(database, *sys.argv[3:])
    else:
        serve(database)
