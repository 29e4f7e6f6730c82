"""One server for each file of tests: `server` with the usual settings, or what the file's own fixture starts."""

import os
import pathlib
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import restante  # noqa: E402


@pytest.fixture(scope="module")
def folder():
    """A folder that every user may enter; root's own temporary ones are closed to others."""
    path = tempfile.mkdtemp(prefix="restante-test-")
    os.chmod(path, 0o755)
    yield pathlib.Path(path)
    restante.remove_tree(path)


@pytest.fixture(scope="module")
def server(folder, request):
    """SETTINGS of the file are added to the configuration."""
    with restante.Server(folder, **getattr(request.module, "SETTINGS", {})) as running:
        yield running


@pytest.fixture
def name(request):
    """A user name that no other test has."""
    name.count = getattr(name, "count", 0) + 1
    return f"user{name.count}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of the server's log."""
    report = (yield).get_result()
    server = getattr(item, "funcargs", {}).get("server")
    if report.failed and server:
        report.sections.append(("log of the server", "\n".join(server.log().splitlines()[-25:])))
