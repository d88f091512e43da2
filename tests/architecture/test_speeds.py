"""The table of what runs where speaks of every file of tests, and of nothing that is not there."""

from __future__ import annotations

import pytest

import speeds

FILES = sorted(speeds.HERE.rglob("test_*.py"))


def test_every_file_runs_somewhere_by_a_row():
    """A new folder has to be put into the table."""
    assert FILES
    for path in FILES:
        assert speeds.row(path)
        assert speeds.runs(path, "nightly")
    with pytest.raises(KeyError, match="elsewhere"):
        speeds.row(speeds.HERE / "elsewhere" / "test_new.py")


def test_every_row_rules_over_a_file():
    """A row that outlived its file is taken out."""
    assert {speeds.row(path) for path in FILES} == {row for row in speeds.TABLE["runs"] if "::" not in row}


def test_every_row_of_tests_rules_over_one(pytestconfig):
    """Its file is there, and has such a test where it was collected in this run."""
    rows = [row.partition("::") for row in speeds.TABLE["runs"] if "::" in row]
    assert [place for place, _, _ in rows if not (speeds.HERE / place).is_file()] == []
    collected = pytestconfig.stash[speeds.COLLECTED]
    for place, _, word in rows:
        tests = collected.get(speeds.HERE / place, [word])
        assert any(word in test for test in tests), f"{place} has no test {word}"


def test_a_row_names_columns():
    """What runs on the other Pythons runs on the newest, too, and what a check has a test has."""
    allowed = ([], ["newest"], ["check", "newest"], ["newest", "others"], ["check", "newest", "others"])
    assert [columns for columns in speeds.TABLE["runs"].values() if columns not in allowed] == []
    kinds = speeds.TABLE["kinds"].values()
    assert [kind for kind in kinds if not set(kind["not"]) <= {"check", "newest", "others"}] == []


def test_the_longest_row_rules():
    """A file may run elsewhere than its folder, and a test elsewhere than its file."""
    assert speeds.row(speeds.HERE / "process" / "test_start.py") == "process/test_start.py"
    assert speeds.row(speeds.HERE / "process" / "test_sinks.py") == "process"
    assert speeds.row(speeds.HERE / "unit" / "cli" / "test_show.py") == "unit/cli"


def test_the_row_of_a_test_rules_over_it_and_no_other(monkeypatch):
    """A word in its name chooses it; of two words the longer one."""
    rows = {"process": ["newest"], "process/test_start.py::slow": [], "process/test_start.py::slow[one]": ["newest"]}
    monkeypatch.setitem(speeds.TABLE, "runs", rows)
    start, sinks = speeds.HERE / "process" / "test_start.py", speeds.HERE / "process" / "test_sinks.py"
    asked = (
        (start, ""),
        (start, "test_quick"),
        (start, "test_slow[two]"),
        (start, "test_slow[one]"),
        (sinks, "test_slow"),
    )
    assert [speeds.runs(path, "newest", test) for path, test in asked] == [True, True, False, True, True]
    assert all(speeds.runs(path, "nightly", test) for path, test in asked)


def test_tests_of_what_has_no_wheel_are_skipped_by_its_name_and_version(monkeypatch):
    """Whole files, or the tests that have its name in theirs, and on that Python only."""
    row = {
        "python": "3.15",
        "library": "lib",
        "version": "1.2",
        "tests": ["instrumentors/test_flask.py", "process::lib"],
    }
    monkeypatch.setitem(speeds.TABLE, "no_wheel", [row])
    flask, start = speeds.HERE / "instrumentors" / "test_flask.py", speeds.HERE / "process" / "test_start.py"
    asked = ((flask, None), (flask, "test_lib"), (start, None), (start, "test_lib[lib]"), (start, "test_it[other]"))
    monkeypatch.setattr(speeds, "PYTHON", "3.15")
    why = "lib 1.2 has no wheel for Python 3.15"
    assert [speeds.missing(*one) for one in asked] == [why, "", "", why, ""]
    monkeypatch.setattr(speeds, "PYTHON", "3.14")
    assert [speeds.missing(*one) for one in asked] == [""] * 5


def test_what_has_no_wheel_has_tests_that_are_there():
    """A row names folders and files of tests/."""
    places = [place.partition("::")[0] for row in speeds.TABLE["no_wheel"] for place in row["tests"]]
    assert [place for place in places if not (speeds.HERE / place).exists()] == []
