"""The picture of one trace: who caused whom, when, how long, where it waited and what went wrong.

One row for each span: tree, sign of its kind, name, service, duration, and its place on the time axis. Every line
fits the given width; where that is narrow, the service column goes first, then the time axis. In a file or a pipe there
is no width: nothing is cut there, and the time axis is as long as in a terminal of 80 cells.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from autotrace.cli.bars import Axis
from autotrace.cli.cells import cut
from autotrace.cli.details import detail_lines
from autotrace.cli.rows import Row, rows_of
from autotrace.cli.text import duration, full_moment, plural
from autotrace.store.critical import CriticalPath, critical_path
from autotrace.store.failure import told_failure
from autotrace.store.naming import destination, peer, served_path, where
from autotrace.terminal import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autotrace.cli.glyphs import Glyphs
    from autotrace.store.model import Span, Trace

MOST_ROWS = 1000
"""So many rows are drawn, where not each is asked for."""
COLOURS = ("cyan", "magenta", "yellow", "green", "blue", "bright_cyan", "bright_magenta", "bright_yellow")
DURATION_CELLS = 8
_WHOLE, _PAPER = 10**6, 80  # cells: of a line that nobody cuts, and of those that are broken into several all the same


class Waterfall:
    """One trace drawn for one width.

    Args:
        trace: what to draw.
        width: of a line, in cells; None where it may be as long as it is.
        glyphs: the signs to draw with.
        fold: whether siblings that do the same become one row.
        details: whether attributes, events and links are printed beneath each span.
    """

    def __init__(
        self, trace: Trace, width: int | None, glyphs: Glyphs, *, fold: bool = True, details: bool = False
    ) -> None:
        self._trace = trace
        self._whole = width is None
        self._width = _WHOLE if width is None else max(20, width)
        self._wrap = _PAPER if self._whole else self._width
        self._glyphs = glyphs
        self._details = details
        self._path: CriticalPath = critical_path(trace)
        self._missing = {span.span_id for span in trace.missing_parents}
        self._on_path = {span.span_id for span in self._path.spans}
        self._stretches: dict[str, list[tuple[int, int]]] = {}
        for segment in self._path.segments:
            if not segment.waiting:
                self._stretches.setdefault(segment.span.span_id, []).append((segment.start_ns, segment.end_ns))
        self._colour = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(trace.services)}
        self._rows = rows_of(trace, glyphs, fold=fold, most=MOST_ROWS if fold else None)
        self._arrange()

    def lines(self) -> Iterator[Text]:
        """Yield the lines of the picture, from top to bottom."""
        yield from self._head()
        yield Text()
        yield self._scale()
        for row in self._rows:
            yield self._row(row) if not row.left_out else self._more(row)
            if row.waited_from_ns is None and not row.left_out:
                yield from self._beneath(row)
        yield Text()
        yield from self._foot()

    def _arrange(self) -> None:
        """Divide the width among the columns."""
        drawn = (row for row in self._rows if not row.left_out)
        names = max(cell_len(self._name(row, 10_000).plain) for row in drawn)
        services = max(cell_len(clean(name)) for name in self._trace.services)
        if self._whole:
            self._name_cells, self._service_cells = names, services
            self._axis: Axis | None = Axis(self._trace.start_ns, self._trace.end_ns, _PAPER // 2)
            return
        self._service_cells = min(services, 9 + self._width // 20) if self._width >= 60 else 0
        fixed = DURATION_CELLS + 3 + (self._service_cells + 2 if self._service_cells else 0)
        most = self._width - fixed if self._width < 40 else max(16, int((self._width - fixed) * 0.58))
        self._name_cells = min(names, most)
        axis_cells = self._width - fixed - self._name_cells - 1
        self._axis = Axis(self._trace.start_ns, self._trace.end_ns, axis_cells) if axis_cells >= 8 else None

    def _head(self) -> Iterator[Text]:
        trace, dot = self._trace, f" {self._glyphs.dot} "
        root = trace.root
        status = root.attributes.get("http.response.status_code")
        title = clean(" ".join((root.name, *self._place([root]))))
        title += f" {self._glyphs.arrow} {status}" if isinstance(status, int) else ""
        yield Text(cut(title, self._width, self._glyphs), style="bold")
        facts = [full_moment(trace.start_ns), duration(trace.duration_ns, self._glyphs)]
        facts.append(plural(len(trace.spans), "span"))
        line = Text(dot.join(facts))
        if trace.errors:
            line.append(dot).append(plural(trace.errors, "error"), style="bold red")
        yield line if line.cell_len <= self._width else Text(cut(line.plain, self._width, self._glyphs))
        yield Text(cut(f"trace {trace.trace_id}", self._width, self._glyphs), style="dim")

    def _scale(self) -> Text:
        line = Text(" " * (self._name_cells + 2))
        if self._service_cells:
            line.append(" " * (self._service_cells + 2))
        line.append(" " * (DURATION_CELLS + 2))
        if self._axis is None:
            return Text()
        labels = [" "] * self._axis.width
        free = 0
        ticks = self._axis.ticks()
        unit, size = _unit(ticks[-1][1], self._glyphs)
        for cell, at in ticks:
            label = f"{at / size:g} {unit}" if at else "0"
            if cell >= free and cell + len(label) <= len(labels):
                labels[cell : cell + len(label)] = label
                free = cell + len(label) + 1
        return line.append("".join(labels).rstrip(), style="dim")

    def _row(self, row: Row) -> Text:
        span, waiting = row.first, row.waited_from_ns is not None
        colour = self._colour[span.service]
        line = self._name(row, self._name_cells)
        line.append(" " * (self._name_cells - line.cell_len + 2))
        if self._service_cells:
            name = "" if waiting else cut(clean(span.service), self._service_cells, self._glyphs)
            line.append(name, style=colour).append(" " * (self._service_cells - cell_len(name) + 2))
        length = duration(row.length_ns, self._glyphs).rjust(DURATION_CELLS)
        line.append(length, style="dim" if waiting else self._stress(row))
        if self._axis is not None:
            line.append("  ")
            self._draw(row, line, "red" if span.failed else colour)
        line.rstrip()
        return line

    def _more(self, row: Row) -> Text:
        """Return the line that stands for what is not drawn; a failure always is, unless there are too many."""
        glyphs, failed = self._glyphs, sum(span.failed for span in row.spans)
        longest = duration(max(span.duration_ns for span in row.spans), glyphs)
        text = f"{glyphs.more} {plural(len(row.spans), 'more span')}, none longer than {longest}"
        if failed:
            text += f", {failed} of them failed"
        lead = row.lead if len(row.lead) <= self._wrap // 3 else glyphs.more + row.lead[-8:]
        return Text(lead + cut(text, self._width - cell_len(lead), glyphs), style="dim")

    def _name(self, row: Row, width: int) -> Text:
        """Return tree lines, sign and name, cut to a width."""
        glyphs, span = self._glyphs, row.first
        lead = row.lead
        most = min(width, self._wrap) // 2
        if len(lead) > most:  # nested deeper than the column is wide: keep the end of the tree lines
            keep = max(2, most - len(glyphs.more))
            lead = glyphs.more + lead[-(keep - keep % 2) :]
        line = Text(lead, style="", no_wrap=True)
        line.stylize("dim")
        room = width - cell_len(lead)
        if row.waited_from_ns is not None:
            queue = clean(destination(span) or "the queue")
            text = f"{glyphs.wait * 2} waiting in {queue}"
            return line.append(cut(text, room, glyphs), style="dim italic")
        parts: list[tuple[str, str]] = []
        if span.failed:
            parts.append((f"{glyphs.failed} ", "bold red"))
        parts.append((f"{glyphs.kinds.get(span.kind, glyphs.dot)} ", self._colour[span.service]))
        if len(row.spans) > 1:
            parts.append((f"{glyphs.times} {len(row.spans)} ", "bold"))
        parts.append((clean(span.name) or "(no name)", f"{self._weight(row)} {'red' if span.failed else ''}".strip()))
        parts.extend((f" {note}", "dim") for note in self._notes(row))
        for text, style in parts:
            shown = cut(text, room, glyphs) if room > 0 else ""
            line.append(shown, style=style)
            room -= cell_len(shown)
        return line

    def _notes(self, row: Row) -> Iterator[str]:
        span = row.first
        if span.span_id in self._missing:
            yield f"(its parent {span.parent_id} is missing)"
        if span.attributes.get("autotrace.unfinished"):
            yield "(open when its process ended)"
        yield from self._place(row.spans)

    @staticmethod
    def _place(spans: list[Span]) -> Iterator[str]:
        """Say where requests without a route went: exactly, if that was one place."""
        if where(spans[0]):
            each = {peer(span) if span.kind == "CLIENT" else served_path(span) for span in spans}
            yield clean(each.pop() if len(each) == 1 else where(spans[0]))

    def _weight(self, row: Row) -> str:
        return "bold" if any(span.span_id in self._on_path for span in row.spans) else ""

    def _stress(self, row: Row) -> str:
        """Stress the duration of what is worth making faster: a tenth of the trace is this row's own time on the path."""
        own = sum(end - start for span in row.spans for start, end in self._stretches.get(span.span_id, []))
        return "bold" if own * 10 >= self._trace.duration_ns else ""

    def _draw(self, row: Row, line: Text, colour: str) -> None:
        if self._axis is None:
            return
        if row.waited_from_ns is not None:
            cells = self._axis.wait_cells(row.waited_from_ns, row.first.start_ns, self._glyphs)
        else:
            ran = [(span.start_ns, span.end_ns) for span in row.spans]
            on_path = [part for span in row.spans for part in self._stretches.get(span.span_id, [])]
            cells = self._axis.span_cells(ran, on_path, self._glyphs)
        for cell, run in groupby(cells):
            line.append("".join(run), style=f"bold {colour}" if cell == self._glyphs.path else f"dim {colour}")

    def _beneath(self, row: Row) -> Iterator[Text]:
        glyphs = self._glyphs
        below = row.below if len(row.below) <= self._wrap // 3 else glyphs.more + row.below[-8:]
        failure = told_failure(row.first)
        if failure is not None:
            line = Text(below, style="dim")
            yield line.append(cut(clean(failure), self._width - cell_len(below), glyphs), style="not dim red")
        if self._details:
            for key, text in detail_lines(row.spans, self._trace.start_ns, glyphs):
                yield from _wrapped(below, key, text, self._wrap)

    def _foot(self) -> Iterator[Text]:
        if any(row.left_out for row in self._rows):
            every = "`autotrace show --all` draws every span"
            yield Text(cut(every, self._width, self._glyphs), style="dim")
        glyphs, total = self._glyphs, max(1, self._trace.duration_ns)
        parts = [(clean(service), self._colour[service], ns) for service, ns in self._path.by_service().items()]
        if self._path.waited_ns():
            parts.append(("queues", "dim", self._path.waited_ns()))
        parts = sorted((part for part in parts if part[2] / total >= 0.005), key=lambda part: -part[2])
        line = Text("critical path  ")
        used = line.cell_len
        for number, (name, style, ns) in enumerate(parts):
            text = f"{name} {duration(ns, glyphs)} {ns / total:.0%}"
            joint = f" {glyphs.dot} " if number else ""
            if number and used + cell_len(joint + text) > self._wrap:
                line.truncate(self._width)
                yield line
                line, used, joint = Text(" " * 15), 15, ""
            line.append(joint, style="dim").append(text, style=style)
            used += cell_len(joint + text)
        line.truncate(self._width)
        yield line
        signs = glyphs.kinds
        legend = (
            f"{glyphs.path} on it  {glyphs.work} off it  {glyphs.wait} queued  "
            f"{signs['SERVER']} serves  {signs['CLIENT']} calls  {signs['PRODUCER']} sends  {signs['CONSUMER']} takes"
        )
        yield Text(cut(" " * 15 + legend, self._width, glyphs), style="dim")


def _unit(ns: int, glyphs: Glyphs) -> tuple[str, int]:
    """Choose one unit for the whole scale by its last label; return it with its length in ns."""
    for unit, size in (("s", 10**9), ("ms", 10**6), (glyphs.micro, 10**3)):
        if ns >= size:
            return unit, size
    return "ns", 1


def _wrapped(below: str, key: str, text: str, width: int) -> Iterator[Text]:
    """Print a detail whole: in as many lines as it needs, the lines of a stack trace as lines."""
    lead, marked = below + "  ", len(key)
    for source in f"{key} {text}".split("\n"):
        for part in _pieces(clean(source.replace("\t", "    ")), max(2, width - cell_len(below) - 4)):
            line = Text(lead, style="dim").append(part[:marked], style="not dim blue")
            yield line.append(part[marked:], style="not dim")
            lead, marked = below + "    ", max(0, marked - len(part))
        marked = 0


def _pieces(text: str, width: int) -> Iterator[str]:
    """Cut a text into pieces of a width in cells; an empty text is one empty piece."""
    piece, used = "", 0
    for sign in text:
        size = cell_len(sign)
        if used + size > width:
            yield piece
            piece, used = "", 0
        piece += sign
        used += size
    yield piece
