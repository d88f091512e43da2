"""How a trace gets from one process into the next: header names and values, in both directions.

``outgoing`` and ``incoming`` are on the program's hot path and know no library: a family hands in a function that looks
a header up, and puts what it gets back wherever its library wants it.  Nothing that comes over the wire makes anything
here raise, and what one header may cost is bounded.  It does not cope with styles that put each baggage entry into a
header of its own (``uberctx-...``, ``ot-baggage-...``): looking up by name cannot find those.

Sources: W3C Trace Context (Level 2), W3C Baggage, OpenTelemetry specification "Propagators API" and "Environment
Variables as Context Propagation Carriers".
"""

from __future__ import annotations

from autotrace.propagation import baggage as _baggage
from autotrace.propagation import w3c as _w3c
from autotrace.trace.tracer import Remote

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, Optional, Union

    from autotrace.trace.span import Span

    Get = Callable[[str], Optional[str]]
    Extract = Callable[[Get], Optional[Remote]]
    Inject = Callable[[Span], Sequence[tuple[str, str]]]
    MessageHeaders = Union[Iterable[tuple[str, bytes]], Mapping[str, bytes], None]

KNOWN = ("tracecontext", "baggage", "b3", "b3multi", "jaeger", "xray", "datadog", "none")

# One character more than any parser reads: it shall see that there was more.
_MAX_BYTES = 8193
_WHOLE = frozenset(("traceparent", "b3", "uber-trace-id", "x-amzn-trace-id", "baggage"))  # that tell all by themselves
_MAX_EARLIER = 8  # broken occurrences of a message's headers that are passed over

# What `configure` sets; at first as it is by default.
_extractors: tuple[Extract, ...] = (_w3c.extract,)
_injectors: tuple[Inject, ...] = (_w3c.inject, _baggage.inject)
_names: frozenset[str] = frozenset((*_w3c.FIELDS, *_baggage.FIELDS))
_fields: tuple[str, ...] = (*_w3c.FIELDS, *_baggage.FIELDS)
_lines: re.Pattern[bytes] | None = None  # made when it is asked for: importing ``re`` is dear
_reads_baggage = True
_only_traceparent = True  # of all trace styles only W3C is in use


def configure(names: Sequence[str] = ("tracecontext", "baggage")) -> list[str]:
    """Choose how context travels, for the whole process; called once, before the first span.

    Args:
        names: out of ``KNOWN``, in order of precedence; ``none`` among them switches everything off
            (OpenTelemetry specification, ``OTEL_PROPAGATORS``).

    Returns:
        The names that are not known; they were left out, and it is the caller's to say so.
    """
    global _extractors, _injectors, _names, _fields, _lines, _reads_baggage, _only_traceparent
    chosen = list(dict.fromkeys(name.strip().lower() for name in names))
    unknown = [name for name in chosen if name not in KNOWN]
    styles = [] if "none" in chosen else [(name, *_style(name)) for name in chosen if name in KNOWN]
    _fields = tuple(dict.fromkeys(field for _, fields_, _, _ in styles for field in fields_))
    _names = frozenset(_fields)
    _lines = None
    _extractors = tuple(dict.fromkeys(extract for _, _, extract, _ in styles if extract is not None))
    _injectors = tuple(inject for _, _, _, inject in styles)
    _reads_baggage = any(name == "baggage" for name, _, _, _ in styles)
    _only_traceparent = [name for name, _, _, _ in styles if name != "baggage"] == ["tracecontext"]
    return unknown


def fields() -> list[str]:
    """Return the names of all headers that are written or read, in lowercase."""
    return list(_fields)


def header_lines() -> re.Pattern[bytes] | None:
    """Return what finds a line with one of these headers behind the line feed that ends the line before it.

    None: there are no such headers.
    """
    global _lines
    if _lines is None and _fields:
        import re

        _lines = re.compile(b"\n(?:%s):" % "|".join(_fields).encode(), re.IGNORECASE)
    return _lines


def outgoing(span: Span) -> Sequence[tuple[str, str]]:
    """Return the headers, names in lowercase, that make ``span`` the parent of whoever receives them."""
    trace = span.trace
    if _only_traceparent and not trace.tracestate and not trace.baggage:
        return (("traceparent", f"00-{trace.trace_id}-{span.span_id}{trace.suffix}"),)
    headers: list[tuple[str, str]] = []
    for inject in _injectors:
        headers += inject(span)
    return headers


def incoming(get: Get) -> Remote | None:
    """Return what came in, or None if nothing (valid) did.

    Args:
        get: returns the value of a header by its name in lowercase, or None; several lines of one name are joined with
            ``,`` (RFC 9110, section 5.3).  What it raises passes through.

    Returns:
        The first trace that is found, in the order of ``configure``.  Its trace id is empty where only baggage came.
    """
    remote = None
    for extract in _extractors:
        remote = extract(get)
        if remote is not None:
            break
    if _reads_baggage:
        header = get("baggage")
        if header:
            entries = _baggage.parse(header)
            if remote is not None:
                remote.baggage = entries
            elif entries:
                remote = Remote("", "", 0, "", entries)
    return remote


def outgoing_bytes(span: Span) -> list[tuple[str, bytes]]:
    """Return the headers for a message whose header values are bytes; a fresh list."""
    trace = span.trace
    if _only_traceparent and not trace.tracestate and not trace.baggage:  # PERF: as ``outgoing`` does
        return [("traceparent", f"00-{trace.trace_id}-{span.span_id}{trace.suffix}".encode())]
    return [(name, value.encode()) for name, value in outgoing(span)]


def incoming_bytes(headers: MessageHeaders) -> Remote | None:
    """Return what came in with a message, or None.

    Args:
        headers: what the client library has on the message.  Names are compared without regard to case; whoever passes a
            message on adds to its end, so the last occurrence of a name wins, or where that is broken one before it.
            Whatever is not a pair of a string and ASCII bytes (or an ASCII string) is as good as absent.  An iterator is
            left alone: it would be empty when the program reads it.
    """
    if not headers or not _names:
        return None
    if _only_traceparent and type(headers) is list and len(headers) == 1:  # PERF: as a program without headers sends it
        try:
            ((name, value),) = headers
        except (TypeError, ValueError):
            return None
        if (
            type(value) is bytes
            and len(value) == 55
            and type(name) is str
            and name == "traceparent"
            and value.translate(None, _w3c.HEX) == b"---"
        ):
            return _w3c.parse_traceparent(value.decode(), hexadecimal=True)
    pairs: Iterable[Any] = headers
    if type(headers) is not list and not isinstance(headers, (list, tuple)):
        if hasattr(headers, "items"):
            pairs = headers.items()
        elif hasattr(headers, "__next__"):
            return None
    found: dict[str, str] = {}
    earlier: list[tuple[str, str]] | None = None
    for pair in pairs:
        try:
            name, value = pair
        except (TypeError, ValueError):
            continue
        if isinstance(name, str):
            name = name.lower()
            if name in _names:
                text = _text(value)
                if text is not None:
                    if name in found and name in _WHOLE:
                        earlier = [*(earlier or ()), (name, found[name])][-_MAX_EARLIER:]
                    found[name] = text
    if not found:
        return None
    remote = incoming(found.get)
    for name, text in reversed(earlier or ()):
        if remote is not None and remote.trace_id:
            break
        other = incoming({**found, name: text}.get)
        if other is not None and (remote is None or other.trace_id):
            remote = other
    return remote


def to_environment(span: Span) -> dict[str, str]:
    """Return the variables that make ``span`` the parent of a child process.

    They are merged over a copy of the environment from which ``environment_fields()`` were taken out: what this process
    itself was started with belongs to another trace.
    """
    return {_variable(name): value for name, value in outgoing(span)}


def from_environment(environ: Mapping[str, str]) -> Remote | None:
    """Return what the process was started with, or None."""

    def get(name: str) -> str | None:
        value = environ.get(_variable(name))
        if value is None and name == "x-amzn-trace-id":
            value = environ.get("_X_AMZN_TRACE_ID")  # as AWS Lambda spells it
        return value

    return incoming(get)


def environment_fields() -> list[str]:
    """Return the names of all environment variables that are written or read."""
    return [_variable(name) for name in _fields]


def _style(name: str) -> tuple[tuple[str, ...], Extract | None, Inject]:
    """Return the header names and both directions of a known style; a style that is not in use is not imported."""
    if name == "tracecontext":
        return _w3c.FIELDS, _w3c.extract, _w3c.inject
    if name == "baggage":
        return _baggage.FIELDS, None, _baggage.inject
    if name == "b3":
        from autotrace.propagation import b3

        return b3.FIELDS, b3.extract, b3.inject
    if name == "b3multi":
        from autotrace.propagation import b3

        return b3.FIELDS, b3.extract, b3.inject_multi
    if name == "jaeger":
        from autotrace.propagation import jaeger

        return jaeger.FIELDS, jaeger.extract, jaeger.inject
    if name == "xray":
        from autotrace.propagation import xray

        return xray.FIELDS, xray.extract, xray.inject
    from autotrace.propagation import datadog

    return datadog.FIELDS, datadog.extract, datadog.inject


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")


def _text(value: object) -> str | None:
    if isinstance(value, (bytes, bytearray)):
        try:
            return (value if len(value) <= _MAX_BYTES else value[:_MAX_BYTES]).decode("ascii")
        except UnicodeDecodeError:
            return None
    return value[:_MAX_BYTES] if isinstance(value, str) and value.isascii() else None
