"""The JSON twins of what the commands show: the same facts, for programs. Their shape is a promise to users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autotrace.store.critical import critical_path

if TYPE_CHECKING:
    from autotrace.store.model import Span, Trace
    from autotrace.store.queries import Summary


def summary_as_dict(summary: Summary) -> dict[str, Any]:
    """Return one entry of `autotrace traces --json`; times in ns."""
    return {
        "trace_id": summary.trace_id,
        "start_ns": summary.start_ns,
        "duration_ns": summary.duration_ns,
        "root": summary.root,
        "operation": summary.operation,
        "services": summary.services,
        "spans": summary.spans,
        "errors": summary.errors,
        "route": summary.route,
        "status_code": summary.status_code,
        "noise": summary.noise,
    }


def trace_as_dict(trace: Trace) -> dict[str, Any]:
    """Return what `autotrace show --json` prints; times in ns, spans in order of their start."""
    return {
        "trace_id": trace.trace_id,
        "start_ns": trace.start_ns,
        "end_ns": trace.end_ns,
        "duration_ns": trace.duration_ns,
        "services": trace.services,
        "roots": [span.span_id for span in trace.roots],
        "missing_parents": [span.span_id for span in trace.missing_parents],
        "errors": trace.errors,
        "critical_path": [span.span_id for span in critical_path(trace).spans],
        "spans": [_span_as_dict(span) for span in trace.spans],
    }


def _span_as_dict(span: Span) -> dict[str, Any]:
    return {
        "span_id": span.span_id,
        "parent_id": span.parent_id,
        "name": span.name,
        "kind": span.kind,
        "service": span.service,
        "scope": span.scope,
        "start_ns": span.start_ns,
        "end_ns": span.end_ns,
        "duration_ns": span.duration_ns,
        "self_ns": span.self_ns,
        "status": {"code": span.status, "message": span.status_message},
        "attributes": span.attributes,
        "events": span.events,
        "links": span.links,
        "resource": span.resource,
    }
