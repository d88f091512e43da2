"""Spans become trees, whatever is missing."""

from __future__ import annotations

from unit.store.trees import ids, span, trace


def test_children_come_in_order_of_start():
    """Whatever the order of arrival, children and spans are in order of their start."""
    made = trace(span("c", 5, 6, "r"), span("b", 2, 3, "r"), span("r", 0, 9), span("d", 2, 8, "b"))
    assert ids(made.spans) == "r d b c"
    assert ids(made.root.children) == "b c"
    assert (ids(made.roots), ids(made.missing_parents), ids(made.tops)) == ("r", "", "r")


def test_missing_parents_are_tops():
    """A span whose parent never arrived begins a tree of its own, marked."""
    made = trace(span("r", 0, 9), span("o", 4, 5, "gone"), span("p", 4, 5, "o"))
    assert (ids(made.roots), ids(made.missing_parents), ids(made.tops)) == ("r", "o", "r o")


def test_circles_are_cut():
    """Ids that form a circle, or a span that is its own parent, still make a tree with every span in it."""
    made = trace(span("a", 1, 5, "b"), span("b", 2, 4, "a"), span("s", 7, 8, "s"))
    assert ids(made.tops) == "a s"
    assert ids(made.tops[0].children) == "b"
    assert made.tops[0].children[0].children == []
    assert (made.roots, made.missing_parents) == ([], [])


def test_self_time():
    """Children that overlap count once, and what lies outside of the span not at all."""
    made = trace(span("r", 0, 100), span("a", 10, 30, "r"), span("b", 20, 40, "r"), span("c", 90, 150, "r"))
    assert made.root.self_ns == 60
    assert made.root.children[0].self_ns == 20


def test_facts_of_the_trace():
    """Length, services and errors are those of all spans together."""
    made = trace(span("r", 10, 20), span("k", 40, 90, "r", service="kitchen", failed=True))
    assert (made.start_ns, made.duration_ns, made.services, made.errors) == (10, 80, ["shop", "kitchen"], 1)


def test_waits_lie_between_producer_and_consumer():
    """The producer is the parent, or a span of the same trace that the consumer links to."""
    made = trace(
        span("send", 0, 10, kind="PRODUCER"),
        span("take", 60, 70, "send", kind="CONSUMER"),
        span("batch", 80, 90, "take", kind="CONSUMER", links=[{"trace_id": "ab", "span_id": "send", "attributes": {}}]),
        span("call", 20, 30, "send", kind="SERVER"),
    )
    waits = {one.span_id: one.waited_for(made.by_id()) for one in made.spans}
    assert {name: wait.span_id for name, wait in waits.items() if wait} == {"take": "send", "batch": "send"}
