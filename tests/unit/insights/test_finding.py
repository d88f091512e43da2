"""The order of findings, and the numbers in them."""

from __future__ import annotations

import pytest

from autotrace.insights.finding import percentile, spell
from autotrace.insights.judge import findings
from unit.insights.making import query, raised, server, trace


def test_the_worst_comes_first():
    """A failure before what is slow before what is worth knowing."""
    bad = server("GET /bad", 0, 1, **raised("ValueError", "x"))
    slow = server("GET /slow", 0, 100)
    cached = server("GET /cached", 0, 10)
    traces = [
        trace(cached, query("SELECT cache", 1, 2, cached, **raised("KeyError", "x"))),
        trace(slow, *(query("SELECT 1", n * 5, n * 5 + 4, slow) for n in range(20))),
        trace(bad),
    ]
    found = findings(traces, 0)
    assert [one.kind for one in found] == ["error origin", "repeated statement", "error origin"]
    assert [one.route for one in found] == ["GET /bad in shop", "GET /slow in shop", "GET /cached in shop"]
    assert findings([], 0) == []


@pytest.mark.parametrize(("share", "value"), [(0, 1), (0.5, 5), (0.95, 10), (0.9, 9), (1, 10)])
def test_percentiles(share, value):
    """Nearest rank, of values in any order."""
    assert percentile([10, 1, 9, 2, 8, 3, 7, 4, 6, 5], share) == value


@pytest.mark.parametrize(("ns", "text"), [(5, "5 ns"), (1500, "1.50 µs"), (99_960_000, "100 ms"), (61e9, "61.0 s")])
def test_lengths_of_time(ns, text):
    """Three digits."""
    assert spell(ns) == text
