"""What docs/libraries.toml says of libraries is so: each is in the catalog, and its tests ask for what they run it against."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from autotrace.patching.catalog import LIBRARIES
from autotrace.patching.versions import matches, normalized, required
from pages import generator
from services.fixtures import NEEDS

TESTS = Path(__file__).resolve().parents[1]
FOLDERS = {
    "contracts": TESTS / "contracts",
    "autotrace.testing.contracts": TESTS.parent / "autotrace" / "testing" / "contracts",
}
GENERATOR = generator()
TRIED, THINGS = GENERATOR.TRIED["libraries"], GENERATOR.TRIED["things"]
PARTS = {library: [part[0] for part in parts] for library, _, _, *parts in LIBRARIES}
# Fixtures by which a test asks for something that stands in the table; the tools for counting are none.
ASKED = (NEEDS.keys() | {"origin"}) & THINGS.keys()


def files(library):
    """Return the files that test a library."""
    return [TESTS / name for name in TRIED[library].get("tests", [f"instrumentors/test_{library}.py"])]


@cache
def words(file):
    """Return the arguments of all functions of a file, its texts, and those of the contracts that it takes something from.

    A fixture is asked for by an argument, or by its name in a text; a class that is taken in brings those that it asks for.
    """
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    found |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)} | found
    for module in filter(None, modules):
        place, _, name = module.rpartition(".")
        taken = FOLDERS[place] / f"{name}.py" if place in FOLDERS else file
        if taken != file and taken.is_file():
            found |= words(taken)
    return found


def test_every_library_of_the_catalog_has_a_row_and_no_other():
    """In the order of the catalog, which is the alphabet's."""
    assert list(TRIED) == list(PARTS)
    for row in TRIED.values():
        assert row["captured"]
        assert row["against"]
    assert set(THINGS) == {thing for row in TRIED.values() for thing in row["against"]} & set(THINGS)


@pytest.mark.parametrize("library", TRIED)
def test_what_it_was_run_against_is_what_its_tests_ask_for(library):
    """Each service, and none that is not told; and its tests are about it."""
    asked = set().union(*map(words, files(library)))
    assert asked & ASKED == {thing for thing in TRIED[library]["against"] if thing in ASKED}
    assert [file for file in files(library) if re.search(rf"\b{library}", file.read_text(encoding="utf-8"))]


def test_every_version_that_is_tested_is_supported():
    """The page names the pins of the distributions that the catalog has, or that the row says."""
    pinned = GENERATOR.pins()
    for library, requires, _, *parts in LIBRARIES:
        ranges = dict(required(part[4]) for part in parts if len(part) > 4)
        ranges.update(
            [required(requires)] if requires else []
        )  # a part may want more of the library than the library does
        for distribution, versions in ranges.items():
            (name,) = TRIED[library].get("pinned", [distribution])
            for version in pinned[normalized(name)]:
                assert matches(version, versions), (name, version)
