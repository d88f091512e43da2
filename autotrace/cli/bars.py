"""Draws when spans ran, as cells on the time axis of a trace: work, the part on the critical path, waits.

A cell belongs to the critical path if the path spent at least half of that cell's time in the span itself, so that
reading down the rows shows one staircase. A span is never invisible, however short.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autotrace.cli.glyphs import Glyphs


class Axis:
    """The time axis of one trace.

    Attributes:
        width: in cells.
        start_ns: ns since the epoch at its left edge.
        length_ns: ns that it covers.
    """

    def __init__(self, start_ns: int, end_ns: int, width: int) -> None:
        self.width = width
        self.start_ns = start_ns
        self.length_ns = max(1, end_ns - start_ns)

    def position(self, moment_ns: int) -> float:
        """Return where a moment lies, in cells from the left."""
        return (moment_ns - self.start_ns) / self.length_ns * self.width

    def cells(self, start_ns: int, end_ns: int) -> range:
        """Return the cells that a stretch of time touches, at least one."""
        left = min(int(self.position(start_ns)), self.width - 1)
        right = min(math.ceil(self.position(end_ns)), self.width)
        return range(max(0, left), max(left + 1, right))

    def span_cells(
        self, stretches: Iterable[tuple[int, int]], on_path: Iterable[tuple[int, int]], glyphs: Glyphs
    ) -> list[str]:
        """Draw spans.

        Args:
            stretches: start and end of each span, ns since the epoch.
            on_path: start and end of what the critical path spent in them, ns since the epoch.
            glyphs: the signs.
        """
        drawn = [" "] * self.width
        lengths = 0
        for start_ns, end_ns in stretches:
            lengths += end_ns - start_ns
            for cell in self.cells(start_ns, end_ns):
                drawn[cell] = glyphs.work
        covered = [0.0] * self.width
        for start_ns, end_ns in on_path:
            left, right = self.position(start_ns), self.position(end_ns)
            for cell in self.cells(start_ns, end_ns):
                covered[cell] += max(0.0, min(right, cell + 1) - max(left, cell))
        # A span shorter than a cell cannot fill half of it: there, half of the span itself is asked for.
        enough = min(0.5, lengths / self.length_ns * self.width / 2) or 1.0
        for cell, share in enumerate(covered):
            if share >= enough and drawn[cell] != " ":
                drawn[cell] = glyphs.path
        return drawn

    def wait_cells(self, start_ns: int, end_ns: int, glyphs: Glyphs) -> list[str]:
        """Draw a wait in a queue."""
        drawn = [" "] * self.width
        for cell in self.cells(start_ns, end_ns):
            drawn[cell] = glyphs.wait
        return drawn

    def ticks(self) -> list[tuple[int, int]]:
        """Return round moments as (cell, ns from the start), about one for every 14 cells."""
        rough = self.length_ns / max(1, self.width / 14)
        power = 10 ** math.floor(math.log10(rough)) if rough >= 1 else 1
        step = next(int(power * factor) for factor in (1, 2, 5, 10) if power * factor >= rough or factor == 10)
        return [
            (min(int(self.position(self.start_ns + at)), self.width - 1), at)
            for at in range(0, self.length_ns + 1, max(1, step))
        ]
