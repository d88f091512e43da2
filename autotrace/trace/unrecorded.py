"""What is current beneath a root that was not sampled: its place in a trace that nobody records.

Most of these are never asked for anything, so trace and id are made when somebody asks.
"""

from __future__ import annotations

from autotrace.trace import ids
from autotrace.trace.span import INTERNAL, RANDOM, UNSET, Operation, Span, Trace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Unrecorded(Span):
    """A root that is not sampled; of it nothing is ever told.

    Attributes:
        drawn: the trace id by which it was not sampled.
    """

    __slots__ = ("_id", "_trace", "drawn")

    _id: str
    _trace: Trace
    drawn: str
    operation = Operation("unrecorded", INTERNAL, "autotrace", lambda *_: ("", {}, UNSET, ""))
    facts: Any = ()
    parent_id = ""
    previous = None
    remote = False
    start = 1
    extras = None

    @property
    def trace(self) -> Trace:  # type: ignore[override]
        """The trace, made when it is first asked for."""
        try:
            return self._trace
        except AttributeError:
            self._trace = made = Trace(self.drawn, RANDOM)
            return made

    @property
    def span_id(self) -> str:  # type: ignore[override]
        """The id, made when it is first asked for."""
        try:
            return self._id
        except AttributeError:
            self._id = made = ids.span_id()
            return made
