"""The boundary between an ASGI server and its application.

One span for each ``http`` and ``websocket`` scope; ``lifespan`` passes.  An HTTP span ends when the last message of the body
has been sent; it stays current until the application returns, so what runs in the background afterwards is beneath it.
An error response waits for the exception that may follow it, and still ends where its body did.

Not handled: headers given as an iterator that can be read only once (no context is taken from them).

ASGI specification 2.5, "HTTP & WebSocket ASGI Message Format".
"""

from __future__ import annotations

from functools import partial

from autotrace.conventions.http_server import CLOSE_CODE, DISCONNECTED, MESSAGES_RECEIVED, MESSAGES_SENT, PIECES
from autotrace.families.execution.concurrency import Carried
from autotrace.families.http import http_server
from autotrace.faults import fault, off
from autotrace.patching.wrapping import called_as
from autotrace.trace.context import get_current, set_current
from autotrace.trace.failure import HidingFrame, hide_frame, hiding_frame
from autotrace.trace.inheriting import own
from autotrace.trace.tracer import tracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autotrace.families.http.http_server import Asked, Request
    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.trace.span import Operation, Span

    ScopeOf = Callable[[Args, Kwargs], Any]
    StatusOf = Callable[[Any], int]


_NO_STATUS = 1005  # RFC 6455, section 7.4.1


def application(*, outermost: bool = False, threads: bool = False) -> Wrap:
    """Trace a method that is called as an ASGI application.

    Args:
        outermost: it is called by the server itself.
        threads: the argument after ``send`` is a function that runs another one in a thread; the span is carried there.
    """

    def wrap(original: Call, name: str) -> Call:
        made = http_server.operation(name)

        def open_(asked: Any, receive: Call, send: Call) -> _Exchange | None:
            try:
                if (
                    asked["type"] not in ("http", "websocket")
                    or name in off
                    or http_server.served(id(asked), outermost)
                ):
                    return None
                exchange = _Exchange(_begin(made, asked, outermost), name, receive, send)
                set_current(exchange.span)
            except Exception:
                fault(name)
                return None
            return exchange

        # Not ``*args``: who calls it without arguments, to see whether it is a factory, has to get the TypeError at once.
        async def traced(self: Any, scope: Any, receive: Any, send: Any, *more: Any) -> Any:
            exchange = open_(scope, receive, send)
            if exchange is None:
                with hiding_frame:
                    return await original(self, scope, receive, send, *more)
            if exchange.span.trace.sampled:
                receive, send = exchange.received, exchange.sent
            if threads and more:
                more = (_carrying(more[0]), *more[1:])
            with exchange:
                return await original(self, scope, receive, send, *more)

        return called_as(original, traced)

    return wrap


def bare(original: Call, name: str) -> Call:
    """Trace an application that is called by the server itself, and is no method."""
    return partial(by_call(name), original)


def named(original: Call, name: str) -> Call:
    """Trace an application as `bare` does, for a server that gives its arguments by name."""

    def call(called: Call, scope: Any, receive: Any, send: Any) -> Any:
        return called(scope=scope, receive=receive, send=send)

    return partial(application(outermost=True)(call, name), original)


def by_call(name: str) -> Call:
    """Return a function that calls the application that it is given first, which is called by the server itself."""
    return application(outermost=True)(lambda called, *args: called(*args), name)


class _Exchange(HidingFrame):
    """One request and its response, seen through their messages; made before its span is current.

    The ``with`` of it is around the application; then what was current is so again, and the span ends if it has not.
    """

    __slots__ = (
        "_gone",
        "_outside",
        "_pieces",
        "_receive",
        "_received",
        "_refused",
        "_scope",
        "_send",
        "_sent",
        "_trailers",
        "ended",
        "span",
        "status",
    )

    def __init__(self, span: Span, scope: str, receive: Call, send: Call) -> None:
        self.span = span
        self._scope = scope
        self._receive = receive
        self._send = send
        self.status: int | None = None
        self.ended = 0
        self._gone = False
        self._refused: tuple[int, ...] = ()  # exceptions, by their ids, that messages met which were sent to nobody
        self._trailers = False
        self._pieces = 0  # of a body that is sent in several
        self._sent = self._received = 0  # messages of a websocket
        self._outside = get_current()

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        try:  # where the client has gone, that it fails is no failure of the application's
            gone = error is not None and self._gone and (_says_gone(error) or id(error) in self._refused)
            told = None if gone else error
            if self._refused:
                http_server.handled(self.span, self._refused)
        except Exception:
            fault(self._scope)
            told = error
        set_current(self._outside)
        if not self.span.end:  # which the last message of the body ends
            self._finish(told)
        if error is not None:
            hide_frame(error)

    async def received(self) -> Any:
        """Receive a message; notice when the client has gone."""
        with hiding_frame:
            message = await self._receive()
        try:
            kind = message["type"]
            if kind == "websocket.receive":
                self._received += 1
            elif kind in ("http.disconnect", "websocket.disconnect"):
                self._gone = True
                if kind == "websocket.disconnect":
                    http_server.tell(self.span, CLOSE_CODE, message.get("code") or _NO_STATUS)
                elif not self.ended:
                    http_server.tell(self.span, DISCONNECTED, True)
        except Exception:
            fault(self._scope)
        return message

    async def sent(self, message: Any) -> Any:
        """Send a message; after the last one of a response the span has ended."""
        last = False
        try:
            last = self._look(message)
        except Exception:
            fault(self._scope)
        try:
            result = await self._send(message)
        except BaseException as error:
            if self._gone:
                self._refused += (id(error),)
            self._gone = True
            if isinstance(error, OSError):
                http_server.tell(self.span, DISCONNECTED, True)
            hide_frame(error)
            raise
        if last and not self.ended:
            self.ended = tracer.clock()
            if self.status is None or self.status < 500:
                self._finish(None)
        return result

    def _look(self, message: Any) -> bool:
        """Take the status from a message, and tell whether it is the last one of an HTTP response."""
        kind = message["type"]
        if kind in ("http.response.body", "http.response.zerocopysend"):
            more = message.get("more_body")
            if (more or self._pieces) and (message.get("body") or kind != "http.response.body"):
                self._pieces += 1
            return not more and not self._trailers
        if kind == "http.response.start":
            self.status = message["status"]
            self._trailers = bool(message.get("trailers"))
        elif kind == "http.response.trailers":
            return not message.get("more_trailers")
        elif kind == "http.response.pathsend":
            return True
        elif kind == "websocket.send":
            self._sent += 1
        elif kind == "websocket.accept":
            self.status = 101
        elif kind == "websocket.http.response.start":
            self.status = message["status"]
        elif kind == "websocket.close" and self.status is None:
            self.status = 403  # what a server answers to a handshake that is closed
        return False

    def _finish(self, error: BaseException | None) -> None:
        try:
            if isinstance(error, Exception) and self.status is None:
                self.status = 500  # what a server answers in the application's stead
            if self._pieces > 1:
                http_server.tell(self.span, PIECES, self._pieces)
            if self._sent or self._received:
                http_server.tell(self.span, MESSAGES_SENT, self._sent)
                http_server.tell(self.span, MESSAGES_RECEIVED, self._received)
            http_server.finished(self.span, self.status, http_server.failure_in(self.span, error), self.ended)
        except Exception:
            fault(self._scope)


def _says_gone(error: BaseException) -> bool:
    """Tell whether an exception says that the client has gone: frameworks and servers have their own for it."""
    return isinstance(error, OSError) or "disconnect" in type(error).__name__.lower()


def handler(scope_of: ScopeOf, status_of: StatusOf) -> Wrap:
    """Trace a coroutine function of a test client's, which returns the response as an object.

    Args:
        scope_of: returns the ``scope``.
        status_of: returns the status code, of the response.
    """
    from autotrace.families.http import http_handlers

    return http_handlers.handler(
        lambda args, kwargs: _asked(scope_of(args, kwargs)),
        lambda _args, _kwargs, response: (None if response is None else status_of(response), None, None),
        outermost=False,
    )


def _begin(made: Operation, asked: Any, outermost: bool) -> Span:
    span = http_server.begin(made, _asked(asked), id(asked), outermost)
    own(span)
    return span


def _asked(asked: Any) -> Asked:
    headers = asked.get("headers")
    if not isinstance(headers, (list, tuple)):
        headers = ()
    found = dict(headers)

    def get(name: str) -> str | None:
        value = found.get(name.encode())
        if value is None:
            return None
        values = [value for key, value in headers if key == name.encode()]
        return b",".join(values).decode("latin-1")

    return _request, (asked, found), get


def _request(asked: Any, headers: dict[bytes, bytes]) -> Request:
    raw = asked.get("raw_path")
    if raw:
        path = raw.partition(b"?")[0].decode("latin-1")  # some servers leave the query in it
    else:
        from urllib.parse import quote

        path = quote(asked["path"])
    client = asked.get("client")
    server = asked.get("server")
    query = asked.get("query_string", b"")  # text where a test calls the application
    since = headers.get(b"x-request-start") or headers.get(b"x-queue-start")
    request = (
        asked.get("method", "GET"),  # a websocket's handshake is a GET
        asked.get("scheme") or ("http" if asked["type"] == "http" else "ws"),
        path,
        query if isinstance(query, str) else query.decode("latin-1"),
        _text(headers.get(b"host")),
        tuple(server) if server is not None else None,
        client[0] if client else None,
        _text(headers.get(b"x-forwarded-for")),
        _text(headers.get(b"user-agent")),
        asked.get("http_version"),
    )
    return http_server.waited(request, since.decode("latin-1")) if since else request


def _text(value: bytes | None) -> str | None:
    return value.decode("latin-1") if value is not None else None


def carried(function: Call) -> Call:
    """Return a function that runs in another thread with the span that is current here."""
    return Carried(function, get_current())


def _carrying(spawn: Call) -> Callable[..., Any]:
    def spawning(function: Call, *args: Any) -> Any:
        return spawn(carried(function), *args)

    return spawning
