"""The family of HTTP clients: what a request and its answer mean, and how the context gets into the headers.

A request is one physical attempt wherever the library lets it be seen; redirects and retries are spans of their own then.
A function that makes one attempt is wrapped by ``call`` or ``async_call``; functions that make several are served by
``http_attempts``, and connections on which a request is put together in steps by ``http_connection``.

Facts are ``(method, url, resends)``, where the URL is text, an immutable object whose ``str()`` is the URL, or a tuple
``(scheme, host, port, target)``.  The outcome is ``(status, protocol version or None)``.  Not handled: a request that is
made from within another one (a generator that uploads what it downloads) counts as a part of it.
"""

from __future__ import annotations

from autotrace.faults import fault
from autotrace.propagation import fields, outgoing
from autotrace.protocols import http
from autotrace.protocols.calls import Calls
from autotrace.protocols.http_resends import made
from autotrace.trace.context import get_current
from autotrace.trace.failure import hide_frame
from autotrace.trace.span import CLIENT, ERROR, UNSET, Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.trace.failure import Failure
    from autotrace.trace.span import Attributes, Description, Facts, Span

    # what to put the context into, and the positional arguments to call with
    Copy = Callable[[Args, Kwargs], tuple[Any, Args]]

FAMILY = "http_client"

# Several libraries tell the protocol version as a number; the names are those of "network.protocol.version".
VERSIONS: dict[Any, str] = {9: "0.9", 10: "1.0", 11: "1.1", 20: "2", 30: "3"}


def describe(facts: Facts, outcome: Facts | None, failure: Failure | None) -> Description:
    """Name a request and tell its attributes (semantic conventions 1.44, HTTP client span)."""
    method, name, original = http.method(facts[0])
    url = http.parse(url_of(facts[1]))
    attributes: Attributes = {"http.request.method": method, "url.full": url.full, "server.address": url.host}
    if original is not None:
        attributes["http.request.method_original"] = original
    if url.port is not None:
        attributes["server.port"] = url.port
    if facts[2]:
        attributes["http.request.resend_count"] = facts[2]
    if failure is not None:
        attributes["error.type"] = failure.type
        return name, attributes, ERROR, failure.message
    if outcome is None:
        return name, attributes, UNSET, ""
    status, version = outcome
    attributes["http.response.status_code"] = status
    if version is not None:
        attributes["network.protocol.version"] = version
    if status >= 400:
        attributes["error.type"] = str(status)
        return name, attributes, ERROR, ""
    return name, attributes, UNSET, ""


def url_of(url: Any) -> str:
    """Return a request's URL as text; a target that is a whole URL already (to a proxy) stays as it is."""
    if type(url) is not tuple:
        return http.as_text(url)
    scheme, host, port, target = url
    target = http.as_text(target)
    if target.startswith(("http://", "https://")):
        return target
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    location = host if port is None or port == http.DEFAULT_PORTS.get(scheme) else f"{host}:{port}"
    return f"{scheme}://{location}{'' if target.startswith('/') or target == '*' else '/'}{target}"


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
        from autotrace.protocols.http_given import stays

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


_calls = Calls(FAMILY, CLIENT, describe, begin, silent, uniform=True)
call = _calls.call
async_call = _calls.async_call


def operation(scope: str) -> Operation:
    """Return what the requests of one instrumentor have in common."""
    return Operation(FAMILY, CLIENT, scope, describe, uniform=True)


def open_span(scope: str) -> Span | None:
    """Return the current span if it is a request of this instrumentor that has not ended."""
    span = get_current()
    if span is None or span.end or span.operation.family is not FAMILY or span.operation.scope != scope:
        return None
    return span


def carry(copy: Copy) -> Wrap:
    """Put the current request's context into the headers of a copy that the function gets.

    Args:
        copy: returns the headers of a fresh copy, and the arguments with the copy in them.
    """

    def wrap(original: Call, scope: str) -> Call:
        def traced(*args: Any, **kwargs: Any) -> Any:
            args = _carried(copy, args, kwargs, scope)
            try:
                return original(*args, **kwargs)
            except BaseException as error:
                hide_frame(error)
                raise

        return traced

    return wrap


def async_carry(copy: Copy) -> Wrap:
    """Do for a coroutine function what ``carry`` does for a function."""

    def wrap(original: Call, scope: str) -> Call:
        async def traced(*args: Any, **kwargs: Any) -> Any:
            args = _carried(copy, args, kwargs, scope)
            try:
                return await original(*args, **kwargs)
            except BaseException as error:
                hide_frame(error)
                raise

        return traced

    return wrap


def _carried(copy: Copy, args: Args, kwargs: Kwargs, scope: str) -> Args:
    try:
        span = open_span(scope)
        if span is not None:
            carrier, copied = copy(args, kwargs)
            put(carrier, span)
            return copied
    except Exception:
        fault(scope)
    return args
