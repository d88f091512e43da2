"""What the tests of propagation share: spans made by hand, and the default styles put back after each test."""

from __future__ import annotations

import pytest

from autotrace.trace.span import Span, Trace
from autotrace.trace.tracer import Tracer

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"


def _span(trace_id=TRACE_ID, span_id=SPAN_ID, flags=1, tracestate="", baggage=""):
    span = Span()
    span.trace = Trace(trace_id, flags, tracestate, baggage)
    span.span_id = span_id
    return span


def _entered(remote):
    tracer = Tracer()
    tracer.take_id = lambda: "00000000000000ff"
    return tracer.enter(None, (), remote, None)


@pytest.fixture(scope="session")
def make_span():
    """Return a function that makes a span of the given identity."""
    return _span


@pytest.fixture(scope="session")
def enter():
    """Return a function that starts, as the tracer does, the span beneath what came in."""
    return _entered
