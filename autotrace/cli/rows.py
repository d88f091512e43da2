"""Turns a trace into the rows of its picture: the tree in reading order, runs folded, queue waits between.

Knows nothing of colours and widths. Siblings that do the same (of the same kind in the same service, three or more, nothing
failed in or beneath them) become one row; what lies beneath them is folded the same way, so that twelve calls with
a query each read as two rows. Nesting may have any depth. Where there are still more rows than anybody reads, what
failed and what took long stays, and each run of others becomes one row.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from autotrace.store.naming import same_work

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from autotrace.cli.glyphs import Glyphs
    from autotrace.store.model import Span, Trace

FOLD_FROM = 3
"""So many siblings that do the same are folded; two are as quickly read as one row with a number."""
_TRIES = 12  # to come near to the most rows
MOST_LEAD = 1024
"""Of longer tree lines only the end is kept, in cells: no line shows more, and each row has its own."""


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        spans: what it stands for: one span, or several that were folded.
        lead: tree lines before it.
        below: tree lines before further lines that belong to it.
        waited_from_ns: for a row that shows a wait in a queue, when it began (ns since the epoch); it ends when the
            row's span starts. None for a row that shows the spans themselves.
        left_out: the row only stands for others that are not drawn.
    """

    spans: list[Span]
    lead: str
    below: str
    waited_from_ns: int | None = None
    left_out: bool = False

    @property
    def length_ns(self) -> int:
        """How long its spans took together, or how long was waited, in ns."""
        if self.waited_from_ns is not None:
            return self.first.start_ns - self.waited_from_ns
        return sum(span.duration_ns for span in self.spans)

    @property
    def first(self) -> Span:
        """The span that gives the row its name."""
        return self.spans[0]


@dataclass(frozen=True)
class _Pending:
    group: list[Span]
    lead: str
    depth: int
    last: bool


def rows_of(trace: Trace, glyphs: Glyphs, *, fold: bool, most: int | None = None) -> list[Row]:
    """Lay out a trace.

    Args:
        trace: what to lay out.
        glyphs: signs for the tree lines.
        fold: whether siblings that do the same become one row.
        most: of more rows, runs of those that matter least become one each; None draws them all.
    """
    by_id = trace.by_id()
    failing = _failing(trace)
    rows: list[Row] = []
    pending = [_Pending(group, "", 0, last=True) for group in reversed(_groups(trace.tops, failing, fold=False))]
    while pending:
        node = pending.pop()
        first = node.group[0]
        connector = "" if node.depth == 0 else glyphs.corner if node.last else glyphs.branch
        inner = "" if node.depth == 0 else (node.lead + ("  " if node.last else glyphs.pipe))[-MOST_LEAD:]
        children = _groups((child for span in node.group for child in span.children), failing, fold=fold)
        producer = first.waited_for(by_id) if len(node.group) == 1 else None
        if producer is not None:
            above = "" if node.depth == 0 else node.lead + glyphs.pipe
            rows.append(Row(node.group, above, above, waited_from_ns=producer.end_ns))
        rows.append(Row(node.group, node.lead + connector, inner + (glyphs.pipe if children else "  ")))
        for number, group in enumerate(reversed(children)):
            pending.append(_Pending(group, inner, node.depth + 1, last=number == 0))
    return rows if most is None or len(rows) <= most else _shortened(rows, failing, most)


def _shortened(rows: Sequence[Row], failing: set[str], most: int) -> list[Row]:
    """Keep the first row, those that failed or have a failure beneath them, then those that took longest; in order."""

    def rank(number: int) -> tuple[bool, bool, int]:
        return number > 0, rows[number].first.span_id not in failing, -rows[number].length_ns

    order = sorted(range(len(rows)), key=rank)
    kept: set[int] = set()
    runs: list[list[Row]] = []
    for _ in range(_TRIES):
        kept = set(order[: len(kept) + (most - 1 - len(runs)) // 2])  # a row more parts at most one run in two
        runs = []
        for is_kept, numbers in groupby(range(len(rows)), key=kept.__contains__):
            run = [rows[number] for number in numbers]
            runs += [[row] for row in run] if is_kept else [run]
    return [run[0] if len(run) == 1 else _left_out(run) for run in runs]


def _left_out(rows: Sequence[Row]) -> Row:
    spans = [span for row in rows if row.waited_from_ns is None for span in row.spans]
    highest = min(rows, key=lambda row: len(row.lead))
    return Row(spans or rows[0].spans, highest.lead, highest.below, left_out=True)


def _groups(spans: Iterable[Span], failing: set[str], *, fold: bool) -> list[list[Span]]:
    """Put spans that do the same together, in order of the first of each."""
    ordered = sorted(spans, key=lambda span: span.start_ns)
    if not fold:
        return [[span] for span in ordered]
    same: dict[tuple[str, ...], list[Span]] = {}
    for span in ordered:
        key = same_work(span)
        # A failure must be seen at a glance, so whatever has one in it stands alone.
        same.setdefault((*key, span.span_id) if span.span_id in failing else key, []).append(span)
    groups = [group if len(group) >= FOLD_FROM else [span] for group in same.values() for span in group]
    unique = {id(group[0]): group for group in groups}
    return sorted(unique.values(), key=lambda group: group[0].start_ns)


def _failing(trace: Trace) -> set[str]:
    """Return the ids of spans that failed or have a failure beneath them."""
    failing: set[str] = set()
    for span in trace.spans:
        above: Span | None = span if span.failed else None
        while above is not None and above.span_id not in failing:
            failing.add(above.span_id)
            above = above.parent
    return failing
