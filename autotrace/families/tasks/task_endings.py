"""Tasks that are ended from outside: the process that runs one is killed by its parent, which alone knows why.

The parent says so beforehand, in memory that it shares with all that it forks; whoever ends by a signal looks there for its
own id.  Nothing is known where processes are not forked, and where a signal leaves no time (SIGKILL).
"""

from __future__ import annotations

import os
from mmap import mmap
from struct import Struct

from autotrace.faults import fault
from autotrace.patching.wrapping import before
from autotrace.trace.failure import failure_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Optional

    from autotrace.patching import Args, Kwargs, Wrap
    from autotrace.trace.span import Facts, Span

    # the process that will be killed, why (not 0), and a number that belongs to that; None: it is not killed
    Sentence = Callable[[Args, Kwargs], Optional[tuple[int, int, float]]]
    # the state that the task is in then, and the exception that says so, from the last two of those
    Verdict = Callable[[int, float], tuple[str, BaseException]]

_RECORD = Struct("qqd")
_RECORDS = 256  # those that are killed at the same time; a later one takes the place of the oldest


class Endings:
    """What the parent says of its children; made before they are forked.

    Args:
        verdict: see Verdict.
    """

    __slots__ = ("_memory", "_next", "_verdict")

    def __init__(self, verdict: Verdict) -> None:
        self._memory = mmap(-1, _RECORD.size * _RECORDS)
        self._next = 0
        self._verdict = verdict

    def announced(self, sentence: Sentence) -> Wrap:
        """Wrap a function of the parent's that kills a child.

        Args:
            sentence: see Sentence; it looks at the arguments.
        """

        def look(args: Args, kwargs: Kwargs) -> None:
            found = sentence(args, kwargs)
            if found is not None:
                self._say(*found)

        return before(look)

    def so_far(self, span: Span) -> Facts | None:
        """Return state and reason of a task whose process ends while it runs, where the parent has said why."""
        try:
            found = self.of_this_process()
            if found is not None:
                outcome, error = found
                span.failure = failure_of(error)
                return outcome
        except Exception:
            fault(span.operation.scope)
        return None

    def of_this_process(self) -> tuple[Facts, BaseException] | None:
        """Return state and reason of what runs here, and the exception that says why it ends, if the parent has said so."""
        me = os.getpid()
        for position in range(0, _RECORD.size * _RECORDS, _RECORD.size):
            process, why, number = _RECORD.unpack_from(self._memory, position)
            if process == me and why:
                state, error = self._verdict(why, number)
                return (state, ""), error
        return None

    def _say(self, process: int, why: int, number: float) -> None:
        position = self._next % _RECORDS * _RECORD.size
        self._next += 1
        _RECORD.pack_into(self._memory, position, process, why, number)
