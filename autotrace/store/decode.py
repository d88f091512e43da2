"""Turns one serialised OTLP trace request into rows for the store, with the official protobuf classes.

Values become what JSON can hold: bytes as base64 and non-finite numbers as text, the way OTLP/JSON spells them.
A span without ids cannot be kept and is counted; everything else that is odd (an end before its start, a kind
that is not in the list) is kept as it came.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from autotrace.store.model import KINDS
from autotrace.store.naming import operation, where

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

MAX_NS = 2**63 - 1
"""SQLite's largest integer; OTLP's fixed64 times can exceed it in a broken sender."""

SERVER, CLIENT = 2, 3


@dataclass(frozen=True)
class SpanRow:
    """One span, ready for the store. Times in ns since the epoch; JSON texts for attributes, events and links.

    Attributes:
        operation: see `naming.operation`.
        through: of an HTTP server the route, or where none is known the path.
        noise: what it is where it is noise (`autotrace.noise`), else empty.
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    scope: str
    scope_version: str
    name: str
    kind: int
    start_ns: int
    end_ns: int
    status: int
    status_message: str
    attributes: str
    events: str
    links: str
    trace_state: str
    flags: int
    dropped_attributes: int
    dropped_events: int
    dropped_links: int
    route: str | None
    http_status: int | None
    operation: str
    through: str | None
    noise: str


@dataclass(frozen=True)
class ResourceSpans:
    """The spans that one process sent together, with what describes that process."""

    service: str
    attributes: str
    spans: list[SpanRow]
    refused: int


def decode(payload: bytes) -> list[ResourceSpans] | None:
    """Decode one request.

    Returns:
        its spans by resource, or None if the bytes are no ExportTraceServiceRequest.
    """
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(payload)
    except DecodeError:
        return None
    groups = []
    for resource_spans in request.resource_spans:
        resource = _attributes(resource_spans.resource.attributes)
        service = resource.get("service.name")
        spans: list[SpanRow] = []
        refused = 0
        for scope_spans in resource_spans.scope_spans:
            scope = scope_spans.scope
            for span in scope_spans.spans:
                if span.trace_id and span.span_id:
                    spans.append(_span(span, scope.name, scope.version))
                else:
                    refused += 1
        groups.append(ResourceSpans(str(service) if service else "unknown_service", _json(resource), spans, refused))
    return groups


def _span(span: WireSpan, scope: str, scope_version: str) -> SpanRow:
    attributes = _attributes(span.attributes)
    named = _Named(span.name, KINDS[span.kind] if span.kind < len(KINDS) else KINDS[0], attributes)
    route = _route(span.kind, attributes)
    return SpanRow(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        # An all-zero parent is how some senders spell "none" (W3C trace context: an all-zero id is invalid).
        parent_id=span.parent_span_id.hex() if any(span.parent_span_id) else None,
        scope=scope,
        scope_version=scope_version,
        name=span.name,
        kind=span.kind,
        start_ns=min(span.start_time_unix_nano, MAX_NS),
        end_ns=min(span.end_time_unix_nano, MAX_NS),
        status=span.status.code,
        status_message=span.status.message,
        attributes=_json(attributes),
        events=_json([_event(event) for event in span.events]),
        links=_json([_link(link) for link in span.links]),
        trace_state=span.trace_state,
        flags=getattr(span, "flags", 0),  # unknown to the oldest opentelemetry-proto
        dropped_attributes=span.dropped_attributes_count,
        dropped_events=span.dropped_events_count,
        dropped_links=span.dropped_links_count,
        route=route,
        http_status=_http_status(span.kind, attributes),
        operation=operation(named),
        through=route if route is not None or span.kind != SERVER else where(named) or None,
        noise=str(attributes.get("autotrace.noise", "")),
    )


class _Named(NamedTuple):
    name: str
    kind: str
    attributes: dict[str, Any]


def _event(event: WireSpan.Event) -> dict[str, Any]:
    return {
        "name": event.name,
        "time_ns": min(event.time_unix_nano, MAX_NS),
        "attributes": _attributes(event.attributes),
    }


def _link(link: WireSpan.Link) -> dict[str, Any]:
    return {
        "trace_id": link.trace_id.hex(),
        "span_id": link.span_id.hex(),
        "attributes": _attributes(link.attributes),
    }


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    which = value.WhichOneof("value")
    if which is None:
        return None
    if which == "array_value":
        return [_value(item) for item in value.array_value.values]
    if which == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    if which == "bytes_value":
        return base64.b64encode(value.bytes_value).decode("ascii")
    plain = getattr(value, which)
    if isinstance(plain, float) and not math.isfinite(plain):
        return "NaN" if math.isnan(plain) else ("Infinity" if plain > 0 else "-Infinity")
    return plain


def _route(kind: int, attributes: dict[str, Any]) -> str | None:
    route = attributes.get("http.route") if kind == SERVER else None
    return route if isinstance(route, str) else None


def _http_status(kind: int, attributes: dict[str, Any]) -> int | None:
    if kind not in {SERVER, CLIENT}:
        return None
    # The second name is the one before the HTTP conventions became stable; other senders still use it.
    status = attributes.get("http.response.status_code", attributes.get("http.status_code"))
    return status if isinstance(status, int) else None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
