"""Everything that a span carries, as pairs of a label and a text: for `autotrace show --attributes`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autotrace.cli.text import duration, value
from autotrace.terminal import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autotrace.cli.glyphs import Glyphs
    from autotrace.store.model import Span


def detail_lines(spans: list[Span], trace_start_ns: int, glyphs: Glyphs) -> Iterator[tuple[str, str]]:
    """Yield the attributes, events and links of a row, whole; texts may have several lines.

    Args:
        spans: what the row stands for; of several, only what they have in common is told.
        trace_start_ns: events are told by their distance from it.
        glyphs: the signs to draw with.
    """
    first = spans[0]
    for key, raw in first.attributes.items():
        if all(span.attributes.get(key) == raw for span in spans):
            yield f"{clean(key)} =", value(raw)
    if len(spans) > 1:
        slowest = max(spans, key=lambda span: span.duration_ns)
        yield "longest of them", f"{duration(slowest.duration_ns, glyphs)}, span {slowest.span_id}"
        return
    if first.scope:
        yield "scope", first.scope
    yield "span", first.span_id
    yield "self time", duration(first.self_ns, glyphs)
    if first.status_message:
        yield "status", first.status_message
    for event in first.events:
        yield "event", f"{event['name']} at {duration(max(0, event['time_ns'] - trace_start_ns), glyphs)}"
        for key, raw in event["attributes"].items():
            yield f"  {clean(key)} =", value(raw)
    for link in first.links:
        yield "link", f"to trace {link['trace_id']} span {link['span_id']}"
        for key, raw in link["attributes"].items():
            yield f"  {clean(key)} =", value(raw)
