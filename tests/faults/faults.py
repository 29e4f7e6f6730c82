"""What the fault tests of storage plugins share: a step of storage-step, disturbed at each of its system calls in turn
by strace's injection: killed there, or told that the call failed.
"""

import collections
import os
import pathlib
import re
import subprocess

BUILD = pathlib.Path(os.environ.get("RESTANTE_BUILD", pathlib.Path(__file__).parents[2] / "build")).resolve()
STEP = BUILD / "storage-step"
FAULTS = ["signal=SIGKILL", "error=EIO", "error=ENOSPC"]
KILLED = -9
NO_ERRORS = {"brk", "exit_group"}  # they return none
if "#define SANITIZED 1" in (BUILD / "config.h").read_text():
    NO_ERRORS |= {"mmap", "munmap", "mprotect", "madvise"}  # a sanitizer cannot do without
# A full disk disturbs nothing else.
NEED_ROOM = {"openat", "write", "pwrite64", "fsync", "fdatasync", "renameat", "rename", "link", "mkdirat"}
NEED_ROOM |= {"copy_file_range", "fsetxattr"}


def strace_works():
    try:
        return subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True).returncode == 0
    except OSError:
        return False


def run(plugin, path, *words, tracer=()):
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}  # it cannot look for them while traced
    return subprocess.run([*tracer, STEP, plugin, path, *words], capture_output=True, text=True, env=environment)


def points(mailbox, *step):
    """The system calls of an undisturbed step from its first look at the mailbox, as (name, how many-th)."""
    trace = mailbox.path.parent / "trace"
    done = mailbox.run(*step, tracer=["strace", "-qq", "-o", trace])
    assert done.returncode == 0, done.stderr
    found, count, begun = [], collections.Counter(), False
    for line in trace.read_text().splitlines():
        if not (call := re.match(r"(\w+)\(", line)):
            continue
        count[call[1]] += 1
        begun = begun or (call[1] == "openat" and f'"{mailbox.opens}"' in line)
        if begun:
            found.append((call[1], count[call[1]]))
    assert len(found) > 5
    return found


def disturbed(make, fault, *step, must_sync=True):
    """Does the step once for each of its system calls, disturbed there. Yields mailbox, result, place.

    What was not synced is not done, whatever the plugin does about it, except where only a cache was to be synced.
    """
    for call, when in points(make(), *step):
        if fault.startswith("error") and call in NO_ERRORS or fault == "error=ENOSPC" and call not in NEED_ROOM:
            continue
        mailbox = make()
        inject = f"inject={call}:{fault}:when={when}"
        tracer = ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject]
        done = mailbox.run(*step, tracer=tracer)
        if fault == "signal=SIGKILL":
            assert done.returncode == KILLED, (call, when)
        assert done.returncode == KILLED or done.returncode == 0 or 10 < done.returncode < 20, (call, when, done)
        assert call != "fsync" or not must_sync or done.returncode != 0, "an error of fsync() is not passed on"
        yield mailbox, done, f"{call} #{when}: {done.returncode} {done.stderr}"
