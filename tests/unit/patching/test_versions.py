"""Version ranges, held against the packaging library."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from autotrace.patching.versions import matches, release, required, unsupported

NUMBERS = st.lists(st.integers(0, 30), min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))
CLAUSES = st.tuples(st.sampled_from([">=", "<=", "==", "!=", ">", "<"]), NUMBERS).map("".join)


@given(NUMBERS, st.lists(CLAUSES, min_size=1, max_size=3).map(",".join))
def test_agrees_with_packaging(version, versions):
    """For release versions the official rules and ours are the same."""
    assert matches(version, versions) == SpecifierSet(versions).contains(version)


@pytest.mark.parametrize(
    ("version", "numbers"), [("2.0.3rc1", (2, 0, 3)), ("1.4.0", (1, 4)), ("v2", (2,)), ("27.0.1.post1", (27, 0, 1))]
)
def test_suffixes_do_not_count(version, numbers):
    """A pre-release counts as its release: its targets are what matters."""
    assert release(version) == numbers


def test_a_star_is_any_version():
    """An instrumentor of the standard library has no versions."""
    assert matches("0.0.1", "*")


def test_an_operator_that_is_not_known_is_said():
    """A typing error in an instrumentor is a ValueError that names the clause."""
    with pytest.raises(ValueError, match=r"~=1\.0"):
        matches("1.0", "~=1.0")


@pytest.mark.parametrize(
    ("requires", "parts"),
    [
        ("flask>=2.2", ("flask", ">=2.2")),
        ("aio-pika>=9,<11", ("aio-pika", ">=9,<11")),
        ("x==1", ("x", "==1")),
        ("x!=1", ("x", "!=1")),
        ("x", ("x", "*")),
        ("", ("", "*")),
    ],
)
def test_a_requirement_is_a_distribution_and_its_range(requires, parts):
    """Without a range any version will do."""
    assert required(requires) == parts


def test_a_version_that_is_not_supported_is_named_with_the_range():
    """One that is not known is none of these."""
    assert unsupported("flask", "1.0", ">=2.2") == "flask 1.0 is not >=2.2"
    assert unsupported("flask", "2.2", ">=2.2") == ""
    assert unsupported("flask", "", ">=2.2") == ""
