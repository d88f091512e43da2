"""What tests of the traced side share: a recorder of finished spans with fixed ids and a fixed clock.

Ids count up (span ``0000000000000001``, trace ``...0001``), and every look at the clock is a microsecond later.
"""

from __future__ import annotations

import importlib
import itertools
import threading

from autotrace import propagation
from autotrace.patching.apply import apply
from autotrace.patching.registry import BUILT_IN
from autotrace.patching.wall import faults
from autotrace.trace.context import set_current
from autotrace.trace.sampling import Sampler
from autotrace.trace.tracer import tracer

KINDS = {1: "INTERNAL", 2: "SERVER", 3: "CLIENT", 4: "PRODUCER", 5: "CONSUMER"}
STATUS = {0: "UNSET", 1: "OK", 2: "ERROR"}
KNOWN = {known.name: known for known in BUILT_IN}


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

    def wait(self, count, timeout=10.0):
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

    def clear(self):
        """Forget what was recorded."""
        with self._lock:
            self.spans.clear()


def as_dict(span):
    """Return a span as it would be exported."""
    name, attributes, code, message = span.operation.describe(span.facts, span.outcome, span.failure)
    extras = span.extras
    if extras is not None:
        attributes = {**attributes, **extras.attributes}
    result = {
        "name": name,
        "kind": KINDS[span.operation.kind],
        "scope": span.operation.scope,
        "trace_id": span.trace.trace_id,
        "span_id": span.span_id,
        "parent_id": span.parent_id,
        "attributes": attributes,
        "status": STATUS[code],
    }
    if message:
        result["message"] = message
    if span.failure is not None and not span.failure.repeated:
        result["exception"] = f"{span.failure.type}: {span.failure.message}"
    if span.trace.tracestate:
        result["tracestate"] = span.trace.tracestate
    if extras is not None and extras.links:
        result["links"] = [link[:2] for link in extras.links]
    if extras is not None and extras.events:
        result["events"] = [event[1] for event in extras.events]
    return result


def install(monkeypatch):
    """Put a fresh recorder behind the tracer; ``monkeypatch`` takes it away again."""
    recorder = Recorder()
    spans, traces, ticks = itertools.count(1), itertools.count(1), itertools.count(1_000_000, 1000)
    monkeypatch.setattr(tracer, "submit", recorder.submit)
    monkeypatch.setattr(tracer, "sampler", Sampler())
    monkeypatch.setattr(tracer, "clock", lambda: next(ticks))
    monkeypatch.setattr(tracer, "new_span_id", lambda: f"{next(spans):016x}")
    monkeypatch.setattr(tracer, "new_trace_id", lambda: f"{next(traces):032x}")
    propagation.configure(("tracecontext", "baggage"))
    set_current(None)
    faults.clear()
    return recorder


def instrument(*names):
    """Apply instrumentors by name; returns a function that takes them back."""
    applied = []
    for name in names:
        known = KNOWN[name]
        importlib.import_module(known.trigger)
        module = importlib.import_module(known.module)
        applied.append(apply(getattr(module, known.attribute)))

    def undo():
        for done in reversed(applied):
            done.undo()

    return undo
