"""Siblings that do the same become one row."""

from __future__ import annotations

import pytest

from autotrace.cli.glyphs import UNICODE, glyphs_for
from autotrace.cli.rows import rows_of
from autotrace.cli.waterfall import MOST_ROWS, Waterfall
from steps import steps_of
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


def shortened(made, most):
    """The rows as text, those that stand for others by the number of spans that they stand for."""
    rows = rows_of(made, UNICODE, fold=True, most=most)
    return [len(row.spans) if row.left_out else row.first.name for row in rows]


def test_of_too_many_rows_those_that_matter_stay():
    """What failed, what is above it, and what took long; each run of others becomes a row, and as many fit as may."""
    steps = [span(f"s{n}", n * 10, n * 10 + 1, "r") for n in range(1, 100)]
    steps[39].end_ns += 7
    failed = span("f", 701, 702, "s70", failed=True)
    shown = shortened(trace(span("r", 0, 999), *steps, failed), 8)
    assert shown[0] == "r"
    assert ["s40" in shown, "s70" in shown, "f" in shown] == [True] * 3
    assert len(shown) <= 8
    assert sum(one for one in shown if isinstance(one, int)) == 101 - sum(isinstance(one, str) for one in shown)


def test_nothing_is_left_out_that_fits():
    """As many rows as may be are all drawn; a wait counts as a row and as no span."""
    made = trace(
        span("r", 0, 9), span("send", 3, 4, "r", kind="PRODUCER"), span("take", 50, 60, "send", kind="CONSUMER")
    )
    assert shortened(made, 4) == ["r", "send", "take", "take"]
    assert shortened(made, 3) == ["r", 2]


def wide(count):
    return trace(span("r", 0, count), *(span(f"s{n}", n, n + 1, "r") for n in range(1, count)))


def deep(count):
    return trace(*(span(f"s{n}", n, 9 * count - n, f"s{n - 1}" if n else None) for n in range(count)))


def orphans(count):
    return trace(*(span(f"s{n}", n, n + 1, f"gone{n}") for n in range(count)))


@pytest.mark.parametrize("shape", [wide, deep, orphans])
@pytest.mark.parametrize("fold", [True, False])
def test_the_work_grows_with_the_spans(shape, fold):
    """Twice as many spans cost twice as much, whatever their shape; not each row asks all spans."""
    counts = []
    for size in (400, 800):
        made = shape(size)
        counted, lines = steps_of(lambda made=made: list(Waterfall(made, 80, UNICODE, fold=fold).lines()))
        assert len(lines) > size
        counts.append(counted)
    assert counts[1] < 2.3 * counts[0]


def test_a_picture_has_an_end():
    """Of 5,000 rows a thousand are drawn, and the last lines say how to see the rest; with `--all` each is."""
    lines = [line.plain for line in Waterfall(wide(5000), 80, UNICODE).lines()]
    assert len(lines) < MOST_ROWS + 10
    assert sum("more spans, none longer than" in line for line in lines) >= 1
    assert "`autotrace show --all` draws every span" in lines
    assert len(list(Waterfall(wide(5000), 80, UNICODE, fold=False).lines())) > 5000


def test_tree_lines_of_any_depth_are_bounded():
    """A span that lies ten thousand deep does not carry a lead of twenty thousand cells."""
    assert max(len(row.lead) for row in rows_of(deep(10_000), UNICODE, fold=False)) < 1100


def test_signs_for_every_encoding():
    """An encoding without the signs gets plain letters, and so does one that nobody knows."""
    assert glyphs_for("utf-8") is UNICODE
    for encoding in ("ascii", "latin-1", "cp1252", "nonsense", None):
        assert glyphs_for(encoding).branch == "+ "
