"""The list of traces: one line each, the newest first, in columns that fit the given width."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from autotrace.cli.cells import cut
from autotrace.cli.text import clean, duration, moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autotrace.cli.glyphs import Glyphs
    from autotrace.store.queries import Summary

SHORT_ID = 8
HEADS = ("TIME", "TRACE", "ROOT", "SERVICES", "SPANS", "ERR", "DURATION")


def listing(summaries: Sequence[Summary], width: int, glyphs: Glyphs) -> Iterator[Text]:
    """Yield a heading and one line for each trace, none wider than `width` cells."""
    rows = [
        (
            moment(one.start_ns),
            one.trace_id[:SHORT_ID],
            clean(one.root) + (f" {one.status_code}" if one.status_code else ""),
            _services(one.services, 10_000, glyphs),
            str(one.spans),
            str(one.errors) if one.errors else "",
            duration(one.duration_ns, glyphs),
        )
        for one in summaries
    ]
    cells = [max(cell_len(text) for text in column) for column in zip(HEADS, *rows)]
    gaps = 2 * (len(cells) - 1)
    room = max(12, width - gaps - sum(cells) + cells[2] + cells[3])
    # The root is what one looks for: it may take three fifths, and all that the services leave.
    cells[2] = min(cells[2], max(room - cells[3], int(room * 0.6)))
    cells[3] = min(cells[3], room - cells[2])
    yield _line([cut(head, size, glyphs) for head, size in zip(HEADS, cells)], cells, ["dim"] * len(cells), width)
    for one, row in zip(summaries, rows):
        texts = list(row)
        texts[2] = cut(row[2], cells[2], glyphs)
        texts[3] = _services(one.services, cells[3], glyphs)
        failed = "bold red" if one.errors else ""
        yield _line(texts, cells, ["dim", "cyan", failed or "bold", "", "", failed, ""], width)


def _line(texts: Sequence[str], cells: Sequence[int], styles: Sequence[str], width: int) -> Text:
    line = Text()
    for number, (text, size, style) in enumerate(zip(texts, cells, styles)):
        gap = " " * (size - cell_len(text))
        if number >= 4:  # numbers stand to the right
            line.append(gap).append(text, style=style)
        else:
            line.append(text, style=style).append(gap)
        if number < len(cells) - 1:
            line.append("  ")
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
