"""Siblings that do the same become one row."""

from __future__ import annotations

from autotrace.cli.glyphs import UNICODE, glyphs_for
from autotrace.cli.rows import rows_of
from unit.store.trees import span, trace


def drawn(made, *, fold=True):
    """The rows as text: tree lines, number, name."""
    lines = []
    for row in rows_of(made, UNICODE, fold=fold):
        number = f"{len(row.spans)} x " if len(row.spans) > 1 else ""
        lines.append(row.lead + ("(wait)" if row.waited_from_ns is not None else number + row.first.name))
    return lines


def queries(count, parent="r", name="SELECT", start=10):
    return [span(f"{parent}{name}{n}", start + n * 5, start + 3 + n * 5, parent, name=name) for n in range(count)]


def test_three_are_folded():
    """Three and more become a row, two do not; --all folds nothing."""
    assert drawn(trace(span("r", 0, 99), *queries(3))) == ["r", "└ 3 x SELECT"]
    assert drawn(trace(span("r", 0, 99), *queries(2))) == ["r", "├ SELECT", "└ SELECT"]
    assert drawn(trace(span("r", 0, 99), *queries(3)), fold=False) == ["r", "├ SELECT", "├ SELECT", "└ SELECT"]


def test_others_in_between_do_not_matter():
    """A loop that issues two kinds of query reads as two rows, in order of the first of each."""
    made = trace(span("r", 0, 99), *queries(4, name="A", start=10), *queries(4, name="B", start=11))
    assert drawn(made) == ["r", "├ 4 x A", "└ 4 x B"]


def test_what_lies_beneath_is_folded_too():
    """Calls with their own children merge level by level."""
    calls = queries(3, name="GET")
    inner = [one for call in calls for one in queries(2, call.span_id)]
    assert drawn(trace(span("r", 0, 99), *calls, *inner)) == ["r", "└ 3 x GET", "  └ 6 x SELECT"]


def test_failures_stand_alone():
    """A span that failed, or has a failure beneath it, is never hidden in a row with others."""
    calls = queries(5)
    failed = span("f", 21, 22, calls[2].span_id, failed=True)
    shown = drawn(trace(span("r", 0, 99), *calls, failed))
    assert shown == ["r", "├ 4 x SELECT", "└ SELECT", "  └ f"]


def test_waits_come_before_their_consumer():
    """A wait is a row of its own between producer and consumer."""
    made = trace(
        span("r", 0, 9),
        span("send", 3, 4, "r", kind="PRODUCER"),
        span("take", 50, 60, "send", kind="CONSUMER"),
        span("end", 5, 6, "r"),
    )
    assert drawn(made) == ["r", "├ send", "│ │ (wait)", "│ └ take", "└ end"]


def test_signs_for_every_encoding():
    """An encoding without the signs gets plain letters, and so does one that nobody knows."""
    assert glyphs_for("utf-8") is UNICODE
    for encoding in ("ascii", "latin-1", "cp1252", "nonsense", None):
        assert glyphs_for(encoding).branch == "+ "
