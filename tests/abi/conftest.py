"""A folder for each file of tests, which every user may enter, as plugins have to lie in one."""

import os
import pathlib
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "system"))

import restante  # noqa: E402


@pytest.fixture(scope="module")
def folder():
    path = tempfile.mkdtemp(prefix="restante-abi-")
    os.chmod(path, 0o755)
    yield pathlib.Path(path)
    restante.remove_tree(path)
