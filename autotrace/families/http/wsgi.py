"""The boundary between a WSGI server and its application.

The span covers the body: it ends when the body is exhausted or closed, and it is current while the application runs, inside
each step of the body and inside its ``close``, not in between.  Lists, tuples and what ``wsgi.file_wrapper`` made pass
unchanged, so that a server may send them its own way; their span ends when the application returns.

A body that is neither exhausted nor closed ends its span when it is dropped.

PEP 3333.
"""

from __future__ import annotations

from collections.abc import Sized

from autotrace.conventions.http_server import DISCONNECTED, PIECES, describe_decoded
from autotrace.families.http import http_server
from autotrace.faults import fault, off
from autotrace.trace.context import get_current, set_current
from autotrace.trace.failure import hide_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from autotrace.families.http.http_server import Asked, Request
    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.trace.span import Span

    EnvironOf = Callable[[Args, Kwargs], Any]
    StatusOf = Callable[[Any], int]

_variables: dict[str, str] = {}


def application(*, receiver: bool = False, outermost: bool = False) -> Wrap:
    """Trace a WSGI application.

    Args:
        receiver: it is a method, so that its own object comes before ``environ`` and ``start_response``.
        outermost: it is called by the server itself.
    """
    first = 1 if receiver else 0

    def wrap(original: Call, scope: str) -> Call:
        made = http_server.operation(scope, describe_decoded)

        def open_(args: Args, kwargs: Kwargs) -> tuple[_Response | None, Args]:
            try:
                if len(args) != first + 2 or kwargs or scope in off or http_server.served(id(args[first]), outermost):
                    return None, args
                environ = args[first]
                span = http_server.begin(made, _asked(environ), id(environ), outermost)
                response = _Response(span, scope, args[first + 1])
                if span.trace.sampled:
                    args = (*args[: first + 1], response.start)
            except Exception:
                fault(scope)
                return None, args
            return response, args

        def traced(*args: Any, **kwargs: Any) -> Any:
            response, passed = open_(args, kwargs)
            if response is None:
                try:
                    return original(*args, **kwargs)
                except BaseException as error:
                    hide_frame(error)
                    raise
            before = get_current()
            set_current(response.span)
            try:
                body = original(*passed)
            except BaseException as error:
                set_current(before)
                response.finish(error)
                hide_frame(error)
                raise
            inside = get_current()
            set_current(before)
            return response.of(body, args[first], inside)

        return traced

    return wrap


def handler(environ_of: EnvironOf, status_of: StatusOf) -> Wrap:
    """Trace a function of a test client's, which is given what an application is, and returns the response as an object.

    Args:
        environ_of: returns the ``environ``.
        status_of: returns the status code, of the response.
    """
    return http_server.handler(
        lambda args, kwargs: _asked(environ_of(args, kwargs)),
        lambda _args, _kwargs, response: (None if response is None else status_of(response), None, None),
        outermost=False,
        awaited=False,
        meaning=describe_decoded,
    )


def _asked(environ: Any) -> Asked:
    def get(name: str) -> str | None:
        value: str | None = environ.get(_variables.get(name) or _variable(name))
        return value

    return _request, (environ,), get


def _variable(name: str) -> str:
    variable = _variables[name] = f"HTTP_{name.upper().replace('-', '_')}"
    return variable


def _request(environ: Any) -> Request:
    get = environ.get
    protocol = get("SERVER_PROTOCOL") or ""
    since = get("HTTP_X_REQUEST_START") or get("HTTP_X_QUEUE_START")
    request = (
        get("REQUEST_METHOD", "GET"),
        get("wsgi.url_scheme", "http"),
        f"{get('SCRIPT_NAME', '')}{get('PATH_INFO', '')}",
        get("QUERY_STRING", ""),
        get("HTTP_HOST"),
        (get("SERVER_NAME", ""), str(get("SERVER_PORT", ""))),
        get("REMOTE_ADDR"),
        get("HTTP_X_FORWARDED_FOR"),
        get("HTTP_USER_AGENT"),
        protocol[5:] if protocol.startswith("HTTP/") else None,
    )
    return http_server.waited(request, since) if since else request


class _Response:
    """What is known of a response; stands between the application and the server's ``start_response``."""

    __slots__ = ("_gone", "_start", "_status", "scope", "sent", "span")

    def __init__(self, span: Span, scope: str, start: Call) -> None:
        self.span = span
        self.sent = 0  # pieces of the body; with the first the status has gone out
        self.scope = scope
        self._start = start
        self._status: Any = None
        self._gone = False

    def start(self, *args: Any, **kwargs: Any) -> Call:
        """Call the server's ``start_response``, as often as the application does; the last status counts."""
        try:
            write = self._start(*args, **kwargs)
        except BaseException as error:
            hide_frame(error)
            raise
        self._status = args[0] if args else kwargs.get("status")

        def writing(*args: Any, **kwargs: Any) -> Any:
            self.sent += 1
            try:
                return write(*args, **kwargs)
            except BaseException as error:
                self._gone = True
                hide_frame(error)
                raise

        return writing

    def of(self, body: Any, environ: Any, inside: Span | None) -> Any:
        """Return what the server gets as the body; never raises."""
        try:
            if not _unchanged(body, environ):
                made = _SizedBody if isinstance(body, Sized) else _Body
                return made(body, self, inside)
        except Exception:
            fault(self.scope)
        self.finish()
        return body

    def finish(self, error: BaseException | None = None, *, closed: bool = False) -> None:
        """End the span, if it has not ended; never raises.

        Args:
            error: the exception that passes.
            closed: the server wants no more of the body, although there was more.
        """
        try:
            if self.span.end:
                return
            if self.sent > 1:
                http_server.tell(self.span, PIECES, self.sent)
            if self._gone or (closed and self.sent):
                http_server.tell(self.span, DISCONNECTED, True)
            if self._gone and isinstance(error, OSError):
                error = None  # the client has gone
            status = int(self._status[:3]) if self._status is not None else None
            if isinstance(error, Exception) and not self.sent:
                status = 500  # what a server answers in the application's stead
            http_server.finished(self.span, status, http_server.failure_in(self.span, error))
        except Exception:
            fault(self.scope)


def _unchanged(body: Any, environ: Any) -> bool:
    """Tell whether a server may have its own way of sending a body, or nothing of the application runs while it does."""
    if isinstance(body, (list, tuple)):
        return True
    wrapper = environ.get("wsgi.file_wrapper")
    if wrapper is None:
        return False
    if isinstance(wrapper, type):
        return isinstance(body, wrapper)
    return hasattr(body, "read")  # some servers have a function there, and recognise the file itself


class _Body:
    """A body whose steps run beneath the request's span."""

    __slots__ = ("_advance", "_body", "_inside", "_response", "_steps")

    def __init__(self, body: Any, response: _Response, inside: Span | None) -> None:
        self._body = body
        self._response = response
        self._inside = inside
        self._advance: Callable[[], Any] | None = None
        self._steps: Iterator[Any] | None = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in _Body.__slots__:
            raise AttributeError(name)
        return getattr(self._body, name)

    # PERF: a generator costs a third of a ``__next__`` of ours, and every piece of every body passes here.
    def __iter__(self) -> Iterator[Any]:
        response = self._response
        while True:
            # _enter and _leave are spelled out.
            before = get_current()
            inside = self._inside
            set_current(inside if inside is not None and not inside.end else response.span)
            try:
                if self._advance is None:
                    self._advance = iter(self._body).__next__
                chunk = self._advance()
            except StopIteration:
                self._leave(before)
                response.finish()
                return
            except BaseException as error:
                set_current(before)
                response.finish(error)
                hide_frame(error)
                raise
            self._inside = get_current()
            set_current(before)
            if type(chunk) is bytes and chunk:
                response.sent += 1
            yield chunk

    def __next__(self) -> Any:
        if self._steps is None:
            self._steps = iter(self)
        return next(self._steps)

    def close(self) -> Any:
        """Close the body, if it can be closed."""
        close = getattr(self._body, "close", None)
        result = None
        if close is not None:
            before = self._enter()
            try:
                result = close()
            except BaseException as error:
                set_current(before)
                self._response.finish(error)
                hide_frame(error)
                raise
            self._leave(before)
        self._response.finish(closed=True)
        return result

    def __del__(self) -> None:
        try:
            if not self._response.span.end:
                self._response.finish()
        except Exception:  # it was never made
            return

    def _enter(self) -> Span | None:
        """Make current what was current when the body was left: its own span may be open across its steps."""
        try:
            before = get_current()
            inside = self._inside
            set_current(inside if inside is not None and not inside.end else self._response.span)
        except Exception:
            fault(self._response.scope)
            return get_current()
        return before

    def _leave(self, before: Span | None) -> None:
        try:
            self._inside = get_current()
        except Exception:
            fault(self._response.scope)
        set_current(before)


class _SizedBody(_Body):
    __slots__ = ()

    def __len__(self) -> int:
        return len(self._body)
