"""The attempts that one call of the program makes: redirects, retries, authentication.  They are in one trace.

Each is a span.  Where no span is current they would be traces of their own; here they are beside each other in one, and say
how many came before.  ``session`` is for the function that the program calls, ``async_session`` (``http_attempts``) for a
coroutine.  Where a library has another make its attempts, it sees them by ``attempted`` and ``again``.
"""

from __future__ import annotations

from contextvars import ContextVar

from autotrace.faults import fault
from autotrace.patching.wrapping import around
from autotrace.trace.context import setter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.trace.span import Span


class Made:
    """The attempts that one call has made.

    Attributes:
        scope: the instrumentor of whose calls it is one.
        count: how many.
        first: the first one that the user does not exclude, or None.
        last: the last one, or None.
        over: the call has returned; what still runs in a copy of its context has no part in it.
    """

    __slots__ = ("count", "first", "last", "over", "scope")

    def __init__(self, scope: str) -> None:
        self.scope = scope
        self.count = 0
        self.first: Span | None = None
        self.last: Span | None = None
        self.over = False

    def add(self, span: Span, excluded: bool) -> None:
        """Count an attempt, and put it beside the first one where both would be roots.

        Args:
            span: it has just begun.
            excluded: the user excluded it; that holds for it alone.
        """
        if self.over or self.scope != span.operation.scope:
            return
        self.count += 1
        self.last = span
        if self.first is not None:
            beside(span, self.first, excluded)
        elif not excluded:
            self.first = span


_ALONE = (None,)

made: ContextVar[Made | None] = ContextVar("autotrace_made", default=None)
make = setter(made)


def beside(span: Span, first: Span, excluded: bool) -> None:
    """Put an attempt that has just begun into the trace of an earlier one, where both would be roots."""
    if span.previous is None and first.previous is None:
        span.trace = first.trace.unsampled() if excluded else first.trace
        span.parent_id = first.parent_id
        span.remote = first.remote


def resends(scope: str) -> int:
    """Return how many attempts the call of an instrumentor that runs here has made."""
    call = made.get()
    return call.count if call is not None and call.scope == scope and not call.over else 0


def session(goes_on: Callable[[Args, Kwargs], bool] | None = None) -> Wrap:
    """Trace a function that may make several attempts.

    Args:
        goes_on: tells whether it is called by itself for the same call of the program; by default it never is.
    """

    def wrap(original: Call, scope: str) -> Call:
        def enter(args: Args, kwargs: Kwargs) -> tuple[tuple[Made | None], Args]:
            outer = made.get()
            if outer is None:  # PERF: most calls are not a part of another
                make(Made(scope))
                return _ALONE, args
            return (start(scope, goes_on, args, kwargs),), args

        def leave(outer: tuple[Made | None], result: Any) -> Any:
            end(outer[0], scope)
            return result

        return around(enter, leave, leave)(original, scope)

    return wrap


def start(scope: str, goes_on: Callable[[Args, Kwargs], bool] | None, args: Args, kwargs: Kwargs) -> Made | None:
    """Begin a call, unless it is a part of the one around it, which goes on; return that one.  Never raises."""
    try:
        outer = made.get()
        if outer is None or outer.over or outer.scope != scope or goes_on is None or not goes_on(args, kwargs):
            make(Made(scope))
    except Exception:
        fault(scope)
        return made.get()
    return outer


def end(outer: Made | None, scope: str) -> None:
    """End the call that runs here, unless it is a part of the one around it.  Never raises."""
    try:
        call = made.get()
        if call is not outer:
            if call is not None:
                call.over = True
            make(outer)
    except Exception:
        fault(scope)
        make(outer)
