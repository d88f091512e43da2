"""The family of HTTP clients: what a request and its answer mean, and how the context gets into the headers.

A request is one physical attempt wherever the library lets it be seen; redirects and retries are spans of their own then.
A function that makes one attempt is wrapped by ``call`` or ``async_call``; functions that make several are served by
``http_attempts``, and connections on which a request is put together in steps by ``http_connection``.

Facts are ``(method, url, resends)``, where the URL is text, an immutable object whose ``str()`` is the URL, or a tuple
``(scheme, host, port, target)``.  The outcome is ``(status, protocol version or None)``.  Not handled: a request that is
made from within another one (a generator that uploads what it downloads) counts as a part of it.
"""

from __future__ import annotations

from autotrace.conventions import http
from autotrace.conventions.http_client import describe, url_of
from autotrace.families.calls import Calls
from autotrace.families.http.http_resends import made
from autotrace.patching.wrapping import before
from autotrace.propagation import fields, outgoing
from autotrace.trace.context import get_current
from autotrace.trace.span import CLIENT, Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Optional

    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.trace.span import Facts, Span

    # what to put the context into, and the positional arguments to call with
    Copy = Callable[[Args, Kwargs], Optional[tuple[Any, Args]]]

FAMILY = "http_client"

# Several libraries tell the protocol version as a number; the names are those of "network.protocol.version".
VERSIONS: dict[Any, str] = {9: "0.9", 10: "1.0", 11: "1.1", 20: "2", 30: "3"}


def put(carrier: Any, span: Span) -> None:
    """Write the context into headers of our own.

    Args:
        carrier: a mapping whose names have no case, whose ``[name] = value`` replaces every line of that name, and whose
            ``getall(name, None)`` returns all of them; None where the context is written elsewhere.
        span: the caller's place in the trace.

    What the program has put there itself is honoured (see ``http_given``); its ``baggage`` stays in any case.
    """
    if carrier is None:
        return
    given = [name for name in fields() if name != "baggage" and name in carrier]
    if given:
        from autotrace.families.http.http_given import stays

        if stays(span, lambda name: ",".join(carrier.getall(name, None) or ()), silent(span.facts)):
            return
        for name in given:  # a tracestate without its traceparent would be somebody else's
            del carrier[name]
    for name, value in outgoing(span):
        if name != "baggage" or name not in carrier:
            carrier[name] = value


def begin(carrier: Any, span: Span) -> None:
    """Count an attempt that begins, and write its context, unless that is written elsewhere."""
    call = made.get()
    if call is not None:
        call.add(span, silent(span.facts))
    put(carrier, span)


def silent(facts: Facts) -> bool:
    """Tell whether the user excluded the URL."""
    return http.excludes() and http.excluded(facts[1], url_of)


_calls = Calls(FAMILY, CLIENT, describe, begin, silent)
call = _calls.call
async_call = _calls.async_call
ends = _calls.ends


def operation(scope: str) -> Operation:
    """Return what the requests of one instrumentor have in common."""
    return Operation(FAMILY, CLIENT, scope, describe)


def open_span(scope: str) -> Span | None:
    """Return the current span if it is a request of this instrumentor that has not ended."""
    span = get_current()
    if span is None or span.end or span.operation.family is not FAMILY or span.operation.scope != scope:
        return None
    return span


def carry(copy: Copy) -> Wrap:
    """Put the current request's context into the headers of a copy that the function gets.

    Args:
        copy: returns the headers of a fresh copy, and the arguments with the copy in them; None where the call does not send
            the request.
    """
    return _carrying(copy, awaited=False)


def async_carry(copy: Copy) -> Wrap:
    """Do for a coroutine function what ``carry`` does for a function."""
    return _carrying(copy, awaited=True)


def _carrying(copy: Copy, awaited: bool) -> Wrap:
    def wrap(original: Call, scope: str) -> Call:
        def look(args: Args, kwargs: Kwargs) -> Args | None:
            span = open_span(scope)
            if span is None:
                return None
            found = copy(args, kwargs)
            if found is None:
                return None
            carrier, copied = found
            put(carrier, span)
            return copied

        return before(look, awaited)(original, scope)

    return wrap
