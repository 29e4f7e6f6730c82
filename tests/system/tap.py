"""Runs the tests of one file and prints TAP for make check: python3 tap.py tests/system/test_x.py

Tests that run as root start programs of the build as other users too. Where those may not enter its folder, such as a
clone in root's home, the tests get a copy of the build in a folder where they may.
"""

import atexit
import os
import pathlib
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True  # the source folder may be read-only

import pytest  # noqa: E402


class Tap:
    def __init__(self):
        self.count, self.state = 0, {}

    def pytest_addoption(self, parser):
        """pytest asks for this one of its terminal's options when it explains what an assertion compared."""
        parser.addoption("--verbose", type=int, default=0)

    def say(self, line):
        print(line, flush=True)

    def pytest_collection_finish(self, session):
        self.say(f"1..{len(session.items)}")

    def pytest_collectreport(self, report):
        if report.failed:
            self.comment(report.longreprtext)
            self.say(f"Bail out! {report.nodeid} cannot be collected")

    def pytest_runtest_logreport(self, report):
        state = self.state.setdefault(report.nodeid, {"skip": "", "failed": False})
        if report.skipped:
            state["skip"] = " # SKIP " + report.longrepr[2].removeprefix("Skipped: ")
        if report.failed:
            state["failed"] = True
            self.comment(report.longreprtext)
            for title, text in report.sections:
                self.comment(f"--- {title}\n{text}")
        if report.when == "teardown":
            self.count += 1
            words = report.nodeid.split("::")[-1].removeprefix("test_").replace("_", " ").replace("#", "")
            self.say(f"{'not ' if state['failed'] else ''}ok {self.count} - {words}{state['skip']}")

    def comment(self, text):
        for line in text.splitlines():
            self.say("# " + line)


def is_open(folder):
    return all(path.stat().st_mode & 0o1 for path in (folder, *folder.parents))


def copy_programs(build):
    copy = pathlib.Path(tempfile.mkdtemp(prefix="restante-build-"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    copy.chmod(0o755)
    (copy / ".libs").mkdir()
    for path in [*build.iterdir(), *build.glob(".libs/*.so"), build / "config.h"]:
        if path.is_file() and (os.access(path, os.X_OK) or path.name == "config.h"):
            shutil.copy(path, copy / path.relative_to(build))
    return copy


build = pathlib.Path(os.environ.get("RESTANTE_BUILD", "build")).resolve()
if os.getuid() == 0 and build.is_dir() and not is_open(build):
    os.environ["RESTANTE_BUILD"] = str(copy_programs(build))
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
sys.exit(pytest.main(["-p", "no:terminal", "-p", "no:cacheprovider", *sys.argv[1:]], plugins=[Tap()]))
