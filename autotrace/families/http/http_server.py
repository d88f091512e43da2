"""The family of HTTP servers: what a request's span means, how it begins and ends, and what frameworks add to it.

The span belongs to the server's boundary (``wsgi``, ``asgi``, ``http_handlers``); a framework adds the route and the
exception that it turned into a response (``http_routes``), and makes the span itself where no server did.  None of this uses
``tracer.finish``: the wrappers put back by value what was current, and a span may end before the task in which it stays
current.

Not handled: the ``Forwarded`` header (``X-Forwarded-For`` is read), and what a proxy says of scheme and host.

Semantic conventions 1.44, "HTTP server span".
"""

from __future__ import annotations

from functools import partial

from autotrace.conventions import http
from autotrace.conventions.http_server import (
    CLOSE_CODE,
    DISCONNECTED,
    MESSAGES_RECEIVED,
    MESSAGES_SENT,
    PIECES,
    describe,
)
from autotrace.faults import fault
from autotrace.patching.wrapping import after
from autotrace.propagation import incoming
from autotrace.trace.clocks import clocks
from autotrace.trace.context import get_current
from autotrace.trace.failure import failure_of
from autotrace.trace.span import CONSUMER, INTERNAL, SERVER, Operation, Span
from autotrace.trace.tracer import tracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Optional

    from autotrace.patching import Args, Kwargs, Wrap
    from autotrace.propagation import Get
    from autotrace.trace.failure import Failure
    from autotrace.trace.span import Describe, Facts

    # method, scheme, path as in the request line, query (None: it is still in the path), Host header, (address, port) of
    # the server, address of the client, X-Forwarded-For, User-Agent, protocol version ("1.1"); None where not known.
    # Two more where a proxy in front says when it got the request (see `waited`)
    Request = tuple[
        str,
        str,
        str,
        Optional[str],
        Optional[str],
        Optional[tuple[str, Any]],
        Optional[str],
        Optional[str],
        Optional[str],
        Optional[str],
    ]
    # what tells the facts, and of what; a function that looks up a header.  Where the trace is not sampled, nobody asks
    Asked = tuple[Callable[..., Request], Args, Get]
    RequestOf = Callable[[Args, Kwargs], Optional[Asked]]
    # status code, route and view, from arguments and result; there is no result where an exception passes
    OutcomeOf = Callable[[Args, Kwargs, Any], tuple[Optional[int], Optional[str], Any]]

FAMILY = "http_server"
_WITHIN = INTERNAL, CONSUMER  # what a request may be at: blocks of the program's own, and messages that it has pulled

_operations: dict[tuple[str, Describe], Operation] = {}


def operation(scope: str, meaning: Describe = describe) -> Operation:
    """Return what all requests at one boundary have in common, also where a server takes its application anew for each."""
    made = _operations.get((scope, meaning))
    if made is None:
        made = _operations[scope, meaning] = Operation(FAMILY, SERVER, scope, meaning)
        made.so_far = _so_far
    return made


def _so_far(span: Span) -> Facts | None:
    """A route is known as soon as the framework has found it, so that what was open has the name of what was not."""
    return None if span.notes is None else (None, span.notes.get("route"), span.notes.get("view"))


def serving() -> Span | None:
    """Return the span of the request that is being served here, if it has not ended."""
    span = get_current()
    while span is not None:
        if span.operation.family is FAMILY:
            return None if span.end else span
        if span.operation.kind not in _WITHIN:
            return None  # a call from here to another application in this process
        span = span.previous
    return None


def served(key: int, outermost: bool) -> bool:
    """Tell whether somebody further out has made the span of this request.

    Args:
        key: the ``id`` of what stands for the request.
        outermost: nobody but another server is further out.  Then the current span counts only if it is this very
            request's: a server may start on the next request of a connection within the context of the one before.
    """
    span = serving()
    if span is None:
        return False
    return not outermost or (span.notes is not None and span.notes.get("key") == key)


def begin(made: Operation, asked: Asked, key: int, outermost: bool) -> Span:
    """Start the span of a request beneath the caller's; it is not current yet.

    Where nothing came in it is a root at a server's boundary; in a framework it is beneath what is current, which is a
    call from within this process (a test).
    """
    previous = None if outermost else get_current()
    if previous is not None and previous.operation.family is FAMILY:
        previous = None
    request_of, source, get = asked
    span = tracer.enter(made, (), incoming(get), previous)
    if span.trace.sampled:
        span.facts = request = request_of(*source)
        if http.excludes() and http.excluded(_Whole(request)):
            span.trace = span.trace.unsampled()
    if outermost:
        span.notes = {"key": key}
    return span


def waited(request: Request, since: str) -> Request:
    """Add to the facts of a request when a proxy says that it got it, and what time it is now.

    Args:
        request: the facts.
        since: the header ``X-Request-Start`` or ``X-Queue-Start``.
    """
    return (*request, since, clocks.wall_ns())  # type: ignore[return-value]


class _Whole:
    """The URL of a request, put together only where somebody looks at it."""

    __slots__ = ("_request",)

    def __init__(self, request: Request) -> None:
        self._request = request

    def __str__(self) -> str:
        _, scheme, path, query, host, server, *_ = self._request
        if not host:
            host = f"{server[0]}:{server[1]}" if server is not None else ""
        return f"{scheme}://{host}{path}{f'?{query}' if query else ''}"


def failure_in(span: Span, error: BaseException | None) -> Failure | None:
    """Return the failure of an exception that ends a request; an interrupt or a cancelled task is none."""
    if not isinstance(error, Exception) or not span.trace.sampled:
        return None
    failure = failure_of(error)
    told = id(error), failure.type, failure.message
    failure.repeated = span.notes is not None and span.notes.get("told") == told
    return failure


def noted(span: Span) -> Failure | None:
    """Return the exception that a framework turned into a response."""
    return span.notes.get("failure") if span.notes is not None else None


def note_error(span: Span, error: BaseException | None, late: bool) -> None:
    """Note an exception that a framework is about to turn into a response.

    Args:
        span: the request's.
        error: the exception, or None where there is none that counts.
        late: the exception counts whatever the status is.
    """
    failure = failure_in(span, error)
    if failure is not None:
        notes = span.noted()
        notes["raised" if late else "failure"] = failure
        if late:
            notes["raised_id"] = id(error)


def handled(span: Span, errors: tuple[int, ...]) -> None:
    """Forget an exception that counts whatever the status is if it is one of these, by id: none is the program's."""
    if span.notes is not None and span.notes.get("raised_id") in errors:
        span.notes.pop("raised", None)


def name_of(function: Any) -> tuple[str, str]:
    """Return module and qualified name of a function, a method or a class, which together are ``code.function.name``."""
    if type(function) is not _PLAIN:
        while isinstance(function, partial):
            function = function.func
        function = getattr(function, "__func__", function)
        if not hasattr(function, "__qualname__"):
            function = type(function)  # an object that can be called
        name: str = function.__qualname__
        if isinstance(function, type) and not name.endswith(function.__name__):
            return function.__module__, function.__name__  # a class that a decorator made of a function, and called so
    return function.__module__, function.__qualname__


_PLAIN = type(name_of)


def finished(span: Span, status: int | None, failure: Failure | None, end: int = 0) -> None:
    """End a span once and hand it over; what is current stays.

    Args:
        span: the span.
        status: the response's status code.
        failure: the exception that went out; where there is none, the noted one counts if the response is an error.
        end: when it ended, in ns of the tracer's clock; by default now.
    """
    if span.end:
        return
    if type(span) is not Span and span.notes is not None:
        span.ending()
    if not span.trace.sampled and not span.operation.listeners:
        span.end = end or tracer.clock()
        return
    route = view = None
    notes = span.notes
    if notes is not None:
        if failure is None:
            failure = notes.get("raised") or (notes.get("failure") if status is not None and status >= 500 else None)
        route, view = notes.get("route"), notes.get("view")
        if status in (404, 405) and "mounted" in notes:
            route = None  # nothing beneath the mount felt responsible
    span.outcome = status, route, view
    span.failure = failure
    span.end = end or tracer.clock()
    tracer.submit(span)


def unfinished(span: Span) -> None:
    """End a span of whose response nothing can be said; never raises."""
    try:
        finished(span, None, None)
    except Exception:
        fault(span.operation.scope)


def tell(span: Span, name: str, value: int) -> None:
    """Add what is known only in the end to a request's span."""
    if span.trace.sampled and not span.end:
        span.more().attributes[name] = value


def count(span: Span, name: str) -> None:
    """Add one to what is counted of a request."""
    if span.trace.sampled and not span.end:
        attributes = span.more().attributes
        attributes[name] = int(attributes.get(name, 0)) + 1  # type: ignore[arg-type]


def piece_sent(matters: Callable[[Args, Kwargs], bool] | None = None) -> Wrap:
    """Trace a coroutine function each of whose calls sends a piece of the response.

    Args:
        matters: tells of the arguments whether the call counts.
    """

    def look(args: Args, kwargs: Kwargs, result: Any) -> Any:
        span = serving() if matters is None or matters(args, kwargs) else None
        if span is not None:
            count(span, PIECES)
        return result

    return after(look, awaited=True)


def message_sent() -> Wrap:
    """Trace a coroutine function each of whose calls sends a message of the websocket that is served here."""
    return _counting(MESSAGES_SENT, lambda _result: True)


def message_received(matters: Callable[[Any], bool]) -> Wrap:
    """Trace a coroutine function each of whose calls returns a message of the websocket that is served here.

    Args:
        matters: tells of what is returned whether it counts.
    """
    return _counting(MESSAGES_RECEIVED, matters)


def _counting(name: str, matters: Callable[[Any], bool]) -> Wrap:
    def look(_args: Args, _kwargs: Kwargs, result: Any) -> Any:
        span = serving() if matters(result) else None
        if span is not None:
            count(span, name)
        return result

    return after(look, awaited=True)


def disconnected() -> None:
    """Say that the client of the request that is served here went away."""
    span = serving()
    if span is not None:
        tell(span, DISCONNECTED, True)


def responded(status_of: Callable[[Any], int]) -> Wrap:
    """Note the status of the response that a coroutine function returns, for a server that does not keep it."""

    def look(_args: Args, _kwargs: Kwargs, result: Any) -> Any:
        span = serving()
        if span is not None and span.trace.sampled:
            span.noted()["status"] = status_of(result)
        return result

    return after(look, awaited=True)


def closed(code: int) -> None:
    """Say with which code the websocket that is served here was closed."""
    span = serving()
    if span is not None:
        tell(span, CLOSE_CODE, code)
