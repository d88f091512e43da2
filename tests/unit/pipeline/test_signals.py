"""A second signal, which is not there yet: a fake one on its way from a listener to the store."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import waiting
from autotrace.export.http import HttpExporter
from autotrace.export.inbox.writer import Inbox
from autotrace.export.otlp import Encoder, Limits
from autotrace.pipeline import worker as pipeline
from autotrace.pipeline.queue import Queue
from autotrace.pipeline.spans import SpanQueue
from autotrace.pipeline.worker import Worker
from autotrace.signals import SIGNALS, TRACES
from autotrace.store.ingest import ingest
from autotrace.store.schema import open_database
from autotrace.trace.context import set_current
from autotrace.trace.sampling import Sampler
from autotrace.trace.span import INTERNAL, Operation
from autotrace.trace.tracer import tracer
from autotrace.wiring import Encoding
from unit.export.making import settings
from unit.export.reading import files, tagged
from unit.export.receiver import running

_, METRICS, LOGS = SIGNALS


class Durations:
    """Encodes how long spans took as the points of one metric; by the official classes."""

    def __init__(self, resource):
        self.set_resource(resource)

    def set_resource(self, resource):
        self._resource = [{"key": key, "value": {"string_value": value}} for key, value in resource.items()]

    def encode(self, items):
        points = [{"as_int": duration, "attributes": [_pair("scope", scope)]} for scope, duration in items]
        metric = {"name": "duration", "unit": "ns", "gauge": {"data_points": points}}
        scope = {"scope": {"name": "autotrace.test"}, "metrics": [metric]}
        request = {"resource": {"attributes": self._resource}, "scope_metrics": [scope]}
        return [ExportMetricsServiceRequest(resource_metrics=[request]).SerializeToString()]


def _pair(key, value):
    return {"key": key, "value": {"string_value": value}}


def operation():
    return Operation("test", INTERNAL, "test", lambda facts, *_: (facts[0], {}, 0, ""))


def perform(kind, name):
    """Do something in a span."""
    span = tracer.start(kind, (name,), None)
    set_current(span)
    tracer.finish(span)


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Pipelines of two signals, whose worker delivers to an inbox and to a receiver on loopback."""
    with running() as receiver:
        base = f"http://127.0.0.1:{receiver.port}"
        given = settings(data_dir=str(tmp_path), compression="none")
        resource = {"service.name": "shop"}
        spans = SpanQueue(
            TRACES, Encoding(lambda: Encoder(resource, Limits(), lambda moment: moment)).__call__, 100, 100
        )
        durations = Queue(METRICS, Encoding(lambda: Durations(resource)).__call__, lambda item: 100, 100, 100)
        sinks = [Inbox(given), HttpExporter(given, {one.name: base + one.path for one in (TRACES, METRICS)})]
        worker = Worker((spans, durations), sinks, 60)
        monkeypatch.setattr(tracer, "submit", spans.submit)
        monkeypatch.setattr(tracer, "sampler", Sampler())
        yield SimpleNamespace(
            worker=worker, spans=spans, durations=durations, receiver=receiver, inbox=tmp_path / "inbox"
        )
        worker.close(10)


def listen(made, kind):
    """Count how long each span took as a metric."""
    tracer.listen(kind, lambda span: made.durations.submit((span.operation.scope, span.end - span.start)))


def counted(payload):
    """Return how many points a request of metrics holds."""
    request = ExportMetricsServiceRequest.FromString(payload)
    (group,) = request.resource_metrics
    assert group.resource.attributes[0].value.string_value == "shop"
    return len(group.scope_metrics[0].metrics[0].gauge.data_points)


def test_a_fake_metric_travels_from_a_listener_to_the_store(made, tmp_path, monkeypatch):
    """By its own queue and encoder and the one thread to both sinks; the store keeps the traces, and says what it skips."""
    threads, begin = [], pipeline.start_thread
    monkeypatch.setattr(pipeline, "start_thread", lambda *args: threads.append(1) or begin(*args))
    heard, unheard = operation(), operation()
    listen(made, heard)
    perform(heard, "sampled")
    perform(unheard, "nobody listens")
    monkeypatch.setattr(tracer, "sampler", Sampler(0.0))
    perform(heard, "unsampled")
    perform(unheard, "neither sampled nor listened to")
    assert made.worker.close(10)
    assert len(threads) == 1

    traces, metrics = made.receiver.received
    assert (traces.path, metrics.path) == ("/v1/traces", "/v1/metrics")
    assert traces.peer == metrics.peer  # one connection
    assert counted(metrics.body) == 2
    (spans,) = ExportTraceServiceRequest.FromString(traces.body).resource_spans[0].scope_spans
    assert [span.name for span in spans.spans] == ["sampled", "nobody listens"]
    (file,) = files(made.inbox)
    assert tagged(file) == [(1, 1, traces.body), (2, 1, metrics.body)]

    database = open_database(tmp_path / "traces.sqlite")
    report = ingest(database, made.inbox)
    assert (report.records, report.spans, report.refused, report.skipped) == (2, 2, 0, {"metrics": 1})
    names = [row[0] for row in database.execute("SELECT name FROM spans ORDER BY start_ns")]
    database.close()
    assert names == ["sampled", "nobody listens"]


def test_each_signal_has_its_turn_although_much_waits_of_another(made):
    """A flood of spans does not keep what else waits from being delivered."""
    for _ in range(3):
        perform(operation(), "one of many")
    made.durations.submit(("test", 1))
    made.spans._batch = 1
    assert made.worker.flush(10)
    assert [one.path.rpartition("/")[2] for one in made.receiver.received] == ["traces", "metrics", "traces", "traces"]


def test_an_encoder_that_fails_costs_its_own_signal_alone(made):
    """The batch is lost and counted as a fault; what waits of the other is delivered in the same turn."""
    from autotrace.faults import faults

    made.spans.encode = "no function"
    perform(operation(), "lost")
    made.durations.submit(("test", 1))
    assert made.worker.flush(10)
    assert [one.path for one in made.receiver.received] == ["/v1/metrics"]
    assert faults.pop("pipeline") == 1


def test_a_fork_forgets_what_waits_of_every_signal(made):
    """The parent delivers it."""
    perform(operation(), "the parent's")
    made.durations.submit(("test", 1))
    made.worker.forget()
    assert (len(made.spans.items), len(made.durations.items)) == (0, 0)
    made.durations.submit(("test", 2))
    assert made.worker.flush(10)
    # No fork was there: the thread of before lives, and may be what delivers it.
    waiting.until(lambda: made.receiver.received, "the child's own measurement")
    assert [(one.path, counted(one.body)) for one in made.receiver.received] == [("/v1/metrics", 1)]


def test_what_waits_of_another_signal_has_a_ceiling_too(made):
    """In number and in bytes; the oldest goes, and is counted."""
    queue = Queue(METRICS, list, len, 50, 10, 1000)
    for number in range(500):
        queue.submit(bytes([number % 256]))
    assert len(queue.items) <= 4 * 50
    assert queue.dropped + len(queue.items) == 500
    for _ in range(300):
        queue.submit(bytes(500))
    assert sum(map(len, queue.items)) <= 4 * 1000 + 500
    assert queue.dropped + len(queue.items) == 800


def test_a_signal_without_an_endpoint_is_refused():
    """Where its requests should go nobody has said; those of traces go to the endpoint of the settings."""
    exporter = HttpExporter(settings(endpoint="http://127.0.0.1:9/v1/traces"))
    assert exporter.export(LOGS, b"", 0.0).text == "logs have no endpoint"


def test_signals_may_have_receivers_of_their_own():
    """The connection is made anew for each change, and each is told of by its own name."""
    with running() as first, running() as second:
        endpoints = {
            "traces": f"http://127.0.0.1:{first.port}/own",
            "metrics": f"http://127.0.0.1:{second.port}/v1/metrics",
        }
        exporter = HttpExporter(settings(compression="none"), endpoints)
        for signal in (TRACES, METRICS, METRICS, TRACES):
            assert exporter.export(signal, signal.name.encode(), 1e12).delivered
        exporter.close()
    assert [(one.path, one.body) for one in first.received] == [("/own", b"traces")] * 2
    assert [(one.path, one.body) for one in second.received] == [("/v1/metrics", b"metrics")] * 2
    assert len({one.peer for one in second.received}) == 1


def test_a_listener_hears_of_what_a_span_ended_with(made):
    """Its outcome and failure, whether or not it is sampled; of each span once."""
    heard, kind = [], operation()
    tracer.listen(
        kind, lambda span: heard.append((span.facts, span.outcome, span.failure and span.failure.type, span.end > 0))
    )
    for ratio in (1.0, 0.0):
        tracer.sampler = Sampler(ratio)
        good, bad = (tracer.start(kind, (ratio,), None) for _ in range(2))
        tracer.finish(good, (200,))
        tracer.finish(good, (201,))
        tracer.fail(bad, ValueError("burnt"), (500,))
    assert heard == [
        ((1.0,), (200,), None, True),
        ((1.0,), (500,), "ValueError", True),
        ((0.0,), (200,), None, True),
        ((0.0,), (500,), "ValueError", True),
    ]
    assert len(made.spans.items) == 2


def test_a_server_listens_to_requests_that_are_not_sampled(made):
    """A request ends in a way of its own."""
    from autotrace.families.http import http_server

    heard, kind = [], operation()
    tracer.listen(kind, heard.append)
    tracer.sampler = Sampler(0.0)
    span = tracer.start(kind, (), None)
    http_server.finished(span, 204, None)
    http_server.finished(span, 500, None)
    assert [(one.outcome, one.trace.sampled) for one in heard] == [((204, None, None), False)]
    assert len(made.spans.items) == 0
