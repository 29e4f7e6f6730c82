"""Interface 1.0 stays what it was: for plugins that were built from its header, and for those of a later one.

The frozen header is 1.0/restante/plugin.h, layout.h has what compilers made of it. FUTURE is the header of today with
two members more at the end of each structure and the next minor version (header.py). .ci/run future tries the whole
server that is built from it, with the plugins of today, and its plugins with the server of today.
"""

import re
import shutil
import subprocess

import header
import pytest
from third_party import BUILD, HERE, INCLUDE, SANITIZED, Server, build, try_it

FROZEN = header.FROZEN.parents[1]
JOE = "user=joe", "password=secret", "token=t.o.k"
LAYOUT = """
#include <restante/plugin.h>
#define STRUCT(s, ...) STRUCT_(s, __VA_ARGS__)
#define MEMBER(s, m, ...) MEMBER_(s, m, __VA_ARGS__)
#if __SIZEOF_POINTER__ == 8
#define STRUCT_(s, n, n32) _Static_assert(sizeof(struct s) >= n, #s " has become shorter");
#define MEMBER_(s, m, at, n, at32, n32) PLACE(s, m, at, n)
#else
#define STRUCT_(s, n64, n) _Static_assert(sizeof(struct s) >= n, #s " has become shorter");
#define MEMBER_(s, m, at64, n64, at, n) PLACE(s, m, at, n)
#endif
#define PLACE(s, m, at, n) \\
    _Static_assert(offsetof(struct s, m) == at, #s "." #m " has moved"); \\
    _Static_assert(sizeof(((struct s *)0)->m) == n, #s "." #m " has another size");
#define VALUE(name, value) _Static_assert((int)name == value, #name " has another value");
"""


@pytest.fixture(scope="module")
def future(folder):
    path = folder / "future/restante/plugin.h"
    path.parent.mkdir(parents=True)
    path.write_text(header.future((INCLUDE / "restante/plugin.h").read_text()))
    return path.parents[1]


def headers(folder, **changes):
    """A folder to include from, with today's header changed: {what: by what}."""
    text = (INCLUDE / "restante/plugin.h").read_text()
    for what, by in changes.values():
        assert what in text
        text = text.replace(what, by, 1)
    path = folder / "restante/plugin.h"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return folder


# --- offsets, sizes, values


def table():
    return (HERE / "layout.h").read_text()


def test_the_table_is_what_the_frozen_header_says():
    assert header.layout(header.FROZEN) == table()


def compiled(include, flags):
    source = LAYOUT + table() + "typedef int not_empty;\n"
    return subprocess.run(
        ["gcc", *flags, "-std=c11", "-fsyntax-only", f"-I{include}", "-xc", "-"], input=source, capture_output=True, text=True
    )


@pytest.mark.parametrize("machine", header.MACHINES)
@pytest.mark.parametrize("which", ["today", "future"])
def test_no_member_moves_and_no_value_changes(future, which, machine):
    run = compiled(INCLUDE if which == "today" else future, header.MACHINES[machine])
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    "change, told",
    [
        (("uint32_t uid, gid;", "uint32_t gid, uid;"), "restante_user.uid has moved"),
        (("uint64_t stamp;", "uint32_t stamp;"), "restante_user"),
        (("RESTANTE_FULL = -7", "RESTANTE_FULL = -8"), "RESTANTE_FULL has another value"),
        (("RESTANTE_REQUEST_TLS = 1", "RESTANTE_REQUEST_TLS = 2"), "RESTANTE_REQUEST_TLS has another value"),
        (("\tvoid (*close)(void *st);", "\tvoid (*sync)(void *st);\n\tvoid (*close)(void *st);"), "has moved"),
    ],
    ids=["swapped", "smaller", "value", "flag", "inserted"],
)
def test_the_table_sees_a_member_or_a_value_that_was(tmp_path, change, told):
    for flags in header.MACHINES.values():
        run = compiled(headers(tmp_path / flags[0], change=change), flags)
        assert run.returncode != 0 and told in run.stderr, run.stderr


def test_the_table_has_every_structure_member_and_value_of_1_0():
    text = (FROZEN / "restante/plugin.h").read_text()
    kept = table()
    for name, parts in header.structures(text).items():
        assert f"STRUCT({name}, " in kept
        assert all(f"MEMBER({name}, {m}, " in kept for m in parts)
    assert all(f"VALUE({v}, " in kept for v in header.values(text))
    assert len(header.structures(text)) >= 10 and len(header.values(text)) > 30


@pytest.mark.parametrize("which", ["1.0", "today"])
def test_what_is_appended_to_a_structure_is_not_taken_for_there_in_an_older_one(which):
    """A member that fell into the padding at a structure's end would be within .size of those built before."""
    text = table() if which == "1.0" else header.layout(INCLUDE / "restante/plugin.h")
    sizes = {s: (int(a), int(b)) for s, a, b in re.findall(r"STRUCT\((\w+), (\d+), (\d+)\)", text)}
    ends = {}
    for s, *numbers in re.findall(r"MEMBER\((\w+), \w+, (\d+), (\d+), (\d+), (\d+)\)", text):
        at, n, at32, n32 = (int(x) for x in numbers)
        ends[s] = at + n, at32 + n32
    assert ends == sizes


# --- abidiff: what a table does not see, such as the arguments of calls


def library(folder, text, name):
    """Debug information of all types of the header, cut to 1.0: abidiff 2.2 cannot tell growth from other changes."""
    (folder / f"{name}.h").write_text(header.cut(text, (FROZEN / "restante/plugin.h").read_text()))
    structures, enumerations = header.structures(text), re.findall(r"^enum (\w+)", text, re.M)
    arguments = [f"struct {s} *" for s in structures] + [f"enum {e} " for e in enumerations]
    calls = "".join(f"void f{i}({a}v);\nvoid f{i}({a}v)\n{{ (void)v; }}\n" for i, a in enumerate(arguments))
    return build(folder, f'#include "{name}.h"\n' + calls, "-g", name=name, defs=[])


def abidiff(folder, old, new):
    texts = ((include / "restante/plugin.h").read_text() for include in (old, new))
    libraries = (library(folder, text, name) for text, name in zip(texts, ("old", "new")))
    run = subprocess.run(["abidiff", *libraries], capture_output=True, text=True)
    assert run.returncode & 3 == 0, run.stderr  # it could be compared at all
    return run


needs_abidiff = pytest.mark.skipif(not shutil.which("abidiff"), reason="needs abidiff (abigail-tools)")


@needs_abidiff
@pytest.mark.parametrize("which", ["today", "future"])
def test_abidiff_finds_nothing_but_growth(tmp_path, future, which):
    run = abidiff(tmp_path, FROZEN, INCLUDE if which == "today" else future)
    assert run.returncode == 0, run.stdout


@needs_abidiff
@pytest.mark.parametrize(
    "change",
    [
        ("int (*remove)(void *st, const uint64_t *keys, size_t n);", "int (*remove)(void *st, const uint32_t *keys, size_t n);"),
        ("uint32_t uid, gid;", "int32_t uid, gid;"),
        ("void (*close)(void *st);", "int (*close)(void *st);"),
        ("uint64_t key;", "uint32_t key; uint32_t odd;"),
        ("RESTANTE_FULL = -7", "RESTANTE_FULL = -8"),
    ],
    ids=["argument", "sign", "result", "split", "value"],
)
def test_abidiff_sees_a_change_of(tmp_path, change):
    assert abidiff(tmp_path, INCLUDE, headers(tmp_path / "changed", change=change)).returncode != 0


# --- plugins of 1.0, of today, of a later version


@pytest.fixture(scope="module")
def plugins(folder, future):
    """{version: the folder with its plugins}"""
    made = {}
    for version, include, flags in ("1.0", FROZEN, []), ("today", INCLUDE, []), ("future", future, ["-DLATER"]):
        made[version] = folder / f"plugins-{version}"
        made[version].mkdir()
        for source in "storage_broken.c", "auth_broken.c":
            build(made[version], source, *flags, include=include)
    return made


VERSIONS = ["1.0", "today", "future"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_storage_built_from_the_header_of_that_version_passes(plugins, version):
    passed, failed, said = try_it(plugins[version] / "storage-broken.so")
    assert failed == set(), said
    assert {"many", "later", "content"} <= passed


@pytest.mark.parametrize("version", VERSIONS)
def test_an_auth_plugin_built_from_the_header_of_that_version_passes(plugins, version):
    passed, failed, said = try_it(plugins[version] / "auth-broken.so", *JOE)
    assert failed == set(), said
    assert {"auth-right", "auth-later"} <= passed


@pytest.mark.parametrize("version", VERSIONS)
def test_the_server_serves_mail_through_a_storage_of_that_version(folder, plugins, version):
    place = folder / f"server-{version}"
    place.mkdir()
    settings = {"storage": "broken", "storage_broken": {"path": "~/mail"}}
    with Server(place, plugin_path=[plugins[version], BUILD / ".libs"], **settings) as server:
        ann = server.user("ann")
        run = subprocess.run(
            [BUILD / "restante-deliver", "-c", server.conf, "-d", "ann"],
            input=b"Subject: one\n\n.Hello\n",
            capture_output=True,
        )
        assert run.returncode == 0, run.stderr
        with server.login(ann) as client:
            assert client.stat()[0] == 1
            assert client.retr(1).endswith(b"Subject: one\r\n\r\n.Hello\r\n")
            client.ok("DELE 1")
            client.ok("QUIT")
        with server.login(ann) as client:
            assert client.stat()[0] == 0
            client.ok("QUIT")


# --- symbols


def symbols(path, *options):
    run = subprocess.run(["nm", *options, path], capture_output=True, text=True, check=True)
    return {line.split()[-1].split("@")[0] for line in run.stdout.splitlines() if len(line.split()) >= 2}


OURS = sorted(p for p in (BUILD / ".libs").glob("*.so") if p.name.startswith(("storage-", "auth-")))


@pytest.mark.skipif(SANITIZED, reason="a sanitizer puts symbols of its own into a plugin")
@pytest.mark.parametrize("plugin", OURS, ids=lambda p: p.stem)
def test_a_plugin_exports_its_entry_alone_and_wants_nothing_of_the_core(plugin):
    core = set().union(*(symbols(a, "--defined-only", "-g") for a in BUILD.glob("core/*/*.a")))
    assert {"host_open", "log_line"} <= core
    undefined = symbols(plugin, "-D", "--undefined-only") & core
    if plugin.stem == "storage-unresolved":
        assert symbols(plugin, "-D", "--undefined-only") >= {"nobody_has_this"}
    else:
        entry = plugin.stem.replace("-", "_") + "_LTX_restante_plugin_v1"
        assert symbols(plugin, "-D", "--defined-only") == {entry}
    assert undefined == set()


def test_two_plugins_that_define_the_same_symbols_do_not_meet(folder):
    """And neither meets the core, which has some of them too."""
    place = folder / "twins"
    place.mkdir()
    for twin in "storage-one", "storage-two":
        source = (HERE / "twin.c").read_text().replace("storage_twin", twin.replace("-", "_"))
        build(place, source.replace("storage-twin", twin), name=twin, defs=["-Wl,-z,defs"])
        assert {"name", "whose", "die", "mem_alloc"} <= symbols(place / f"{twin}.so", "-D", "--defined-only")
    (folder / "twins-server").mkdir()
    settings = {"storage": "one", "storage_one": {}, "storage_two": {}}
    with Server(folder / "twins-server", plugin_path=[place, BUILD / ".libs"], **settings) as server:
        for user, storage in (server.user("one"), "one"), (server.user("two", extra="storage=two"), "two"):
            with server.login(user) as client:
                assert client.uids() == {1: f"storage-{storage}"}
                assert client.retr(1) == f"storage-{storage}\r\n".encode()
                client.ok("QUIT")
