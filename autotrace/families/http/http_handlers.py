"""A server's own function that handles a request, or one that returns the response.

``wsgi`` and ``asgi`` are the boundaries of servers that call an application in the ways of these.
"""

from __future__ import annotations

from autotrace.conventions.http_server import DISCONNECTED, describe
from autotrace.families.http import http_server
from autotrace.faults import fault
from autotrace.patching.wrapping import after, around
from autotrace.trace.context import get_current, set_current
from autotrace.trace.inheriting import own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.http.http_server import OutcomeOf, RequestOf
    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.trace.span import Describe, Span


def kept(name: str, request_of: RequestOf, outcome_of: OutcomeOf) -> Wrap:
    """Trace what each connection keeps as its attribute ``name`` once the patched method has run, as `handler` does."""
    traced = handler(request_of, outcome_of)

    def wrap(original: Call, scope: str) -> Call:
        def change(args: Args, _kwargs: Kwargs, result: Any) -> Any:
            setattr(args[0], name, traced(getattr(args[0], name), scope))
            return result

        return after(change)(original, scope)

    return wrap


def handler(
    request_of: RequestOf,
    outcome_of: OutcomeOf,
    *,
    outermost: bool = True,
    awaited: bool = True,
    meaning: Describe = describe,
) -> Wrap:
    """Trace a function that handles a request: a server's own, which sends the response, or one that returns it.

    A ``ConnectionError`` that leaves a server's means that the client went away.  Where a stream was held meanwhile
    (``http_streams``) the span ends with that.

    Args:
        request_of: returns where the facts are found, and a function that looks up a header (see Asked); None means that
            the request is not traced.
        outcome_of: see OutcomeOf.
        outermost: it is the server's own; where it is not, a request that is being served has its span already.
        awaited: it is a coroutine function.
        meaning: what the facts mean.
    """

    def wrap(original: Call, scope: str) -> Call:
        made = http_server.operation(scope, meaning)

        def open_(args: Args, kwargs: Kwargs) -> Span | None:
            try:
                found = request_of(args, kwargs) if outermost or http_server.serving() is None else None
                if found is None:
                    return None
                span = http_server.begin(made, found, 0, outermost)
                own(span)
                set_current(span)
            except Exception:
                fault(scope)
                return None
            return span

        def close(span: Span, args: Args, kwargs: Kwargs, result: Any, error: BaseException | None) -> None:
            try:
                if not span.trace.sampled:
                    http_server.finished(span, None, None)
                    return
                if outermost and isinstance(error, ConnectionError):
                    failure = http_server.noted(span)
                    http_server.tell(span, DISCONNECTED, True)
                else:
                    failure = http_server.failure_in(span, error)
                status, route, view = outcome_of(args, kwargs, result)
                notes = span.noted()
                if status is None:
                    status = notes.get("status")
                if route is not None:
                    notes["route"] = route
                if view is not None:
                    notes["view"] = http_server.name_of(view)
                if error is None and notes.get("held"):
                    notes["status"] = status
                    return
                if status is None and not outermost and failure is not None:
                    status = 500  # what a server answers in the application's stead
                http_server.finished(span, status, failure)
            except Exception:
                fault(scope)
                http_server.unfinished(span)

        def enter(args: Args, kwargs: Kwargs) -> tuple[Any, Args]:
            before = get_current()
            span = open_(args, kwargs)
            return (None if span is None else (span, before, args, kwargs)), args

        def leave(state: Any, result: Any) -> Any:
            span, before, args, kwargs = state
            close(span, args, kwargs, result, None)
            set_current(before)
            return result

        def raised(state: Any, error: BaseException) -> None:
            span, before, args, kwargs = state
            close(span, args, kwargs, None, error)
            set_current(before)

        return around(enter, leave, raised, awaited)(original, scope)

    return wrap
