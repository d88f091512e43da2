"""Spans on standard error."""

from __future__ import annotations

import json
import sys
import time

from google.protobuf import json_format
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Wire

from autotrace.export.console import Console
from autotrace.signals import TRACES
from autotrace.trace.failure import Failure
from autotrace.trace.tracer import Remote
from unit.export.making import NOON, TRACE, encoder, finished_span, fixed_tracer, operation, said


def printed(monkeypatch, capsys, payload):
    """Return the lines that a request becomes."""
    monkeypatch.setattr(sys, "__stderr__", sys.stderr)
    assert Console().export(TRACES, payload, time.monotonic() + 1).delivered
    out, err = capsys.readouterr()
    assert out == ""
    return [json.loads(line) for line in err.splitlines()]


def test_a_whole_span(monkeypatch, capsys):
    """A line is the Span message in OTLP's JSON."""
    tracer, finished = fixed_tracer()
    attributes = {
        "s": "ä",
        "i": -5,
        "b": False,
        "d": 1.5,
        "l": ("a", "b"),
        "y": b"\xff",
        "nan": float("nan"),
        "inf": float("-inf"),
    }
    remote = Remote(TRACE, "00f067aa0ba902b7", 1, "vendor=1")
    span = tracer.enter(operation(said("GET", attributes, 2, "no")), (), remote, None)
    span.more().events.append((1500, "hello", {"k": 1}))
    span.more().links.append(("ab" * 16, "cd" * 8, 1, ""))
    tracer.finish(span)
    (payload,) = encoder().encode(finished)
    assert printed(monkeypatch, capsys, payload) == [
        {
            "traceId": TRACE,
            "traceState": "vendor=1",
            "flags": 769,
            "parentSpanId": "00f067aa0ba902b7",
            "spanId": "0000000000000001",
            "startTimeUnixNano": str(NOON + 1000),
            "endTimeUnixNano": str(NOON + 2000),
            "name": "GET",
            "kind": 3,
            "attributes": [
                {"key": "s", "value": {"stringValue": "ä"}},
                {"key": "i", "value": {"intValue": "-5"}},
                {"key": "b", "value": {"boolValue": False}},
                {"key": "d", "value": {"doubleValue": 1.5}},
                {"key": "l", "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"stringValue": "b"}]}}},
                {"key": "y", "value": {"bytesValue": "/w=="}},
                {"key": "nan", "value": {"doubleValue": "NaN"}},
                {"key": "inf", "value": {"doubleValue": "-Infinity"}},
            ],
            "status": {"message": "no", "code": 2},
            "events": [
                {
                    "timeUnixNano": str(NOON + 1500),
                    "name": "hello",
                    "attributes": [{"key": "k", "value": {"intValue": "1"}}],
                }
            ],
            "links": [{"traceId": "ab" * 16, "spanId": "cd" * 8, "flags": 1}],
        }
    ]


def test_one_line_for_each_span_that_the_official_classes_read(monkeypatch, capsys):
    """What opentelemetry-proto reads of a line is the span, but for the ids, which OTLP writes in hexadecimal."""
    failure = Failure("ValueError", "no", (("x.py", 1, "f"),))
    spans = [finished_span(said("one", {"a": "x\ny"}, 2), failure=failure), finished_span(said("two"), scope="flask")]
    (payload,) = encoder().encode(spans)
    lines = printed(monkeypatch, capsys, payload)
    assert len(lines) == 2
    for line in lines:
        for key in ("traceId", "spanId"):
            line.pop(key)
        json_format.ParseDict(line, Wire())


def test_no_standard_error(monkeypatch):
    """A program without it gets its result all the same."""
    (payload,) = encoder().encode([finished_span(said())])
    monkeypatch.setattr(sys, "__stderr__", None)
    assert not Console().export(TRACES, payload, 0.0).delivered


def test_closed(monkeypatch, capsys):
    """Nothing is printed after the end, and bytes that are no request are refused."""
    monkeypatch.setattr(sys, "__stderr__", sys.stderr)
    console = Console()
    assert not console.export(TRACES, b"\xff", 0.0).delivered
    console.forget()
    console.close()
    assert console.export(TRACES, b"", 0.0).retryable
    assert capsys.readouterr().err == ""
