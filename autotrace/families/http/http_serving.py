"""Servers whose connections read a request, start its handler in a task of its own, and wait for the response to be written.

The request is what the connection does from the request's head to the end of the response.  Where it does not wait any
longer, because the client has gone or the handler has taken the connection over (a websocket), the request lasts as long as
the handler runs.  Its span is current in the connection's task meanwhile, and so in what begins there.

Semantic conventions 1.44, "HTTP server span"; RFC 6455, section 7.4.1, for what a websocket's end is called.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from autotrace.conventions.http_server import CLOSE_CODE, DISCONNECTED, MESSAGES_RECEIVED, MESSAGES_SENT, PIECES
from autotrace.families.http import http_routes, http_server
from autotrace.patching.wrapping import around, before
from autotrace.trace.context import get_current, set_current
from autotrace.trace.inheriting import own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Optional

    from autotrace.families.http.http_server import RequestOf
    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.trace.span import Span

    # of a connection that does not wait for a response any longer: the status that was sent, if one was; whether the client
    # went away before it had everything; whether the handler has taken it over
    StateOf = Callable[[Any], tuple[Optional[int], bool, bool]]
    ConnectionOf = Callable[[Args, Kwargs], Any]  # None: none that serves a request
    ViewOf = Callable[[Args, Kwargs], Optional[tuple[str, str]]]
    # the exception, and whether it counts whatever the status is: the response had begun
    ErrorOf = Callable[[Args, Kwargs], tuple[Optional[BaseException], bool]]

NO_STATUS, LOST = 1005, 1006  # of a websocket that is closed without a code, or not at all

_open: WeakKeyDictionary[Any, Span] = WeakKeyDictionary()


def received(request_of: RequestOf) -> Wrap:
    """Begin a request where a method of the connection is called with its head; it stays current.

    Args:
        request_of: as for ``http_handlers.handler``.
    """

    def wrap(original: Call, scope: str) -> Call:
        made = http_server.operation(scope)

        def look(args: Args, kwargs: Kwargs) -> None:
            found = request_of(args, kwargs)
            if found is not None:
                span = http_server.begin(made, found, id(args[0]), outermost=True)
                _open[args[0]] = span
                own(span)
                set_current(span)

        return before(look)(original, scope)

    return wrap


def reading(state_of: StateOf) -> Wrap:
    """End the request with the connection's coroutine that reads it and waits for the response.

    Args:
        state_of: see StateOf.
    """

    def enter(args: Args, _kwargs: Kwargs) -> tuple[Any, Args]:
        return (args[0], get_current()), args

    def leave(state: Any, result: Any) -> Any:
        connection, outer = state
        set_current(outer)
        span = _open.get(connection)
        if span is not None and not span.end:
            status, gone, taken = state_of(connection)
            notes = span.noted()
            gone = gone or "gone" in notes
            if gone:
                http_server.tell(span, DISCONNECTED, True)
            if (gone or taken) and "handling" in notes:
                notes["left"] = state_of
            else:
                _finish(span, status)
        return result

    return around(enter, leave, leave, awaited=True)


def disconnected() -> Wrap:
    """Note that the client has gone, where a method of the connection is called for that while it waits for the response."""

    def note(span: Span, _args: Args, _kwargs: Kwargs) -> None:
        span.noted()["gone"] = True

    return _noting(lambda args, _kwargs: args[0], note)


def handling(connection_of: ConnectionOf, view_of: ViewOf) -> Wrap:
    """Note the view when a handler's coroutine begins, and end a request that its connection does not wait for.

    Args:
        connection_of: returns the connection.
        view_of: returns module and qualified name of what answers the request; None where nothing does.
    """

    def enter(args: Args, kwargs: Kwargs) -> tuple[Any, Args]:
        connection = connection_of(args, kwargs)
        span = _open.get(connection) if connection is not None else None
        if span is None or span.end:
            return None, args
        own(span)
        span.noted()["handling"] = True
        if span.trace.sampled:
            span.noted()["view"] = view_of(args, kwargs)
        return (span, connection), args

    def leave(state: Any, result: Any) -> Any:
        span, connection = state
        notes = span.noted()
        notes.pop("handling", None)
        state_of = notes.pop("left", None)
        if state_of is not None and not span.end:
            _finish(span, state_of(connection)[0])
        return result

    return around(enter, leave, leave, awaited=True)


def exception(connection_of: ConnectionOf, error_of: ErrorOf) -> Wrap:
    """Note the exception that a function is about to turn into a response, or into the end of one.

    Args:
        connection_of: returns the connection.
        error_of: see ErrorOf.
    """
    return _noting(connection_of, lambda span, args, kwargs: http_server.note_error(span, *error_of(args, kwargs)))


def piece_sent(matters: Callable[[Args, Kwargs], bool]) -> Wrap:
    """Count the pieces of a body, where a method of the connection is called with each.

    Args:
        matters: tells whether a call counts.
    """

    def note(span: Span, args: Args, kwargs: Kwargs) -> None:
        if matters(args, kwargs):
            notes = span.noted()
            notes["pieces"] = notes.get("pieces", 0) + 1

    return _noting(lambda args, _kwargs: args[0], note)


def message_sent(connection_of: ConnectionOf) -> Wrap:
    """Count the messages that are sent on the websocket that a connection has become."""
    return _noting(connection_of, lambda span, _args, _kwargs: http_server.count(span, MESSAGES_SENT))


def message_received(connection_of: ConnectionOf, code_of: Callable[[Args, Kwargs], Any]) -> Wrap:
    """Count the messages that are received on a websocket, and note with which code it is closed.

    Args:
        connection_of: returns the connection.
        code_of: returns 0 of a message, the code of a message that closes, and None of others.
    """

    def note(span: Span, args: Args, kwargs: Kwargs) -> None:
        code = code_of(args, kwargs)
        if code:
            _close(span, code)
        elif code is not None:
            http_server.count(span, MESSAGES_RECEIVED)

    return _noting(connection_of, note)


def given_up(connection_of: ConnectionOf, error_of: ErrorOf) -> Wrap:
    """Note that a websocket is given up, and for which exception; where it has been closed before, that is how it ended.

    Args:
        connection_of: returns the connection.
        error_of: see ErrorOf.
    """

    def note(span: Span, args: Args, kwargs: Kwargs) -> None:
        http_server.note_error(span, *error_of(args, kwargs))
        _close(span, LOST)

    return _noting(connection_of, note)


def _close(span: Span, code: int) -> None:
    if CLOSE_CODE not in span.more().attributes:
        http_server.tell(span, CLOSE_CODE, code)


def _noting(connection_of: ConnectionOf, note: http_routes.Note) -> Wrap:
    def look(args: Args, kwargs: Kwargs) -> None:
        connection = connection_of(args, kwargs)
        span = _open.get(connection) if connection is not None else None
        if span is not None and not span.end:
            note(span, args, kwargs)

    return before(look)


def _finish(span: Span, status: int | None) -> None:
    notes = span.noted()
    if notes.get("pieces", 0) > 1:
        http_server.tell(span, PIECES, notes["pieces"])
    http_server.finished(span, status, None)
