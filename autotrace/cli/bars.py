"""Draws when spans ran, as cells on the time axis of a trace: work, the part on the critical path, waits.

A cell of a span belongs to the critical path if the path lay in the span itself for at least half of the time that
the span ran in that cell, so that reading down the rows shows one staircase. A span is never invisible, however short.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

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
        """Return the cells that show a stretch of time, at least one; what follows without a gap is drawn without one."""
        left = max(0, min(round(self.position(start_ns)), self.width - 1))
        return range(left, max(left + 1, min(round(self.position(end_ns)), self.width)))

    def span_cells(
        self, stretches: Collection[tuple[int, int]], on_path: Iterable[tuple[int, int]], glyphs: Glyphs
    ) -> list[str]:
        """Draw spans.

        Args:
            stretches: start and end of each span, ns since the epoch.
            on_path: start and end of what the critical path spent in them, ns since the epoch.
            glyphs: the signs.
        """
        drawn = [" "] * self.width
        ran, path = self._shares(stretches), self._shares(on_path)
        for start_ns, end_ns in stretches:
            shown = self.cells(start_ns, end_ns)
            for cell in shown:
                # A span that is shown as one cell may lie across the border of two.
                looked_at = self._touched(start_ns, end_ns) if len(shown) == 1 else (cell,)
                time_in = sum(ran.get(one, 0.0) for one in looked_at)
                time_on_path = sum(path.get(one, 0.0) for one in looked_at)
                drawn[cell] = glyphs.path if 0 < time_in <= 2 * time_on_path else glyphs.work
        return drawn

    def wait_cells(self, start_ns: int, end_ns: int, glyphs: Glyphs) -> list[str]:
        """Draw a wait in a queue."""
        drawn = [" "] * self.width
        for cell in self.cells(start_ns, end_ns):
            drawn[cell] = glyphs.wait
        return drawn

    def _touched(self, start_ns: int, end_ns: int) -> range:
        return range(int(self.position(start_ns)), math.ceil(self.position(end_ns)))

    def _shares(self, stretches: Iterable[tuple[int, int]]) -> dict[int, float]:
        """Return which part of each touched cell's time the stretches fill, together."""
        shares: dict[int, float] = {}
        for start_ns, end_ns in stretches:
            left, right = self.position(start_ns), self.position(end_ns)
            for cell in self._touched(start_ns, end_ns):
                shares[cell] = shares.get(cell, 0.0) + min(right, cell + 1) - max(left, cell)
        return shares

    def ticks(self) -> list[tuple[int, int]]:
        """Return round moments as (cell, ns from the start), at least 7 cells apart."""
        rough = self.length_ns / max(1, self.width / 7)
        power = 10 ** math.floor(math.log10(rough)) if rough >= 1 else 1
        step = next(int(power * factor) for factor in (1, 2, 5, 10) if power * factor >= rough or factor == 10)
        return [
            (min(int(self.position(self.start_ns + at)), self.width - 1), at)
            for at in range(0, self.length_ns + 1, max(1, step))
        ]
