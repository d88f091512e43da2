"""Findings and the edges of the service map as lines of a terminal, none wider than the given width."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from autotrace.cli.cells import cut
from autotrace.cli.listing import SHORT_ID
from autotrace.cli.text import duration
from autotrace.insights.finding import FAILURE, SLOW
from autotrace.terminal import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autotrace.cli.glyphs import Glyphs
    from autotrace.insights.finding import Finding
    from autotrace.insights.service_map import Edge, Node

STYLES = {FAILURE: "bold red", SLOW: "bold yellow"}
HEADS = ("FROM", "TO", "CALLS", "FAILED", "P50", "P95")


def finding_lines(findings: Sequence[Finding], width: int, glyphs: Glyphs) -> Iterator[Text]:
    """Yield a block for each finding: what, where, why, and a trace to look at."""
    width = max(20, width)
    for one in findings:
        yield Text()
        sign = glyphs.failed if one.level == FAILURE else "!" if one.level == SLOW else glyphs.dot
        style = STYLES.get(one.level, "bold")
        yield from _wrapped(f"{sign} ", f"{one.kind}: {one.title}", style, width)
        where = f"{one.operation} in {one.service}"
        if one.route != where:
            where += f" {glyphs.dot} in {one.route}" if one.route else ""
        yield from _wrapped(
            "  ", f"{where} {glyphs.dot} {one.count} of {one.total} {glyphs.dot} {one.confidence}", "", width
        )
        for sentence in one.evidence:
            yield from _wrapped("  ", sentence, "dim", width)
        shown = [f"autotrace show {one.traces[0][:SHORT_ID]}", *(trace[:SHORT_ID] for trace in one.traces[1:])]
        yield from _wrapped("  ", f" {glyphs.dot} ".join(shown), "cyan", width)


def edge_lines(edges: Sequence[Edge], width: int | None, glyphs: Glyphs) -> Iterator[Text]:
    """Yield a heading and one line for each edge; without a width names are told whole."""
    rows = [HEADS, *(_edge(edge, glyphs) for edge in edges)]
    cells = [max(cell_len(row[column]) for row in rows) for column in range(len(HEADS))]
    if width is not None:
        room = max(16, width - 2 * (len(HEADS) - 1) - sum(cells[2:]))
        cells[0] = min(cells[0], max(room // 2, room - cells[1]))
        cells[1] = min(cells[1], room - cells[0])
    for number, row in enumerate(rows):
        line = Text(style="dim" if number == 0 else "")
        for column, (text, size) in enumerate(zip(row, cells)):
            shown = cut(text, size, glyphs)
            gap = " " * (size - cell_len(shown))
            style = "bold red" if number and column == 3 and shown else ""
            line.append("  " if column else "").append(gap if column > 1 else "")
            line.append(shown, style=style).append("" if column > 1 else gap)
        if width is not None:
            line.truncate(width)
        line.rstrip()
        yield line


def _edge(edge: Edge, glyphs: Glyphs) -> tuple[str, ...]:
    latencies = (edge.latency_ns(0.5), edge.latency_ns(0.95))
    return (
        _node(edge.source),
        _node(edge.target),
        str(edge.calls),
        f"{edge.errors / edge.calls:.0%}" if edge.errors else "",
        *("" if ns is None else duration(ns, glyphs) for ns in latencies),
    )


def _node(node: Node) -> str:
    return clean(node.name) if node.kind == "service" else f"{clean(node.name)} ({node.kind})"


def _wrapped(lead: str, text: str, style: str, width: int) -> Iterator[Text]:
    """Break a text between words; a word that is longer than a line is broken where the line ends."""
    lines, line = [], ""
    for word in clean(text).split(" "):
        rest = word
        while cell_len(rest) > width - len(lead):
            if line:
                lines.append(line)
                line = ""
            size = width - len(lead)
            while cell_len(rest[:size]) > width - len(lead):
                size -= 1
            lines.append(rest[:size])
            rest = rest[size:]
        joined = f"{line} {rest}" if line else rest
        if cell_len(joined) > width - len(lead):
            lines.append(line)
            joined = rest
        line = joined
    for number, shown in enumerate([*lines, line]):
        yield Text((lead if number == 0 else " " * len(lead)) + shown, style=style)
