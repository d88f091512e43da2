"""Spans in traces of a given length, or at a given pace: ``python scale_autotrace.py trace 1000``, ``... pace 5000``."""

from __future__ import annotations

import sys
import time

from chunks import serve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_TICK = 0.01  # s; what is due in it is done at once, as requests come in bursts


def main(roots: Callable[[int, int], None]) -> None:
    """Take orders.

    Args:
        roots: makes a number of traces of a number of spans each, the root included.
    """
    mode, size = sys.argv[1], int(sys.argv[2])

    def long(count: int) -> None:
        for begun in range(0, count, size):
            roots(1, min(size, count - begun))

    def paced(count: int) -> None:
        each = max(int(size * _TICK), 1)
        due = time.perf_counter()
        for _ in range(0, count, each):
            roots(each, 1)
            due += _TICK
            time.sleep(max(due - time.perf_counter(), 0))

    serve(long if mode == "trace" else paced)
