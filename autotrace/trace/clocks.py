"""The clocks of the agent, which no program under test can turn: freezers of time are for the program's own.

Some put other functions into modules: what is held by an object here stays the real one.  Some change what the functions
of C do: they leave alone the counter of performance, and every clock of the system but the one that ``time.time`` asks.
Where there is no other (anywhere but on Linux) the wall clock is the program's.
"""

from __future__ import annotations

import sys
from time import perf_counter, perf_counter_ns, time_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_COARSE, _TAI = 5, 11  # clock_gettime(2): CLOCK_REALTIME_COARSE, CLOCK_TAI; Python 3.9 has no names for both
_SECOND = 1_000_000_000  # ns


class Clocks:
    """Functions that return the time.

    Attributes:
        now: seconds that only ever grow, of ``time.perf_counter``.
        now_ns: the same in nanoseconds.
        wall_ns: nanoseconds since the epoch.
    """

    __slots__ = ("now", "now_ns", "wall_ns")

    def __init__(self) -> None:
        self.now: Callable[[], float] = perf_counter
        self.now_ns: Callable[[], int] = perf_counter_ns
        self.wall_ns: Callable[[], int] = _wall()


def _wall() -> Callable[[], int]:
    if sys.platform != "linux":
        return time_ns
    from time import clock_gettime_ns

    read = clock_gettime_ns

    def wall_ns() -> int:
        # TAI is the wall clock but for whole seconds; the coarse one tells how many, and is at most some ms behind.
        exact = read(_TAI)
        return exact - (exact - read(_COARSE) + _SECOND // 2) // _SECOND * _SECOND

    try:
        wall_ns()
    except OSError:  # a system that only looks like Linux
        return time_ns
    return wall_ns


clocks = Clocks()
