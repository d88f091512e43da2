"""The critical path leads from the first start to the last end, and every moment of it belongs to somebody."""

from __future__ import annotations

import pytest

from autotrace.store.critical import critical_path
from unit.store.trees import ids, span, trace


def told(made):
    """The path's segments in a line each."""
    return [
        f"{'wait ' if part.waiting else ''}{part.span.span_id} {part.start_ns}-{part.end_ns}"
        for part in critical_path(made).segments
    ]


def test_one_after_the_other():
    """Children one after the other are all waited for; the gaps are the parent's own."""
    made = trace(span("r", 0, 100), span("a", 10, 30, "r"), span("b", 40, 90, "r"))
    assert ids(critical_path(made).spans) == "r a b"
    assert told(made) == ["r 0-10", "a 10-30", "r 30-40", "b 40-90", "r 90-100"]


def test_side_by_side():
    """Of children that run together only the one that ends last is waited for."""
    made = trace(span("r", 0, 100), span("slow", 10, 90, "r"), span("quick", 10, 30, "r"), span("q", 12, 20, "quick"))
    assert ids(critical_path(made).spans) == "r slow"


def test_a_server_that_ends_after_its_caller():
    """A child that outlives its parent a little is still on the path when what follows waited for the parent."""
    made = trace(
        span("r", 0, 100),
        span("call", 10, 50, "r", kind="CLIENT"),
        span("serve", 12, 53, "call", kind="SERVER"),
        span("query", 20, 40, "serve"),
        span("next", 51, 90, "r"),
    )
    assert ids(critical_path(made).spans) == "r call serve query next"


def test_through_a_queue():
    """The path leaves by the producer, waits, and runs to the consumer's end, not to the root's."""
    made = trace(
        span("r", 0, 100),
        span("send", 60, 70, "r", kind="PRODUCER"),
        span("after", 72, 95, "r"),
        span("take", 150, 300, "send", kind="CONSUMER"),
        span("work", 160, 290, "take"),
    )
    path = critical_path(made)
    assert ids(path.spans) == "r send take work"
    assert told(made) == ["r 0-60", "send 60-70", "wait take 70-150", "take 150-160", "work 160-290", "take 290-300"]
    assert path.waited_ns() == 80
    assert path.by_service() == {"shop": 220}


def test_of_two_consumers_the_later():
    """An earlier message whose consumer ends earlier is only a producer on the way."""
    made = trace(
        span("r", 0, 100),
        span("send1", 10, 20, "r", kind="PRODUCER"),
        span("take1", 130, 180, "send1", kind="CONSUMER"),
        span("send2", 60, 70, "r", kind="PRODUCER"),
        span("take2", 140, 200, "send2", kind="CONSUMER"),
    )
    assert ids(critical_path(made).spans) == "r send1 send2 take2"


def test_a_task_in_the_background():
    """What goes on after the answer is where the trace ends."""
    made = trace(span("r", 0, 50), span("answer", 5, 45, "r"), span("task", 40, 200, "r"))
    assert ids(critical_path(made).spans) == "r task"
    assert told(made) == ["r 0-40", "task 40-200"]


def test_two_trees():
    """Where a parent is missing the path goes through both trees."""
    made = trace(span("r", 0, 50), span("orphan", 60, 100, "gone"), span("other", 20, 30, "gone"))
    assert ids(critical_path(made).spans) == "r orphan"


def test_no_time_at_all():
    """Spans without length are no trouble."""
    made = trace(span("r", 5, 5), span("a", 5, 5, "r"))
    assert ids(critical_path(made).spans) == "r a"
    assert told(made) == []


@pytest.mark.parametrize("depth", [5000])
def test_any_depth(depth):
    """A trace may be nested deeper than Python may recurse."""
    made = trace(*(span(str(n), n, 20_000 - n, str(n - 1) if n else None) for n in range(depth)))
    assert len(critical_path(made).spans) == depth
    assert sum(part.end_ns - part.start_ns for part in critical_path(made).segments) == made.duration_ns
