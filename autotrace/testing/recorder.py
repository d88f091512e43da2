"""What tests of the traced side share: a recorder of finished spans with fixed ids and a fixed clock.

Ids count up (span ``0000000000000001``, trace ``...0001``), and every look at the clock is a microsecond later.
"""

from __future__ import annotations

import importlib
import itertools
import threading

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from autotrace import faults as wall
from autotrace import propagation
from autotrace.config import settings
from autotrace.conventions import http
from autotrace.export.otlp import Encoder
from autotrace.faults import faults
from autotrace.patching.apply import apply
from autotrace.patching.catalog import parts
from autotrace.patching.third_party import announced
from autotrace.trace.context import set_current
from autotrace.trace.sampling import Sampler
from autotrace.trace.tracer import tracer

KINDS = {1: "INTERNAL", 2: "SERVER", 3: "CLIENT", 4: "PRODUCER", 5: "CONSUMER"}
STATUS = {0: "UNSET", 1: "OK", 2: "ERROR"}
_BUILT_IN = {part.name: part for part in parts()}


class Recorder:
    """Collects finished spans while it is in place."""

    def __init__(self):
        self.spans = []
        self._lock = threading.Condition()

    def submit(self, span):
        """Take a span from the tracer."""
        with self._lock:
            self.spans.append(span)
            self._lock.notify_all()

    def wait(self, count, timeout=60.0):
        """Return the finished spans as dictionaries once there are ``count`` of them; fails when there are not, or more."""
        with self._lock:
            self._lock.wait_for(lambda: len(self.spans) >= count, timeout)
        got = self.finished()
        assert len(got) == count, f"{len(got)} spans, not {count}: {[span['name'] for span in got]}"
        return got

    def finished(self):
        """Return the finished spans, in the order of their finishing, as whole dictionaries.

        Keys that would be empty (message, exception, links, events, tracestate) are left out.
        """
        return [as_dict(span) for span in list(self.spans)]

    def parents(self):
        """Return ``(name, its parent's name)`` of every finished span, in the order of their finishing.

        Where the parent has not finished, its id stands for its name.
        """
        spans = list(self.spans)
        names = {span.span_id: span.facts[0] for span in spans}
        return [(span.facts[0], names.get(span.parent_id, span.parent_id)) for span in spans]

    def clear(self):
        """Forget what was recorded."""
        with self._lock:
            self.spans.clear()


ENCODER = Encoder({"service.name": "test"}, settings.load({}, "/"), lambda moment: moment, scrub=http.scrub)


def as_dict(span):
    """Return a span as a receiver sees it: encoded by us, decoded by the official classes."""
    (payload,) = ENCODER.encode([span])
    request = ExportTraceServiceRequest.FromString(payload)
    ((scopes,),) = [resource.scope_spans for resource in request.resource_spans]
    (got,) = scopes.spans
    assert (got.start_time_unix_nano, got.end_time_unix_nano) == (span.start, span.end)
    result = {
        "name": got.name,
        "kind": KINDS[got.kind],
        "scope": scopes.scope.name.replace("autotrace.", "", 1),
        "trace_id": got.trace_id.hex(),
        "span_id": got.span_id.hex(),
        "parent_id": got.parent_span_id.hex(),
        "attributes": attributes_of(got),
        "status": STATUS[got.status.code],
    }
    exceptions = [attributes_of(event) for event in got.events if event.name == "exception"]
    told = span.failure is not None and not span.failure.repeated  # the last event is the exception that ended the span
    more = {
        "message": got.status.message,
        "exception": exception_of(exceptions[-1]) if told else "",
        "tracestate": got.trace_state,
        "links": [(link.trace_id.hex(), link.span_id.hex()) for link in got.links],
        "events": [event.name for event in got.events][: -1 if told else None],
    }
    result.update({key: value for key, value in more.items() if value})
    return result


def exception_of(attributes):
    """Return type and message of an exception event."""
    return f"{attributes['exception.type']}: {attributes['exception.message']}"


def attributes_of(carrier):
    """Return the attributes of a decoded span or event as a dictionary of plain values."""
    return {pair.key: plain(pair.value) for pair in carrier.attributes}


def plain(value):
    """Return the Python value of an AnyValue."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    return getattr(value, kind)


def install(monkeypatch):
    """Put a fresh recorder behind the tracer; ``monkeypatch`` takes it away again."""
    recorder = Recorder()
    spans, traces, ticks = itertools.count(1), itertools.count(1), itertools.count(1_000_000, 1000)
    monkeypatch.setattr(tracer, "active", True)
    monkeypatch.setattr(tracer, "submit", recorder.submit)
    monkeypatch.setattr(tracer, "sampler", Sampler())
    monkeypatch.setattr(tracer, "clock", lambda: next(ticks))
    monkeypatch.setattr(tracer, "take_id", lambda: f"{next(spans):016x}")
    monkeypatch.setattr(tracer, "new_trace_id", lambda: f"{next(traces):032x}")
    propagation.configure(("tracecontext", "baggage"))
    set_current(None)
    faults.clear()
    monkeypatch.setattr(wall, "_ways", {})
    monkeypatch.setattr(wall, "limit", 0)
    return recorder


def part_named(name):
    """Return an instrumentor by its name: one of the catalog, or one that an installed distribution announces.

    Raises:
        LookupError: there is none.
    """
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    others = {part.name: part for part in announced()}
    if name not in others:
        known = ", ".join(sorted({*_BUILT_IN, *others}))
        raise LookupError(f"no instrumentor is called {name!r}; is its distribution installed?  There are: {known}")
    return others[name]


def instrument(*names):
    """Apply instrumentors by name, all of them or none; returns a function that takes them back."""
    applied = []

    def undo():
        for done in reversed(applied):
            done.undo()

    try:
        for name in names:
            part = part_named(name)
            importlib.import_module(part.trigger)
            applied.append(apply(part.instrumentor()))
    except BaseException:
        undo()
        raise

    return undo
