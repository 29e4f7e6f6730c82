"""A third party writes a plugin: with the installed files alone, in a folder of its own, as the guide says it.

`make install` goes to a temporary folder once; what is compiled and run here sees nothing else of the project. Each
plugin passes restante-plugin-test, and a server that was installed serves a login with it.
"""

import os
import re
import shutil
import subprocess

import pytest
from restante import BUILD, ROOT, SANITIZED, SOURCE, children, free_port, wire

SECRET = "secret"
SHARED = (BUILD / ".libs/storage-maildir.so").exists()
pytestmark = [
    pytest.mark.skipif(SANITIZED, reason="a sanitizer's run-time breaks crypt_r() of a library that is loaded late"),
    pytest.mark.skipif(not SHARED, reason="plugins are not shared objects in this build"),
    pytest.mark.skipif(not ROOT and os.getuid() < 1000, reason="restanted lets uids below 1000 not log in"),
]
UID = 65534 if ROOT else os.getuid()  # who writes plugins: root's own mailbox would not be served
GID = 65534 if ROOT else os.getgid()


class Installed:
    """Files of a `make install`, moved to a folder: what refers to the old place is told of the new one."""

    def __init__(self, root):
        self.root = root
        env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        subprocess.run(
            ["make", "-s", "-C", BUILD, "install", f"DESTDIR={root}"], check=True, capture_output=True, env=env
        )
        pc = self.one("restante.pc")
        pc.write_text(re.sub(r"^(\w+=)/", rf"\1{root}/", pc.read_text(), flags=re.M))
        sbin = self.one("restanted").parent
        for program in self.one("restante-session").parent.iterdir():  # it looks beside itself first
            (sbin / program.name).symlink_to(program)
        self.env = {
            "PATH": f"{self.one('restante-plugin-test').parent}:{sbin}:/usr/bin:/bin:{os.environ['PATH']}",
            "PKG_CONFIG_PATH": str(pc.parent),
            "ACLOCAL_PATH": str(self.one("restante-plugin.m4").parent),
            "LC_ALL": "C.UTF-8",
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""),
            "TMPDIR": "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp",
        }
        self.plugins, self.examples = self.one("storage-maildir.so").parent, self.one("PLUGINS").parent / "examples"

    def one(self, name):
        (path,) = (p for p in self.root.rglob(name) if not p.is_symlink())
        return path


@pytest.fixture(scope="module")
def installed(folder):
    return Installed(folder / "installed")


class Desk:
    """An empty folder, and a shell in it that knows what is installed."""

    def __init__(self, installed, folder):
        self.installed, self.folder, self.port = installed, folder, free_port()
        folder.mkdir()
        if ROOT:
            os.chown(folder, UID, GID)
        self.env = {**installed.env, "HOME": str(folder), "PORT": str(self.port)}

    def run(self, script, root=False, timeout=300):
        """Runs it as a user would, and stops at the first command that fails."""
        who = {"user": UID, "group": GID, "extra_groups": []} if ROOT and not root else {}
        done = subprocess.run(
            ["/bin/sh", "-e", "-c", "umask 022\n" + script],
            cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=timeout, **who,
        )
        assert done.returncode == 0, f"{script}\n--- status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def need(self, program):
        """Skips the test where that user cannot run it."""
        try:
            self.run(f"{program} --version")
        except AssertionError:
            pytest.skip(f"{program} is not installed, or uid {UID} cannot run it")

    def test(self, plugin, *words):
        """restante-plugin-test: every case passes, and some were run."""
        out = self.run(" ".join(["restante-plugin-test", plugin, *map(str, words)]))
        assert len(re.findall(r"^ok \d+", out, re.M)) > 10 and "not ok" not in out, out
        return out

    def serve(self, plugins, lines, then):
        """What the shell says while a server runs with these lines in its configuration."""
        path = ", ".join(f'"{p}"' for p in [*plugins, self.installed.plugins])
        (self.folder / "restante.conf").write_text(
            f'listen = {{ "127.0.0.1:{self.port}" }}\nplaintext_auth = "loopback"\n'
            f'runtime_dir = "{self.folder}/run"\nplugin_path = {{ {path} }}\n{lines}'
        )
        self.run("mkdir -p run; restanted -c restante.conf")
        try:
            return self.run(then)
        finally:
            self.run("restantectl -c restante.conf stop")


@pytest.fixture
def desk(installed, folder, name):
    desk = Desk(installed, folder / name)
    yield desk
    if (desk.folder / "restante.conf").exists() or list(desk.folder.glob("*/restante.conf")):
        left = [p for p in children(os.getpid()) if p.name.startswith("restante")]
        assert not left, "a server is left"


def users(desk, user="ann"):
    (desk.folder / "users").write_text(f"{user}:{{PLAIN}}{SECRET}:{UID}:{GID}::{desk.folder}:\n")
    return f'auth = {{ "passwd-file" }}\nauth-passwd-file {{ path = "{desk.folder}/users" }}\n'


def fetch(desk, number=1, user="ann"):
    return f"curl --silent --show-error --user {user}:{SECRET} pop3://127.0.0.1:{desk.port}/{number}"


def blocks(language):
    """What stands between fences in the guide."""
    guide = (SOURCE / "include/restante/PLUGINS").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", guide, re.M | re.S)


# --- the guide


def test_the_guide_word_for_word(desk):
    """Every command of it, in its order, in one shell."""
    assert desk.installed.one("PLUGINS").read_text() == (SOURCE / "include/restante/PLUGINS").read_text()
    script = "".join(blocks("sh"))
    for command in ("cc $(pkg-config --cflags restante)", "restante-plugin-test", "restanted -t", "curl"):
        assert command in script
    out = desk.run(script)
    assert "Subject: Hello\n\nGood day, ann!\n" in out
    assert 'greeting (text 1..64, default "Hello", may be set per user)\n        how users are greeted' in out
    assert "not ok" not in out


def test_a_configuration_that_is_wrong_is_explained(desk):
    """The guide: "try it with a greeting of 65 letters"."""
    desk.run(blocks("sh")[0])
    (desk.folder / "my/restante.conf").write_text(
        users(desk) + f'plugin_path = {{ "{desk.folder}/my", "{desk.installed.plugins}" }}\nstorage = "my"\n'
        f"storage-my {{\n\tgreeting = {'x' * 65}\n}}\n"
    )
    out = desk.run("restanted -t -c my/restante.conf 2>&1 || true")
    assert re.search(r"my/restante.conf:6: .*greeting.*expected a text of 1..64 octets", out), out


# --- the examples


@pytest.fixture
def copied(desk):
    shutil.copytree(desk.installed.examples, desk.folder / "example")
    if ROOT:
        for path in [desk.folder / "example", *(desk.folder / "example").iterdir()]:
            os.chown(path, UID, GID)
    return desk


def letters(desk):
    folder = desk.folder / "notices"
    folder.mkdir()
    samples = sorted((SOURCE / "tests/samples").glob("*.eml"))
    for i, sample in enumerate(samples):
        shutil.copy(sample, folder)
        os.utime(folder / sample.name, (i, i))
    (folder / "no letter.eml").write_bytes(b"a space is not of a UIDL\n")
    (folder / "folder.eml").mkdir()
    os.mkfifo(folder / "fifo.eml")
    return folder, samples


def serves_letters_to_joe(desk, plugins):
    """Both examples at work: a user from a file of one line, a folder of .eml files."""
    notices, samples = letters(desk)
    one = (desk.folder / "example/one").read_text().split(":")
    (desk.folder / "joe").write_text(":".join([*one[:2], str(UID), str(GID), "", str(desk.folder)]) + "\n")
    desk.test(f"{plugins}/storage-eml.so", f"path={notices}")
    desk.test(f"{plugins}/auth-one.so", f"path={desk.folder}/joe", "user=joe", f"password={SECRET}")
    lines = (
        f'storage = "eml"\nstorage-eml {{ path = "{notices}" }}\n'
        f'auth = {{ "one" }}\nauth-one {{ path = "{desk.folder}/joe" }}\n'
    )
    script = "".join(
        f"{fetch(desk, i, 'joe')} >got.{i}\n" for i in range(1, len(samples) + 1)
    ) + f"! {fetch(desk, len(samples) + 1, 'joe')}\n! {fetch(desk, 1, 'ann')}\n{fetch(desk, '', 'joe')} -X UIDL"
    out = desk.serve([plugins], lines, script)
    for i, sample in enumerate(samples, 1):
        assert (desk.folder / f"got.{i}").read_bytes() == wire(sample.read_bytes()), sample.name
    assert re.findall(r"^\d+ (.*?)\r?$", out, re.M) == [p.stem for p in samples]


def test_the_examples_by_make_alone(copied):
    copied.run("make -f plain.mk -C example && make -f plain.mk -C example check")
    copied.run("make -f plain.mk -C example install plugindir=$HOME/plugins")
    assert {p.name for p in (copied.folder / "plugins").iterdir()} == {"storage-eml.so", "auth-one.so"}
    serves_letters_to_joe(copied, copied.folder / "plugins")


def test_the_examples_by_RESTANTE_PLUGIN_INIT(copied):
    for program in ("autoreconf", "libtoolize"):
        copied.need(program)
    copied.run(
        "cd example && autoreconf -i && ./configure -q --with-plugindir=$HOME/plugins && make -s && make -s check"
        " && make -s install"
    )
    flags = (copied.folder / "example/Makefile").read_text()
    for flag in ("-module", "-avoid-version", "-shared", "-Wl,-z,defs", "-Wl,-z,now", "-fvisibility=hidden"):
        assert flag in re.search(r"^RESTANTE_(?:C|LD)FLAGS = .*$\n(?:.*\n)*?^RESTANTE_LDFLAGS = .*$", flags, re.M)[0]
    assert {p.name for p in (copied.folder / "plugins").iterdir()} == {"storage-eml.so", "auth-one.so"}
    serves_letters_to_joe(copied, copied.folder / "plugins")


def test_plugins_go_where_the_server_looks(copied):
    """plugindir of restante.pc is the installed server's plugin_path."""
    out = copied.run("pkg-config --variable=plugindir restante; pkg-config --variable=interface restante")
    assert out.split() == [str(copied.installed.plugins), "1"]


def test_one_user_has_no_other_name_and_no_other_password(copied):
    """What curl says of a refusal: 67."""
    copied.run("make -s -f plain.mk -C example")
    (copied.folder / "mail").mkdir()
    line = (copied.folder / "example/one").read_text().replace(":1001:1001:", f":{UID}:{GID}:")
    (copied.folder / "joe").write_text(line)
    lines = f'storage = "eml"\nstorage-eml {{ path = "{copied.folder}/mail" }}\nauth = {{ "one" }}\n'
    lines += f'auth-one {{ path = "{copied.folder}/joe" }}\nauth_failure_delay = 0\n'
    url = f"pop3://127.0.0.1:{copied.port}/"
    script = "".join(
        f"curl -s --user {who} {url} && echo in; echo $?\n" for who in ("joe:secret", "joe:Secret", "joe:", "jo:secret")
    )
    assert copied.serve([copied.folder / "example"], lines, "set +e\n" + script).split() == ["in", "0", "67", "67", "67"]


# --- other languages


def serves_a_greeting(desk, language):
    desk.test(f"./storage-{language}.so")
    lines = users(desk) + f'storage = "{language}"\nstorage-{language} {{ greeting = "Good day" }}\n'
    out = desk.serve([desk.folder], lines, fetch(desk))
    assert out == "Subject: Welcome\n\nGood day, ann!\n"
    symbols = desk.run(f"nm -D --defined-only storage-{language}.so | grep _LTX_")
    assert symbols.split()[-1] == f"storage_{language}_LTX_restante_plugin_v1"


def test_a_storage_in_cpp_by_the_guides_commands(copied):
    copied.need("c++")
    (script,) = blocks("cpp")
    assert "not ok" not in copied.run(script)
    for std in ("c++11", "c++14", "c++20"):
        copied.run(
            f"c++ -std={std} -Wall -Wextra -Wpedantic -Werror $(pkg-config --cflags restante) -shared -fPIC"
            " -fvisibility=hidden -Wl,-z,defs storage-cpp.cc -o storage-cpp.so"
        )
    serves_a_greeting(copied, "cpp")


def test_a_storage_in_rust_by_the_guides_commands(copied):
    copied.need("rustc")
    (script,) = blocks("rust")
    out = copied.run(script)
    assert "not ok" not in out
    serves_a_greeting(copied, "rust")
