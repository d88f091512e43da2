"""``uber-trace-id: {trace}:{span}:{parent}:{flags}``, the style of the retired Jaeger client libraries.

Their baggage (one header ``uberctx-<key>`` for each entry) is neither read nor written; the style is deprecated in the
OpenTelemetry specification.
"""

from __future__ import annotations

from autotrace.propagation.identifiers import hexadecimal
from autotrace.trace.tracer import Remote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from autotrace.propagation import Get
    from autotrace.trace.span import Span

FIELDS = ("uber-trace-id",)

_MAX = 128  # characters; at most 32 + 16 + 16 + 2 digits, and colons of three characters


def extract(get: Get) -> Remote | None:
    """Return the caller's place in its trace; leading zeros may be missing, and colons may be percent-encoded."""
    header = get("uber-trace-id")
    if not header or len(header) > _MAX:
        return None
    parts = header.strip(" \t").replace("%3A", ":").replace("%3a", ":").split(":")
    if len(parts) != 4:
        return None
    trace_id = hexadecimal(parts[0], 32)
    span_id = hexadecimal(parts[1], 16)
    flags = parts[3]
    if not trace_id or not span_id or not 0 < len(flags) <= 2 or flags.lower().strip("0123456789abcdef"):
        return None
    return Remote(trace_id, span_id, int(flags, 16) & 1)


def inject(span: Span) -> Sequence[tuple[str, str]]:
    """Return the header; the parent, deprecated in the style itself, is always 0."""
    trace = span.trace
    return (("uber-trace-id", f"{trace.trace_id}:{span.span_id}:0:{'1' if trace.sampled else '0'}"),)
