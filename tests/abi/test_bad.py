"""Plugins that cannot be used. For each of them the check of the configuration says which one it is and why, within
five seconds; a server does not start with it; and one that runs stays as it was when a reload brings it.
"""

import os
import re
import shutil
import struct
import subprocess
import time

import pytest
from restante import ROOT
from third_party import BUILD, Server, build

TEXT = """
#include <restante/plugin.h>
%(before)s
static int open_it(const struct restante_host *h, const struct restante_user *u, uint32_t mode, void **st)
{ (void)h, (void)u, (void)mode, (void)st; return RESTANTE_TEMP; }
static void close_it(void *st) { (void)st; }
static int list(void *st, int (*each)(void *, const struct restante_message *), void *arg)
{ (void)st, (void)each, (void)arg; return RESTANTE_TEMP; }
static int body(void *st, uint64_t key, struct restante_body *out)
{ (void)st, (void)key, (void)out; return RESTANTE_GONE; }
static int forget(void *st, const uint64_t *keys, size_t n)
{ (void)st, (void)keys, (void)n; return RESTANTE_PERM; }
static const struct restante_storage storage = {.size = %(storage_size)s, .open = open_it, .close = close_it,
    .list = list, .body = body, .remove = forget};
RESTANTE_PLUGIN(%(entry)s) = {.magic = %(magic)s, .size = %(size)s, .need_minor = %(need_minor)s,
    .setting_size = sizeof(struct restante_setting), .name = "storage-bad", .version = "1", .doc = "bad",
    .storage = &storage};
"""
GOOD = {
    "before": "",
    "entry": "storage_bad",
    "magic": "RESTANTE_MAGIC",
    "size": "sizeof(struct restante_plugin)",
    "storage_size": "sizeof(storage)",
    "need_minor": "0",
}
AT_LOAD = '#include <%s>\n__attribute__((constructor)) static void at_load(void) { %s; }'


def made(folder, *flags, defs=("-Wl,-z,defs",), **different):
    return build(folder, TEXT % {**GOOD, **different}, *flags, name="storage-bad", defs=defs)


def octets(data):
    def put(folder):
        (folder / "storage-bad.so").write_bytes(data)

    return put


def changed(at, what):
    """A good one with some octets changed."""

    def put(folder):
        plugin = made(folder)
        data = bytearray(plugin.read_bytes())
        data[at : at + len(what)] = what
        plugin.write_bytes(data)

    return put


def cut(folder):
    plugin = made(folder)
    plugin.write_bytes(plugin.read_bytes()[:2000])


def mode_of(which, mode):
    def put(folder):
        plugin = made(folder)
        (plugin if which == "file" else folder).chmod(mode)

    return put


def owner_of(which):
    def put(folder):
        plugin = made(folder)
        os.chown(plugin if which == "file" else folder, 1234, 1234)

    return put


def only_la(folder):
    plugin = made(folder)
    plugin.with_suffix(".la").write_text(LA % plugin.name)
    plugin.unlink()


def program(folder):
    source = folder / "program.c"
    source.write_text("int main(void) { return 0; }\n")
    subprocess.run(["cc", "-no-pie", "-o", folder / "storage-bad.so", source], check=True)


def library_gone(folder):
    library = build(folder, "void helping(void);\nvoid helping(void) { }\n", name="libhelping", defs=[])
    made(folder, f"-L{folder}", "-l:libhelping.so", before="void helping(void);\nvoid (*help)(void) = helping;\n")
    library.unlink()


LA = "# storage-bad.la - a libtool library file\ndlname='%s'\nlibrary_names='storage-bad.so'\ninstalled=no\n"
ENTRY = "storage_bad_LTX_restante_plugin_v1"
BAD = {
    "no entry": (lambda f: made(f, entry="storage_other"), f"it has no symbol {ENTRY}"),
    "a missing symbol": (
        lambda f: made(f, defs=[], before="void nobody_has(void);\nvoid (*p)(void) = nobody_has;\n"),
        "nobody_has",
    ),
    "a missing library": (library_gone, "libhelping"),
    "a wrong magic number": (lambda f: made(f, magic="0x7f454c46"), "magic number is wrong"),
    "too new": (lambda f: made(f, need_minor="99"), r"needs interface 1.99.*too new"),
    "an entry of a wrong size": (lambda f: made(f, size="8"), "the entry is too small"),
    "a storage of a wrong size": (lambda f: made(f, storage_size="16"), "calls missing"),
    "writable by others": (mode_of("file", 0o666), "mode 0666 lets others"),
    "in a folder writable by others": (mode_of("folder", 0o777), "mode 0777 lets others"),
    "a text": (octets(b"#!/bin/sh\necho storage\n"), "not a shared object"),
    "nothing in it": (octets(b""), "not a shared object"),
    "a text for libtool": (octets(LA.encode()), "not a shared object"),
    "only a .la file": (only_la, r"no storage-bad\.so in"),
    "cut off": (cut, r"storage-bad\.so"),
    "a folder": (lambda f: (f / "storage-bad.so").mkdir(), "not a regular file"),
    "a program": (program, "an object file or a program"),
    "for another machine": (changed(18, struct.pack("=H", 243)), "built for another machine (riscv)"),
    "for another class of machine": (changed(4, b"\1"), "built for another machine"),
    "a crash at load": (lambda f: made(f, before=AT_LOAD % ("stdlib.h", "abort()")), "crashed"),
    "a hang at load": (lambda f: made(f, before=AT_LOAD % ("unistd.h", "for (;;) pause()")), "did not come back"),
    "an exit at load": (lambda f: made(f, before=AT_LOAD % ("stdlib.h", "exit(0)")), "ended the process"),
}
if ROOT:
    BAD["of another owner"] = (owner_of("file"), "owned by uid 1234")
    BAD["in a folder of another owner"] = (owner_of("folder"), "owned by uid 1234")


@pytest.fixture(scope="module")
def server(folder):
    (folder / "server").mkdir()
    with Server(folder / "server") as running:
        yield running


@pytest.fixture(scope="module")
def bad(folder, server):
    """The configuration that names the plugin of that kind; all else is the server's."""
    ready = {}

    def conf(kind):
        if kind not in ready:
            place = folder / f"plugins{list(BAD).index(kind)}"
            place.mkdir()
            BAD[kind][0](place)
            old = server.settings
            server.settings = {**old, "plugin_path": [place, *old["plugin_path"]], "storage": "bad"}
            server.write_conf()
            ready[kind] = server.conf.read_text()
            server.settings = old
            server.write_conf()
        return ready[kind]

    return conf


def told(text, kind):
    assert "storage-bad" in text or 'storage = "bad"' in text, text
    assert re.search(BAD[kind][1].replace("(riscv)", r"\(riscv\)"), text), text


@pytest.mark.parametrize("kind", BAD)
def test_the_check_of_the_configuration_names_a_plugin_with(bad, server, kind):
    conf = server.folder / "bad.conf"
    conf.write_text(bad(kind))
    start = time.monotonic()
    run = subprocess.run([BUILD / "restanted", "-t", "-c", conf], capture_output=True, text=True, timeout=60)
    assert run.returncode != 0
    told(run.stderr, kind)
    assert re.search(r"bad\.conf:\d+: ", run.stderr), "no line of the configuration: " + run.stderr
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("kind", BAD)
def test_no_server_starts_with_a_plugin_with(bad, server, kind):
    conf = server.folder / "bad.conf"
    (server.folder / "bad-run").mkdir(exist_ok=True)
    conf.write_text(bad(kind).replace(str(server.folder / "run"), str(server.folder / "bad-run")))
    run = subprocess.run([BUILD / "restanted", "-f", "-c", conf], capture_output=True, text=True, timeout=60)
    assert run.returncode != 0
    told(run.stderr, kind)


@pytest.mark.parametrize("kind", BAD)
def test_a_reload_keeps_the_old_state_when_it_brings_a_plugin_with(bad, server, kind):
    user = server.users["ann"][0] if "ann" in server.users else server.user("ann", [b"Subject: one\n\nbody\n"])
    before = {p.pid for p in server.role("login")}
    good = server.conf.read_text()
    server.conf.write_text(bad(kind))
    try:
        run = server.ctl("reload")
    finally:
        server.conf.write_text(good)
    assert run.returncode == 1
    told(run.stderr, kind)
    assert {p.pid for p in server.role("login")} == before
    with server.login(user) as client:
        assert client.stat()[0] == 1
        client.ok("QUIT")


def test_a_plugin_that_is_as_these_but_for_that_is_taken(folder, server):
    """The template itself is good; a .la file beside it leads nowhere."""
    place = folder / "good"
    place.mkdir()
    plugin = made(place)
    shutil.copy(plugin, place / "other.so")
    plugin.with_suffix(".la").write_text(LA % "other.so")
    conf = server.folder / "good.conf"
    conf.write_text(server.conf.read_text().replace("plugin_path = {", f'storage = "bad"\nplugin_path = {{ "{place}",'))
    run = subprocess.run([BUILD / "restanted", "-t", "-c", conf], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
