"""The attempts that one call of the program makes: redirects, retries, authentication.  They are in one trace.

Each is a span.  Where no span is current they would be traces of their own; here they are beside each other in one, and say
how many came before.
"""

from __future__ import annotations

from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.trace.span import Span


class Made:
    """The attempts that one call has made.

    Attributes:
        count: how many.
        first: the first one, or None.
    """

    __slots__ = ("count", "first")

    def __init__(self) -> None:
        self.count = 0
        self.first: Span | None = None

    def add(self, span: Span, excluded: bool) -> None:
        """Count an attempt, and put it beside the first one where both would be roots.

        Args:
            span: it has just begun.
            excluded: the user excluded it; that holds for it alone.
        """
        self.count += 1
        first = self.first
        if first is None:
            if not excluded:
                self.first = span
        elif span.previous is None and first.previous is None:
            span.trace = first.trace.unsampled() if excluded else first.trace
            span.parent_id = first.parent_id
            span.remote = first.remote


made: ContextVar[Made | None] = ContextVar("autotrace_made", default=None)


def resends() -> int:
    """Return how many attempts the call that runs here has made."""
    call = made.get()
    return call.count if call is not None else 0
