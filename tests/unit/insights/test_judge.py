"""All findings together, over many traces."""

from __future__ import annotations

from autotrace.insights.judge import findings
from steps import steps_of
from unit.insights.making import query, sent, server, taken, trace

NOW_NS = 10**15


def waiting(count):
    """Messages that wait while all others are handled."""
    for number in range(count):
        made = sent("orders", number, number + 0.5)
        yield trace(made, taken("orders", number + 5000, number + 5000 + count, made))


def test_a_loop_that_makes_a_route_slow_is_told_once():
    """What is known of the slow requests stands with the loop."""

    def menu(count):
        root = server("GET /menu", 0, 20 + count * 10)
        return trace(root, *(query("SELECT price", 5 + n * 10, 14 + n * 10, root) for n in range(count)))

    (found,) = findings([*(menu(5) for _ in range(8)), menu(90)], NOW_NS)
    assert (found.kind, found.title) == ("repeated statement", "SELECT price")
    assert found.evidence[-1].startswith("1 of 9 are slow: p50 70.0 ms")


def test_the_work_grows_with_the_traces():
    """Twice as many messages cost twice as much: none is compared with each other one."""
    counts = []
    for size in (300, 600):
        traces = list(waiting(size))
        counted, found = steps_of(lambda traces=traces: findings(traces, NOW_NS))
        assert found
        counts.append(counted)
    assert counts[1] < 2.4 * counts[0]
