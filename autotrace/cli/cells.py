"""The width of text in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

if TYPE_CHECKING:
    from autotrace.cli.glyphs import Glyphs


def cut(text: str, width: int, glyphs: Glyphs) -> str:
    """Shorten to a width in terminal cells; what is cut off leaves a mark."""
    if cell_len(text) <= width:
        return text
    mark = glyphs.more
    if width <= len(mark):
        return mark[: max(0, width)]
    return set_cell_size(text, width - len(mark)) + mark


def cut_within(text: str, width: int, glyphs: Glyphs) -> str:
    """Shorten a path as `cut` does, but in its middle: whose it is and what it ends in tells it from others."""
    if cell_len(text) <= width:
        return text
    end = text[len(text) - max(0, width * 3 // 5) :]
    if len(end) != cell_len(end):  # wide letters: not worth the pains
        return cut(text, width, glyphs)
    return cut(text, width - cell_len(end), glyphs) + end
