"""The files of pins that meet in one environment do not contradict each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import speeds

CONSTRAINTS = Path(__file__).resolve().parents[1] / "constraints"
VERSIONS = sorted((path.stem[2:] for path in CONSTRAINTS.glob("py3.*.txt")), key=lambda text: int(text[2:]))
INCOMPLETE = {row["python"] for row in speeds.TABLE["no_wheel"]}
NEWEST = [version for version in VERSIONS if version not in INCOMPLETE][-1]


def pins(name, python):
    """Return the versions that a file pins for a Python, by the packages' names."""
    lines = (CONSTRAINTS / name).read_text(encoding="utf-8").splitlines()
    wanted = [Requirement(line) for line in lines if line and not line.startswith("#")]
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    return {
        canonicalize_name(pin.name): str(pin.specifier)
        for pin in wanted
        if pin.marker is None or pin.marker.evaluate(environment)
    }


def contradictions(one, other, python):
    """Return what two files pin differently for a Python."""
    first, second = pins(one, python), pins(other, python)
    return {name: (first[name], second[name]) for name in first.keys() & second.keys() if first[name] != second[name]}


@pytest.mark.parametrize("python", VERSIONS)
def test_the_tools_can_stand_beside_the_tests_libraries(python):
    """`make dev` puts nox, uv and pre-commit into the environment that has the tests' libraries."""
    assert contradictions("tools.txt", f"py{python}.txt", python) == {}
    assert contradictions("dev.txt", f"py{python}.txt", python) == {}
    assert contradictions("dev.txt", "tools.txt", python) == {}


def test_types_are_checked_against_the_libraries_of_the_newest_python():
    """So mypy says in the environment of `make dev` what it says in `make lint`."""
    assert contradictions("lint.txt", f"py{NEWEST}.txt", NEWEST) == {}


def test_what_has_no_wheel_is_looked_at_again_with_each_new_version():
    """A row of tests/speeds.toml is about the version that the newest complete Python has, and is pinned nowhere beside."""
    for row in speeds.TABLE["no_wheel"]:
        assert pins(f"py{NEWEST}.txt", NEWEST)[row["library"]] == f"=={row['version']}"
        assert row["library"] not in pins(f"py{row['python']}.txt", row["python"])
    for python in INCOMPLETE:
        assert contradictions(f"py{python}.txt", f"py{NEWEST}.txt", python) == {}


def test_the_checkers_have_one_pin():
    """ruff and mypy are pinned for `make lint`, and nowhere else."""
    for name in ("ruff", "mypy"):
        assert [path.name for path in CONSTRAINTS.glob("*.txt") if name in pins(path.name, VERSIONS[-1])] == [
            "lint.txt"
        ]
