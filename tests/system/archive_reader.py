"""Reads an archive by what restante-archive(5) says, knowing nothing of Restante: for each member that is alive its UIDL,
time of delivery, octets on the wire, and message."""

import re
import struct
import zlib


def members(octets):
    at = 0
    while at < len(octets):
        (magic, name, version, state, tail, uid_len, check, length, wire, plain, received, line, flags) = struct.unpack_from(
            "<4s8x2s2xBBBBLQQQqHH", octets, at)
        head = octets[at : at + 60 + uid_len]
        assert (magic, name, version) == (b"\x1f\x8b\x08\x04", b"RA", 1), f"no member at {at}"
        assert zlib.crc32(head[:17] + b"\0" + head[18:20] + b"\0\0\0\0" + head[24:]) == check
        if state == 0x4C:
            text = zlib.decompress(octets[at : at + length], 31)
            assert len(text) == plain
            text = text[line : plain - tail]
            if flags & 1:
                text = re.sub(rb"(?m)^>(>*From )", rb"\1", text)
            yield head[60:].decode(), received, wire, text
        else:
            assert state == 0xB3
        at += length


def archive(folder):
    for path in sorted(folder.glob("[0-9]" * 8 + ".mbox.gz")):
        yield from members(path.read_bytes())
