"""Queue wait: messages that lie about."""

from __future__ import annotations

from autotrace.insights.finding import CERTAIN, INFO, SLOW
from autotrace.insights.queue_wait import queue_waits
from unit.insights.making import call, query, sent, server, taken, trace


def message(start, wait, length=50, slow=False):
    """A message that waited, with a call to maps."""
    made = sent("orders", start, start + 1)
    handled = taken("orders", start + 1 + wait, start + 1 + wait + length, made)
    maps = call("http://maps/route", handled.start_ns / 1e6, handled.end_ns / 1e6 - 1, handled, "kitchen")
    return trace(made, handled, *([maps] if slow else []))


def test_waits_are_told_with_what_handling_takes():
    """And that nobody was handling any of them."""
    (found,) = queue_waits([message(n * 10_000, 800) for n in range(4)])
    assert found.title == "messages wait 800 ms in orders for kitchen"
    assert found.evidence[0] == "p50 800 ms, p95 800 ms; handling one takes 50.0 ms, by 1 process"
    assert "handled none of them meanwhile" in found.evidence[1]
    assert (found.level, found.confidence, found.count, found.total) == (INFO, CERTAIN, 4, 4)


def test_waits_that_grow_name_what_keeps_the_consumer_busy():
    """Each waits for all before it."""
    (found,) = queue_waits([message(n, 1 + n * 1500, 1500, slow=True) for n in range(8)])
    assert (found.level, found.facts["growing"]) == (SLOW, True)
    assert "does not keep up" in found.evidence[1]
    assert found.evidence[2].endswith("for most of that time in GET maps/route")


def test_short_and_few_waits_are_no_finding():
    """A poll takes its time."""
    assert list(queue_waits([message(n * 100, 100) for n in range(9)])) == []
    assert list(queue_waits([message(0, 9000), message(1, 9000)])) == []


def test_without_the_producer_the_messages_own_time_counts():
    """Its process may not be traced."""
    traces = [trace(taken("orders", n * 100, n * 100 + 5)) for n in range(3)]
    for one in traces:
        one.spans[0].attributes["autotrace.messaging.wait_ms"] = 700
    (found,) = queue_waits(traces)
    assert found.facts["p50_ns"] == 700_000_000


def request(start, wait, length=50):
    """A request that waited for its server, with a query."""
    made = server("GET /orders", start + wait, start + wait + length)
    made.attributes["autotrace.http.wait_ms"] = wait
    return trace(made, query("SELECT a FROM orders", made.start_ns / 1e6, made.end_ns / 1e6 - 1, made))


def test_requests_that_wait_for_a_free_worker_are_told_with_what_kept_it_busy():
    """A proxy in front says when it got them; who calls waits, so less is told of than with messages."""
    (found,) = queue_waits([request(n, 1 + n * 50) for n in range(8)])
    assert found.title == "callers wait 351 ms before shop takes their requests"
    assert (found.facts["growing"], found.facts["destination"]) == (True, None)
    assert found.evidence[2] == "shop handled other requests meanwhile, for most of that time in SELECT a"


def test_requests_that_wait_for_nobody_name_what_is_in_front():
    """Their service handled nothing meanwhile."""
    (found,) = queue_waits([request(n * 10_000, 200) for n in range(3)])
    assert found.evidence[1].endswith("it was starting, or what is in front of it held them back")
    assert list(queue_waits([request(n * 10_000, 50) for n in range(9)])) == []
