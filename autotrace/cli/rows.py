"""Turns a trace into the rows of its picture: the tree in reading order, runs folded, queue waits between.

Knows nothing of colours and widths. Siblings that do the same (same name, service and kind, three or more, nothing
failed in or beneath them) become one row; what lies beneath them is folded the same way, so that twelve calls with
a query each read as two rows. Nesting may have any depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autotrace.cli.glyphs import Glyphs
    from autotrace.store.model import Span, Trace

FOLD_FROM = 3
"""So many siblings that do the same are folded; two are as quickly read as one row with a number."""


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        spans: what it stands for: one span, or several that were folded.
        lead: tree lines before it.
        below: tree lines before further lines that belong to it.
        waited_from_ns: for a row that shows a wait in a queue, when it began (ns since the epoch); it ends when the
            row's span starts. None for a row that shows the spans themselves.
    """

    spans: list[Span]
    lead: str
    below: str
    waited_from_ns: int | None = None

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


def rows_of(trace: Trace, glyphs: Glyphs, *, fold: bool) -> list[Row]:
    """Lay out a trace.

    Args:
        trace: what to lay out.
        glyphs: signs for the tree lines.
        fold: whether siblings that do the same become one row.
    """
    by_id = trace.by_id()
    failing = _failing(trace)
    rows: list[Row] = []
    pending = [_Pending(group, "", 0, last=True) for group in reversed(_groups(trace.tops, failing, fold=False))]
    while pending:
        node = pending.pop()
        first = node.group[0]
        connector = "" if node.depth == 0 else glyphs.corner if node.last else glyphs.branch
        inner = "" if node.depth == 0 else node.lead + ("  " if node.last else glyphs.pipe)
        children = _groups((child for span in node.group for child in span.children), failing, fold=fold)
        producer = first.waited_for(by_id) if len(node.group) == 1 else None
        if producer is not None:
            above = "" if node.depth == 0 else node.lead + glyphs.pipe
            rows.append(Row(node.group, above, above, waited_from_ns=producer.end_ns))
        rows.append(Row(node.group, node.lead + connector, inner + (glyphs.pipe if children else "  ")))
        for number, group in enumerate(reversed(children)):
            pending.append(_Pending(group, inner, node.depth + 1, last=number == 0))
    return rows


def _groups(spans: Iterable[Span], failing: set[str], *, fold: bool) -> list[list[Span]]:
    """Put spans that do the same together, in order of the first of each."""
    ordered = sorted(spans, key=lambda span: span.start_ns)
    if not fold:
        return [[span] for span in ordered]
    same: dict[tuple[str, ...], list[Span]] = {}
    for span in ordered:
        key = (span.name, span.service, span.kind)
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
