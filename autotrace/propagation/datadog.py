"""``x-datadog-...``, the style of Datadog: decimal 64-bit identifiers, the trace id's upper half in a tag.

Origin and the other tags are not passed on, and a priority set by hand (-1, 2) goes on as 0 or 1: spans have no place
for them.
"""

from __future__ import annotations

from autotrace.propagation.identifiers import decided_here
from autotrace.trace.tracer import Remote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from autotrace.propagation import Get
    from autotrace.trace.span import Span

FIELDS = ("x-datadog-trace-id", "x-datadog-parent-id", "x-datadog-sampling-priority", "x-datadog-tags")

_MAX_TAGS = 1024  # characters; Datadog's own libraries send at most 512
_SAMPLED = {"-1": 0, "0": 0, "1": 1, "2": 1}


def extract(get: Get) -> Remote | None:
    """Return the caller's place in its trace."""
    trace_id = get("x-datadog-trace-id")
    span_id = get("x-datadog-parent-id") if trace_id else None
    if not trace_id or not span_id:
        return None
    low = _hexadecimal(trace_id)
    parent = _hexadecimal(span_id)
    if not low or not parent:
        return None
    whole = _upper_half(get("x-datadog-tags") or "") + low
    flags = _SAMPLED.get(get("x-datadog-sampling-priority") or "")
    return Remote(whole, parent, decided_here(whole) if flags is None else flags)


def inject(span: Span) -> Sequence[tuple[str, str]]:
    """Return the headers; the tag only where the upper half of the trace id is not zero."""
    trace = span.trace
    high = trace.trace_id[:16]
    headers = (
        ("x-datadog-trace-id", str(int(trace.trace_id[16:], 16))),
        ("x-datadog-parent-id", str(int(span.span_id, 16))),
        ("x-datadog-sampling-priority", "1" if trace.sampled else "0"),
    )
    return headers if high == "0" * 16 else (*headers, ("x-datadog-tags", f"_dd.p.tid={high}"))


def _hexadecimal(decimal: str) -> str:
    """Return 16 digits for an unsigned 64-bit number that is not zero, else nothing."""
    if len(decimal) > 20 or not decimal.isascii() or not decimal.isdigit():
        return ""
    number = int(decimal)
    return f"{number:016x}" if 0 < number < 1 << 64 else ""


def _upper_half(tags: str) -> str:
    for tag in tags[:_MAX_TAGS].split(","):
        name, _, value = tag.strip(" \t").partition("=")
        if name == "_dd.p.tid" and len(value) == 16 and not value.strip("0123456789abcdef"):
            return value
    return "0" * 16
