"""The list of traces: one line each, the newest first, in columns that fit the given width, or where there is none whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from autotrace.cli.cells import cut, cut_within
from autotrace.cli.text import duration, moment
from autotrace.terminal import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autotrace.cli.glyphs import Glyphs
    from autotrace.store.queries import Summary

SHORT_ID = 8
HEADS = ("TIME", "TRACE", "ROOT", "STATUS", "SERVICES", "SPANS", "ERR", "DURATION")
ROOT, STATUS, SERVICES, SPANS, ERRORS = 2, 3, 4, 5, 6
GAP = 2  # cells


def listing(summaries: Sequence[Summary], width: int | None, glyphs: Glyphs) -> Iterator[Text]:
    """Yield a heading and one line for each trace.

    Args:
        summaries: what to list.
        width: of a line in cells, to which names are cut; None where every line may be as long as it is.
        glyphs: the signs to draw with.
    """
    rows = [
        (
            moment(one.start_ns),
            one.trace_id[:SHORT_ID],
            clean(one.operation),
            str(one.status_code) if one.status_code else "",
            _services(one.services, 10_000, glyphs),
            str(one.spans),
            str(one.errors) if one.errors else "",
            duration(one.duration_ns, glyphs),
        )
        for one in summaries
    ]
    cells = [max(cell_len(text) for text in column) for column in zip(HEADS, *rows)]
    if width is not None:
        _fit(cells, width, {number for number, column in enumerate(zip(*rows)) if not any(column)})
    yield _line([Text(cut(head, size, glyphs), style="dim") for head, size in zip(HEADS, cells)], cells, width)
    for one, row in zip(summaries, rows):
        texts = [Text(text, style=style) for text, style in zip(row, _styles(one))]
        texts[ROOT] = _root(one, cells[ROOT], glyphs)
        texts[SERVICES] = Text(_services(one.services, cells[SERVICES], glyphs))
        yield _line(texts, cells, width)


def _fit(cells: list[int], width: int, empty: set[int]) -> None:
    """Make columns narrower until a line fits; one that gets no cells is not drawn.

    The root is what one looks for: before it is cut, columns go in which nothing stands, then the number of spans; then it
    has three fifths of what the others leave, and all that the services do not need.
    """
    for number in (None, ERRORS, STATUS, SPANS):
        if number is not None and (number in empty or number == SPANS):
            cells[number] = 0
        room = width - sum(size + GAP for size in cells if size) + GAP + cells[ROOT] + cells[SERVICES]
        least = min(cells[SERVICES], len(HEADS[SERVICES]))
        if cells[ROOT] <= room - least:
            break
    room = max(12, room)
    cells[ROOT] = min(cells[ROOT], max(room - cells[SERVICES], room - least, int(room * 0.6)))
    cells[SERVICES] = min(cells[SERVICES], room - cells[ROOT])


def _styles(one: Summary) -> Iterator[str]:
    failed, code = "bold red" if one.errors else "", one.status_code or 0
    answered = "bold red" if code >= 500 else "yellow" if code >= 400 else ""
    yield from ("dim", "cyan", failed or "bold", answered, "", "", failed, "")


def _root(one: Summary, width: int, glyphs: Glyphs) -> Text:
    """Write what the root does; a path that stands in for a route that is not known is dim."""
    style = "bold red" if one.errors else "bold"
    if one.operation == one.root:
        return Text(cut(clean(one.root), width, glyphs), style=style)
    text = Text(cut_within(clean(one.operation), width, glyphs), style=style)
    if not one.errors:
        text.stylize("not bold dim", len(clean(one.root)))
    return text


def _line(texts: Sequence[Text], cells: Sequence[int], width: int | None) -> Text:
    line = Text()
    for number, (text, size) in enumerate(zip(texts, cells)):
        if not size:
            continue
        gap = " " * (size - text.cell_len)
        line.append(" " * GAP if number else "")
        if number > SERVICES:  # numbers stand to the right
            line.append(gap).append_text(text)
        else:
            line.append_text(text).append(gap)
    if width is not None:
        line.truncate(width)
    line.rstrip()
    return line


def _services(names: Sequence[str], width: int, glyphs: Glyphs) -> str:
    """Name as many services as fit, in the order in which they took part, and count the rest."""
    cleaned = [clean(name) for name in names]
    for shown in range(len(cleaned), 0, -1):
        text = ", ".join(cleaned[:shown])
        if shown < len(cleaned):
            text += f" +{len(cleaned) - shown}"
        if cell_len(text) <= width:
            return text
    return cut(cleaned[0] if cleaned else "", width, glyphs)
