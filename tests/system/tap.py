"""Runs the tests of one file and prints TAP for make check: python3 tap.py tests/system/test_x.py"""

import os
import sys

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


os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
sys.exit(pytest.main(["-p", "no:terminal", "-p", "no:cacheprovider", *sys.argv[1:]], plugins=[Tap()]))
