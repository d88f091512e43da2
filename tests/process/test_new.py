"""`make new` writes an instrumentor that fits into the tree, and fails only where its author has something to write."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest

from makefile import CHECKOUT

pytestmark = pytest.mark.process
NEW = CHECKOUT / ".ci" / "new.py"
FAMILIES = sorted(file.name[len("test_") : -len(".py.txt")] for file in NEW.parent.glob("templates/test_*.py.txt"))
NAME, VERSION = "h11", "0.13.0"  # a library that is there without being anybody's requirement in tests/requirements.txt


@pytest.fixture
def tree(tmp_path):
    """A copy of the checkout, as far as tests need it; what is imported of it is the copy's."""
    for name in ("autotrace", "instrumentors", "tests"):
        shutil.copytree(CHECKOUT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    (tmp_path / "autotrace" / "instrumentors").symlink_to(tmp_path / "instrumentors")
    return tmp_path


def new(tree, *arguments):
    """Run what is beneath `make new`."""
    command = [sys.executable, NEW, *arguments, "--tree", tree]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def ran(tree, *tests):
    """Run tests of a tree; returns what pytest printed."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AUTOTRACE_", "PYTEST_"))}
    environ.update(PYTHONPATH=str(tree), PYTHONDONTWRITEBYTECODE="1")
    command = [sys.executable, "-m", "pytest", "-c", tree / "pyproject.toml", "--rootdir", tree, "-q", "--tb=line"]
    command += [tree / "tests" / test for test in tests]
    done = subprocess.run(command, cwd=tree, env=environ, capture_output=True, text=True, check=False, timeout=120)
    return done.stdout + done.stderr


@pytest.mark.parametrize("family", FAMILIES)
def test_a_new_instrumentor_fails_only_where_its_author_has_to_write(tree, family):
    """The places to patch do not exist, and the library is not called yet; nothing else is wrong, in any family."""
    done = new(tree, NAME, family, "--version", VERSION)
    assert done.returncode == 0, done.stderr
    printed = ran(tree, f"instrumentors/test_{NAME}.py")
    said = re.findall(r"^E? *(?:/\S+:\d+: )?([\w.]+(?:Error|Exception)\b.*)$", printed, re.MULTILINE)
    (counted,) = re.findall(
        r"^(?:(\d+) failed)?(?:, )?(?:\d+ passed)?(?:, )?(?:\d+ skipped)?(?:, )?(?:(\d+) errors?)? in ",
        printed,
        re.MULTILINE,
    )
    assert sum(int(number or 0) for number in counted) > 0, printed
    assert said, printed
    wanted = (
        f"autotrace.patching.apply.CannotPatchError: {NAME}:",
        f"AttributeError: module '{NAME}' has no attribute",
        "NotImplementedError: ",
    )
    assert [line for line in said if not line.startswith(wanted)] == [], printed


def test_a_new_instrumentor_keeps_the_rules_of_the_house(tree):
    """Its row stands where the alphabet has it, its file may be what an instrumentor may be, its pins contradict nobody's."""
    before = (tree / "tests" / "constraints" / "py3.9.txt").read_text().splitlines()
    assert new(tree, "acme", "http_client", "--distribution", "Acme-Client", "--version", "1.2.3").returncode == 0
    after = (tree / "tests" / "constraints" / "py3.9.txt").read_text().splitlines()
    assert [line for line in after if line not in before] == ["Acme-Client==1.2.3"]
    assert after[1] == "Acme-Client==1.2.3"
    row = '    ("acme", "Acme-Client>=1.2", "HTTP client", ("acme", "http_client", "acme", ".acme")),\n'
    assert row in (tree / "autotrace" / "patching" / "catalog.py").read_text()
    assert "Acme-Client\n" in (tree / "tests" / "requirements.txt").read_text()
    rules = ("unit/patching/test_catalog.py", "architecture/test_rooms.py", "architecture/test_constraints.py")
    assert re.search(r"^\d+ passed", ran(tree, *rules), re.MULTILINE)


def test_what_is_there_is_not_written_over(tree):
    """Neither an instrumentor nor a row; nothing is written then."""
    before = {file: file.read_bytes() for file in tree.rglob("*") if file.is_file()}
    assert "instrumentors/flask.py is there already" in new(tree, "flask", "http_server", "--version", "3.1").stderr
    assert "aiohttp has a row in the catalog already" in new(tree, "aiohttp", "http_client", "--version", "3.14").stderr
    assert "not the name of a top-level module" in new(tree, "a.b", "http_client", "--version", "1").stderr
    assert {file: file.read_bytes() for file in tree.rglob("*") if file.is_file()} == before
