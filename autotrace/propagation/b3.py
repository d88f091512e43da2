"""B3, the style of Zipkin: one header ``b3``, or several ``x-b3-...``; both are read, whichever is written.

A debug trace counts as sampled and is passed on as such: spans have no place for the difference.  A decision that comes
without identifiers (``b3: 0``) is not followed.  The parent's span id is neither kept nor sent (OpenTelemetry
specification, "B3 Requirements").
"""

from __future__ import annotations

from autotrace.propagation.identifiers import decided_here, hexadecimal
from autotrace.trace.tracer import Remote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from autotrace.propagation import Get
    from autotrace.trace.span import Span

FIELDS = ("b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags")

# The words are those of older Zipkin libraries.
_SAMPLED = {"0": 0, "1": 1, "d": 1, "false": 0, "False": 0, "true": 1, "True": 1}
_MAX = 128  # characters; at most 32 + 16 + 1 + 16 with three hyphens


def extract(get: Get) -> Remote | None:
    """Return the caller's place in its trace from the single header, else from the several ones."""
    header = get("b3")
    if header:
        remote = _parse_single(header)
        if remote is not None:
            return remote
    trace_id = get("x-b3-traceid")
    span_id = get("x-b3-spanid") if trace_id else None
    if not trace_id or not span_id:
        return None
    sampled = "1" if get("x-b3-flags") == "1" else get("x-b3-sampled") or ""
    return _remote(trace_id, span_id, _SAMPLED.get(sampled))


def inject(span: Span) -> Sequence[tuple[str, str]]:
    """Return the single header."""
    trace = span.trace
    return (("b3", f"{trace.trace_id}-{span.span_id}-{'1' if trace.sampled else '0'}"),)


def inject_multi(span: Span) -> Sequence[tuple[str, str]]:
    """Return the several headers."""
    trace = span.trace
    return (
        ("x-b3-traceid", trace.trace_id),
        ("x-b3-spanid", span.span_id),
        ("x-b3-sampled", "1" if trace.sampled else "0"),
    )


def _parse_single(header: str) -> Remote | None:
    """Read ``{trace}-{span}``, ``{trace}-{span}-{0|1|d}`` or ``{trace}-{span}-{0|1|d}-{parent}``."""
    if len(header) > _MAX:
        return None
    parts = header.strip(" \t").split("-")
    if not 2 <= len(parts) <= 4 or (len(parts) == 4 and (len(parts[3]) != 16 or not hexadecimal(parts[3], 16))):
        return None
    if len(parts) > 2 and parts[2] not in ("0", "1", "d"):
        return None
    return _remote(parts[0], parts[1], _SAMPLED[parts[2]] if len(parts) > 2 else None)


def _remote(trace_id: str, span_id: str, flags: int | None) -> Remote | None:
    if len(trace_id) not in (16, 32) or len(span_id) != 16:
        return None
    trace_id = hexadecimal(trace_id, 32)
    span_id = hexadecimal(span_id, 16)
    if not trace_id or not span_id:
        return None
    return Remote(trace_id, span_id, decided_here(trace_id) if flags is None else flags)
