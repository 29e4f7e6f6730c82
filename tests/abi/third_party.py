"""Plugins as a third party builds them: from one source, with cc and the header, in a folder of the test's own."""

import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "system"))

from restante import BUILD, SANITIZED, SOURCE, Server, eventually  # noqa: E402, F401

INCLUDE = SOURCE / "include"
KIT = BUILD / "restante-plugin-test"
FLAGS = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-Wl,-z,now"]
DEFS = ["-fvisibility=hidden", "-Wl,-z,defs"]
if SANITIZED:  # a sanitizer's run-time must come first, and is not in what cc makes
    os.environ["ASAN_OPTIONS"] = "detect_leaks=0:verify_asan_link_order=0"


def build(folder, source, *flags, include=INCLUDE, name=None, defs=DEFS):
    """folder/storage-x.so from storage_x.c of tests/abi, or from C text with a name."""
    if name:
        (folder / f"{name}.c").write_text(source)
        source = folder / f"{name}.c"
    else:
        source = HERE / source
    plugin = folder / (source.stem.replace("_", "-") + ".so")
    run = subprocess.run(
        ["cc", *FLAGS, *defs, f"-I{include}", "-o", plugin, source, *flags], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return plugin


def try_it(plugin, *arguments):
    """restante-plugin-test: (the names of the cases that passed, of those that failed, all that was said)."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"
    run = subprocess.run(
        [KIT, "--messages", "130", plugin, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "TMPDIR": os.environ.get("TMPDIR", memory)},
    )
    found = re.findall(r"^(not ok|ok) \d+ - ([a-z-]+)(.*)", run.stdout, re.M)
    passed = {name for word, name, more in found if word == "ok" and "# SKIP" not in more}
    failed = {name for word, name, _ in found if word == "not ok"}
    assert found, run.stdout + run.stderr
    return passed, failed, run.stdout
