"""Broken edges: where traces fall apart."""

from __future__ import annotations

from dataclasses import replace

from autotrace.insights.broken_edges import OPEN_NS, SETTLED_NS, broken_edges
from autotrace.insights.finding import INFO, LIKELY, POSSIBLE, SLOW
from unit.insights.making import call, query, sent, server, span, taken, trace

LATER = 10**15
GONE = span("gone", 0, 1)


def test_a_parent_that_never_arrived():
    """Of a server span it is the caller, of others the process itself."""
    (always,) = broken_edges([trace(server("GET /", 0, 1, GONE))], LATER)
    assert (always.title, always.confidence, always.count, always.total) == (
        "GET / in shop: its parent never arrived",
        POSSIBLE,
        1,
        1,
    )
    caller = span("call", 2, 4)
    whole = trace(caller, server("GET /", 2, 3, caller))
    (once,) = broken_edges([trace(server("GET /", 0, 1, GONE)), whole], LATER)
    assert (once.confidence, once.level, once.count, once.total) == (LIKELY, INFO, 1, 2)
    (twice,) = broken_edges([*(trace(server("GET /", n, n + 1, GONE)) for n in (0, 5)), whole], LATER)
    assert (twice.confidence, twice.level, twice.count, twice.total) == (LIKELY, SLOW, 2, 3)
    assert "a caller was killed" in twice.evidence[1]
    (inner,) = broken_edges([trace(query("SELECT 1", 0, 1, GONE))], LATER)
    assert "of the same process" in inner.evidence[1]


def test_nobody_is_said_to_be_killed_for_what_others_do():
    """Requests that name no parent, and a cache's `GET`, are no proof that the caller's spans arrive."""
    root = server("GET", 0, 1, GONE)
    cache = span("GET", 0, 1, root, "CLIENT", attributes={"db.system.name": "redis"})
    (found,) = broken_edges([trace(root, cache), trace(server("GET", 2, 3))], LATER)
    assert (found.title, found.confidence, found.level) == ("GET / in shop: its parent never arrived", POSSIBLE, INFO)
    assert (found.count, found.total) == (1, 1)


def test_a_parent_that_is_open_is_not_missed():
    """What a program does for minutes has children that arrive before it."""
    young = trace(query("SELECT 1", 0, 1, GONE))
    assert list(broken_edges([young], young.end_ns + OPEN_NS)) == []
    assert list(broken_edges([young], young.end_ns + OPEN_NS + 1)) != []


def test_a_trace_that_is_still_arriving_is_left_alone():
    """Its spans may be under way."""
    young = trace(server("GET /", 0, 1, GONE))
    assert list(broken_edges([young], young.end_ns + SETTLED_NS)) == []


def lost(method="GET /charge", path="/charge", start=12):
    """A call and, in a trace of its own, the request that it must have been."""
    root = server("POST /orders", 0, 100)
    out = call("http://proxy:80/charge?x=1", 10, 50, root)
    inner = server(method, start, start + 30, service="payment", path=path)
    return [trace(root, out), trace(inner)]


def test_a_call_whose_context_is_lost():
    """The hop is named: who called, who began a new trace, what lies between."""
    (once,) = broken_edges(lost(), LATER)
    assert (once.confidence, once.level) == (POSSIBLE, INFO)  # it may be chance
    later = [
        trace(*(replace(one, start_ns=one.start_ns + 10**9, end_ns=one.end_ns + 10**9) for one in made.spans))
        for made in lost()
    ]
    (found,) = broken_edges([*lost(), *later], LATER)
    assert found.title == "the context is lost between shop and payment: GET /charge begins a new trace"
    assert "proxy:80" in found.evidence[2]
    assert (found.confidence, found.level, found.facts["caller"], found.count) == (LIKELY, SLOW, "shop", 2)


def test_what_need_not_belong_together_is_not_put_together():
    """Another path, another method, another time, or two calls at once."""
    assert list(broken_edges(lost(path="/other"), LATER)) == []
    assert list(broken_edges(lost(method="POST /charge"), LATER)) == []
    assert list(broken_edges(lost(start=60), LATER)) == []
    assert list(broken_edges([*lost(), *lost()], LATER)) == []


def test_a_whole_trace_is_no_finding():
    """The server span beneath its call, and a message beneath its producer."""
    root = server("POST /orders", 0, 100)
    out = call("http://proxy/charge", 10, 50, root)
    made = sent("orders", 60, 61, root)
    whole = trace(
        root, out, server("GET /charge", 12, 40, out, "payment", "/charge"), made, taken("orders", 70, 80, made)
    )
    assert list(broken_edges([whole, trace(server("GET /", 0, 1))], LATER)) == []


def test_messages_that_lost_their_headers():
    """Whoever sends to the topic is traced; a consumer begins anew."""
    (found,) = broken_edges([trace(sent("orders", 0, 1)), trace(taken("orders", 5, 6))], LATER)
    assert found.title == "the context is lost in orders: kitchen begins new traces"
    assert list(broken_edges([trace(taken("orders", 5, 6))], LATER)) == []  # nobody who is traced sends
