"""Spans with fixed ids and times, and what opentelemetry-proto makes of the encoder's bytes."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from autotrace import __version__
from autotrace.export.otlp import Encoder, Limits
from autotrace.trace.span import CLIENT, Operation
from autotrace.trace.tracer import Tracer

NOON = 1_700_000_000_000_000_000  # ns since the epoch, at moment 0 of the fixed clock
TRACE = "0af7651916cd43dd8448eb211c80319c"
RESOURCE = {"service.name": "shop"}


def fixed_tracer():
    """Return a tracer whose clock goes 1000 ns a look, whose ids count up, and the list that it submits to."""
    tracer, finished = Tracer(), []
    moments, ids = itertools.count(1000, 1000), itertools.count(1)
    tracer.clock = lambda: next(moments)
    tracer.take_id = lambda: f"{next(ids):016x}"
    tracer.new_trace_id = lambda: TRACE
    tracer.submit = finished.append
    return tracer, finished


def encoder(limits=None, clock=lambda: 50_000, max_request=32 << 20, resource=None):
    """Return an encoder for which moment 0 was at NOON."""
    return Encoder(
        RESOURCE if resource is None else resource, limits or Limits(), lambda moment: NOON + moment, clock, max_request
    )


def said(name="GET", attributes=None, code=0, message=""):
    """Return a describe function that always says the same."""
    return lambda *_: (name, attributes or {}, code, message)


def operation(describe, scope="requests", kind=CLIENT):
    """Return an operation of no family in particular."""
    return Operation("http.client", kind, scope, describe)


def finished_span(describe, facts=("GET",), outcome=(200,), failure=None, scope="requests"):
    """Return one finished root span; ``describe`` may be an operation."""
    kind = describe if isinstance(describe, Operation) else operation(describe, scope)
    tracer, finished = fixed_tracer()
    tracer.finish(tracer.start(kind, facts, None), outcome, failure)
    return finished[0]


def decode(payload):
    """Return the bytes as the official classes read them."""
    request = ExportTraceServiceRequest()
    request.ParseFromString(payload)
    return request


def only_span(encoder, span):
    """Return what one span becomes."""
    (payload,) = encoder.encode([span])
    ((resource_spans,)) = decode(payload).resource_spans
    ((scope_spans,)) = resource_spans.scope_spans
    ((decoded,)) = scope_spans.spans
    return decoded


def value(given):
    """Return an AnyValue, made by opentelemetry-proto from what Python's types say."""
    if given is None:
        return AnyValue()
    for kind, field in (
        (bool, "bool_value"),
        (int, "int_value"),
        (float, "double_value"),
        (str, "string_value"),
        (bytes, "bytes_value"),
    ):
        if isinstance(given, kind):
            return AnyValue(**{field: given})
    return AnyValue(array_value=ArrayValue(values=[value(item) for item in given]))


def pairs(attributes):
    """Return KeyValues in order."""
    return [KeyValue(key=key, value=value(given)) for key, given in attributes.items()]


SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"


def request(*scopes, resource=None):
    """Return a whole request: ``scopes`` are pairs of an instrumentor's name and its spans."""
    return ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(
                resource=Resource(attributes=pairs(RESOURCE if resource is None else resource)),
                scope_spans=[
                    ScopeSpans(
                        scope=InstrumentationScope(name=f"autotrace.{name}", version=__version__),
                        spans=spans,
                        schema_url=SCHEMA_URL,
                    )
                    for name, spans in scopes
                ],
                schema_url=SCHEMA_URL,
            )
        ]
    )


def expected(
    span_id=1, parent=0, start=1000, end=2000, name="GET", kind=CLIENT, flags=0x103, attributes=None, **others
):
    """Return a span of the fixed trace, in the official classes."""
    return Span(
        trace_id=bytes.fromhex(TRACE),
        span_id=span_id.to_bytes(8, "big"),
        parent_span_id=parent.to_bytes(8, "big") if parent else b"",
        name=name,
        kind=kind,
        start_time_unix_nano=NOON + start,
        end_time_unix_nano=NOON + end,
        flags=flags,
        attributes=pairs(attributes or {}),
        **others,
    )


def failed(message=""):
    """Return the status of a failed span."""
    return Status(code=2, message=message)


def settings(**given):
    """Return settings with what the exporters and the resource read of them."""
    known = {
        "service_name": "", "resource_attributes": {}, "endpoint": "", "headers": {}, "compression": "gzip",
        "timeout_ms": 5000, "certificate": "", "client_key": "", "client_certificate": "", "insecure": False,
        "data_dir": "", "inbox_max_bytes": 256 << 20,
    }  # fmt: skip
    assert not set(given) - set(known)
    return SimpleNamespace(**{**known, **given})
