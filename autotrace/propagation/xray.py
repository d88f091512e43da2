"""``X-Amzn-Trace-Id: Root=1-{8 hex}-{24 hex};Parent={16 hex};Sampled={0|1}``, the style of AWS X-Ray.

A header without a parent, as a load balancer sends that is the first to see a request, starts no trace here: there is
no span to be the parent.  Other fields (``Self``, ``Lineage``) are not passed on.
"""

from __future__ import annotations

from autotrace.propagation.identifiers import decided_here, hexadecimal
from autotrace.trace.tracer import Remote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from autotrace.propagation import Get
    from autotrace.trace.span import Span

FIELDS = ("x-amzn-trace-id",)

_MAX = 1024  # characters
_SAMPLED = {"0": 0, "1": 1}  # "?" asks whoever receives it to decide


def extract(get: Get) -> Remote | None:
    """Return the caller's place in its trace; the fields may come in any order."""
    header = get("x-amzn-trace-id")
    if not header or len(header) > _MAX:
        return None
    fields = {}
    for field in header.split(";"):
        name, _, value = field.partition("=")
        fields[name.strip(" \t")] = value.strip(" \t")
    root = fields.get("Root", "")
    parent = fields.get("Parent", "")
    if len(root) != 35 or root[:2] != "1-" or root[10] != "-" or len(parent) != 16:
        return None
    trace_id = hexadecimal(root[2:10] + root[11:], 32)
    span_id = hexadecimal(parent, 16)
    if not trace_id or not span_id:
        return None
    flags = _SAMPLED.get(fields.get("Sampled", ""))
    return Remote(trace_id, span_id, decided_here(trace_id) if flags is None else flags)


def inject(span: Span) -> Sequence[tuple[str, str]]:
    """Return the header; X-Ray takes trace ids whose first digits are no time."""
    trace = span.trace
    root = f"1-{trace.trace_id[:8]}-{trace.trace_id[8:]}"
    return (("x-amzn-trace-id", f"Root={root};Parent={span.span_id};Sampled={'1' if trace.sampled else '0'}"),)
