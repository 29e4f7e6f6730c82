"""restante-plugin-test finds what is broken: each plugin here breaks one promise, and exactly the case that is about
that promise fails. The plugins are storage_broken.c and auth_broken.c; the names of their faults are the cases', with
another word behind where a case is about several promises.
"""

import functools
import re
import subprocess

import pytest
from third_party import HERE, KIT, SANITIZED, build, try_it

# Sanitizers have an allocator of their own, whose counts are none.
WITHOUT_MALLOC = "mem-leak", "auth-leaks-memory"
# What no plugin is needed for, or what cannot be had by a setting: tested below.
OTHERS = {"file", "entry", "settings"}


def faults(source):
    text = (HERE / source).read_text()
    found = set(re.findall(r'\bis\(\w+, "([a-z-]+)"\)', text))
    found |= set(re.findall(r'"fault"\), "([a-z-]+)"\)', text)) | set(re.findall(r', "(io-[a-z]+)"\)', text))
    return sorted(found)


@functools.cache
def cases():
    lines = subprocess.run([KIT, "--list"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line.split()[0] for line in lines]


def case_of(fault):
    return max((case for case in cases() if fault == case or fault.startswith(case + "-")), key=len)


@pytest.fixture(scope="module")
def storage(folder):
    return build(folder, "storage_broken.c")


@pytest.fixture(scope="module")
def auth(folder):
    return build(folder, "auth_broken.c")


JOE = "user=joe", "password=secret", "token=t.o.k"


def test_without_a_fault_the_storage_passes(storage):
    assert try_it(storage)[1] == set()


def test_without_a_fault_the_auth_plugin_passes(auth):
    assert try_it(auth, *JOE)[1] == set()


@pytest.mark.parametrize("fault", faults("storage_broken.c"))
def test_a_storage_fails_the_case_that_it_breaks(storage, fault):
    expect_one(storage, fault)


@pytest.mark.parametrize("fault", faults("auth_broken.c"))
def test_an_auth_plugin_fails_the_case_that_it_breaks(auth, fault):
    expect_one(auth, fault, *JOE)


def expect_one(plugin, fault, *arguments):
    if fault in WITHOUT_MALLOC and SANITIZED:
        pytest.skip("a sanitizer's allocator does not tell how much it has given out")
    # Elsewhere a few system calls are enough to see that nothing else is broken.
    points = "60" if fault.startswith(("kill-", "io-")) else "1"
    _, failed, said = try_it(plugin, "--points", points, f"fault={fault}", *arguments)
    if re.search(rf"^ok \d+ - {case_of(fault)} # SKIP this build", said, re.M):
        pytest.skip("this build has no system call filters")
    assert failed == {case_of(fault)}, re.sub(r"^ok.*\n", "", said, flags=re.M)


def test_a_plugin_that_others_may_write_fails_the_case_file(folder):
    (folder / "writable").mkdir()
    plugin = build(folder / "writable", "storage_broken.c")
    plugin.chmod(0o666)
    assert try_it(plugin)[1] == {"file"}


@pytest.mark.parametrize("what", ["entry", "settings"])
def test_a_descriptor_that_is_not_in_order_fails_its_case(folder, what):
    (folder / what).mkdir()
    assert try_it(build(folder / what, "storage_broken.c", f"-DBROKEN_{what.upper()}"))[1] == {what}


def test_every_case_is_broken_by_some_plugin():
    broken = {case_of(fault) for fault in faults("storage_broken.c") + faults("auth_broken.c")}
    assert set(cases()) - OTHERS == broken
