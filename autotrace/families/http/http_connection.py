"""HTTP client connections on which a request is put together in steps, as the standard library's.

A request begins when its first line is put (``opened``), is sent when its headers end (``sent``), and is answered later, or
never (``answered``, ``closed``).  Its span is kept with the connection and is not current in between, so a request that is
never answered leaves nothing behind.  Where a library above has made a span for the request already, only its context is
written here: at the one place that all headers pass, into the connection's own buffer, never into the program's headers.

Not handled: connections that keep their headers elsewhere than in ``_buffer`` (the experimental HTTP/2 connection of a
library above); they are traced, but carry no context.
"""

from __future__ import annotations

from autotrace.families.calls import failed
from autotrace.families.http.http_client import FAMILY, operation, silent
from autotrace.families.http.http_pending import begun
from autotrace.faults import fault
from autotrace.patching.wrapping import after, around, before
from autotrace.propagation import header_lines, outgoing
from autotrace.trace.context import get_current
from autotrace.trace.failure import failure_of
from autotrace.trace.tracer import tracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.calls import After, Before
    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.trace.failure import Failure
    from autotrace.trace.span import Span

    # the open span, and why sending it failed, if the answer may come nevertheless
    Pending = tuple[Span, "Failure | None"]

_PENDING = "_autotrace_pending"
_CARRIES = "_autotrace_carries"


def opened(request: Before) -> Wrap:
    """Begin a request, once the connection has accepted it."""

    def wrap(original: Call, scope: str) -> Call:
        mine = operation(scope)

        def look(args: Args, kwargs: Kwargs, result: Any) -> Any:
            connection = args[0]
            if hasattr(connection, _PENDING):
                _abandon(connection)
            parent = get_current()  # PERF: most requests are beneath another library's
            if parent is not None and parent.operation.family is FAMILY and not parent.end:
                return result
            span = begun(mine, request, args, kwargs)
            if span is not None:
                setattr(connection, _PENDING, (span, None))
            return result

        return after(look)(original, scope)

    return wrap


def sent() -> Wrap:
    """Write the context of the request behind the headers; fail the request if it cannot be sent.

    Several instrumentors need this at the same place: it is put there once.
    """

    def wrap(original: Call, scope: str) -> Call:
        if getattr(original, _CARRIES, False):
            return original

        def enter(args: Args, _kwargs: Kwargs) -> tuple[Args | None, Args]:
            try:
                connection = args[0]
                pending = getattr(connection, _PENDING, None)
                span = get_current() if pending is None else pending[0]
                if span is not None and span.operation.family is FAMILY and not span.end:
                    _write(connection, span)
            except Exception:
                fault(scope)
            return args or None, args

        traced = around(enter, lambda _args, result: result, lambda args, error: _not_sent(args[0], error, scope))(
            original, scope
        )
        setattr(traced, _CARRIES, True)
        return traced

    return wrap


def answered(response: After) -> Wrap:
    """End the request that is pending on the connection with its answer.

    The function takes no arguments.  Old callers try it with one of Python 2 first, and again without when it is refused:
    the request is pending still.
    """

    def wrap(original: Call, scope: str) -> Call:
        def enter(args: Args, kwargs: Kwargs) -> tuple[Pending | None, Args]:
            alone = len(args) == 1 and not kwargs and hasattr(args[0], _PENDING)
            return (args[0].__dict__.pop(_PENDING, None) if alone else None), args

        def leave(pending: Pending, result: Any) -> Any:
            tracer.finish(pending[0], response(result))
            return result

        return around(enter, leave, lambda pending, error: failed(pending[0], error, scope))(original, scope)

    return wrap


def closed() -> Wrap:
    """End a request whose answer nobody waits for any more."""
    return before(lambda args, _kwargs: _abandon(args[0]))


def _abandon(connection: Any) -> None:
    """End what is pending on a connection, if anything is."""
    pending: Pending | None = connection.__dict__.pop(_PENDING, None)
    if pending is not None:
        tracer.finish(pending[0], None, pending[1])


def _not_sent(connection: Any, error: BaseException, scope: str) -> None:
    """Fail the pending request.

    A server may answer, and close, before it has read the whole request; who sends sees a broken pipe then, and may go on
    to read the answer.  So that failure counts only if no answer is read.
    """
    try:
        pending: Pending | None = connection.__dict__.pop(_PENDING, None)
        if pending is None:
            return
        span = pending[0]
        if isinstance(error, BrokenPipeError):
            setattr(connection, _PENDING, (span, failure_of(error)))
        else:
            failed(span, error, span.operation.scope)
    except Exception:
        fault(scope)


def _write(connection: Any, span: Span) -> None:
    """Append the context to the header lines; what the program has put there itself is honoured (see ``http_given``).

    ``baggage`` is the program's own, and stays.
    """
    buffer: list[bytes] = connection._buffer  # noqa: SLF001
    found = header_lines()
    if not buffer or found is None:  # without a first line, the connection itself refuses to go on
        return
    own_baggage = False
    # PERF: most requests have none of these headers, and one search says so.
    if found.search(b"\n".join(buffer)):
        from autotrace.families.http.http_given import stays

        if stays(span, lambda name: _value(buffer, name), silent(span.facts)):
            return
        own_baggage = any(_is_baggage(line) for line in buffer[1:])
        buffer[1:] = [line for line in buffer[1:] if _is_baggage(line) or not found.match(b"\n" + line)]
    for name, value in outgoing(span):
        if name != "baggage" or not own_baggage:
            buffer.append(f"{name}: {value}".encode("ascii"))


def _value(buffer: list[bytes], name: str) -> str | None:
    """Return what the header lines of a name say, joined; None where there is none."""
    start = f"{name}:".encode()
    values = [line[len(start) :].strip() for line in buffer[1:] if line[: len(start)].lower() == start]
    return b",".join(values).decode("latin-1") if values else None


def _is_baggage(line: bytes) -> bool:
    return line[:8].lower() == b"baggage:"
