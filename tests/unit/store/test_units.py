"""Lengths of time as people write them."""

from __future__ import annotations

import pytest

from autotrace.store.units import parse_duration


@pytest.mark.parametrize(
    ("text", "ns"),
    [("250ms", 250 * 10**6), ("1.5s", 15 * 10**8), ("10m", 600 * 10**9), ("2 h", 7200 * 10**9), ("7D", 604800 * 10**9)],
)
def test_durations(text, ns):
    """A number and a unit."""
    assert parse_duration(text) == ns


@pytest.mark.parametrize("text", ["", "5", "ms", "-1s", "1 fortnight", "1e3s"])
def test_bad_durations(text):
    """Anything else is refused with examples."""
    with pytest.raises(ValueError, match="write it like 250ms"):
        parse_duration(text)
