"""The encoder's requests, decoded by opentelemetry-proto."""

from __future__ import annotations

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Wire

from autotrace.export.otlp import Limits
from autotrace.trace.failure import Failure
from autotrace.trace.span import CONSUMER, SERVER
from autotrace.trace.tracer import Remote
from unit.export.making import (
    NOON,
    TRACE,
    decode,
    encoder,
    expected,
    failed,
    finished_span,
    fixed_tracer,
    only_span,
    operation,
    pairs,
    request,
    said,
)


def test_a_server_span_with_two_children_of_different_scopes():
    """Spans are grouped by scope, with parents, kinds, flags, tracestate, attributes and status."""
    tracer, finished = fixed_tracer()
    remote = Remote(TRACE, "00f067aa0ba902b7", 1, "vendor=1")
    server = tracer.enter(operation(said("GET /pizzas", {"http.route": "/pizzas"}), "flask", SERVER), (), remote, None)
    first = tracer.start(operation(said("GET", {"server.port": 8000, "ok": True})), (), server)
    tracer.finish(first)
    second = tracer.start(operation(said("SELECT", {}, 2, "no such table")), (), server)
    tracer.finish(second)
    tracer.finish(server)
    (payload,) = encoder().encode(finished)
    state = {"trace_state": "vendor=1"}
    assert decode(payload) == request(
        (
            "requests",
            [
                expected(2, 1, 2000, 3000, flags=0x101, attributes={"server.port": 8000, "ok": True}, **state),
                expected(3, 1, 4000, 5000, "SELECT", flags=0x101, status=failed("no such table"), **state),
            ],
        ),
        (
            "flask",
            [
                expected(
                    1, 0x00F067AA0BA902B7, 1000, 6000, "GET /pizzas", SERVER, 0x301,
                    attributes={"http.route": "/pizzas"}, **state,
                )
            ],
        ),
    )  # fmt: skip


def test_no_spans_make_no_request():
    """Nothing in, nothing out."""
    assert encoder().encode([]) == []


def test_the_resource_of_a_forked_child():
    """A child describes itself anew; what is remembered of spans stays right."""
    encoding = encoder()
    span = finished_span(said())
    encoding.encode([span])
    encoding.set_resource({"service.name": "child", "process.pid": 77})
    (payload,) = encoding.encode([span])
    assert decode(payload) == request(("requests", [expected()]), resource={"service.name": "child", "process.pid": 77})


def test_what_was_set_by_hand():
    """Attributes set by hand win over the described ones; events and links keep their order and their drops."""
    tracer, finished = fixed_tracer()
    span = tracer.start(operation(said("GET", {"a": 1, "b": 2})), (), None)
    extras = span.more()
    extras.attributes = {"b": "mine", "c": 1.5}
    extras.events = [(1100, "cache miss", {"key": "x"}), (1200, "late", None)]
    extras.links = [("ab" * 16, "cd" * 8, 0x301, "v=2"), ("12" * 16, "34" * 8, 0, "")]
    extras.dropped_attributes, extras.dropped_events, extras.dropped_links = 3, 4, 5
    tracer.finish(span)
    assert only_span(encoder(), finished[0]) == expected(
        attributes={"a": 1, "b": "mine", "c": 1.5},
        events=[
            Wire.Event(time_unix_nano=NOON + 1100, name="cache miss", attributes=pairs({"key": "x"})),
            Wire.Event(time_unix_nano=NOON + 1200, name="late"),
        ],
        links=[
            Wire.Link(trace_id=b"\xab" * 16, span_id=b"\xcd" * 8, flags=0x301, trace_state="v=2"),
            Wire.Link(trace_id=b"\x12" * 16, span_id=b"\x34" * 8),
        ],
        dropped_attributes_count=3,
        dropped_events_count=4,
        dropped_links_count=5,
    )


def test_drops_are_counted_where_nothing_else_was_set():
    """A span whose body is remembered from another still tells its own drops."""
    encoding, kind = encoder(), operation(said("GET", {"a": 1}))
    plain, dropping = finished_span(kind), finished_span(kind)
    dropping.more().dropped_attributes = 3
    for _ in range(2):
        assert only_span(encoding, plain) == expected(attributes={"a": 1})
        assert only_span(encoding, dropping) == expected(attributes={"a": 1}, dropped_attributes_count=3)


def test_the_exception_that_ended_a_span():
    """It is one event at the end of the span, with type, message and stack."""
    failure = Failure("shop.SoldOut", "no dough", (("/app/shop.py", 3, "bake"),))
    span = finished_span(said("GET", {"error.type": "shop.SoldOut"}, 2, "no dough"), failure=failure)
    stack = 'Traceback (most recent call last):\n  File "/app/shop.py", line 3, in bake\nshop.SoldOut: no dough\n'
    attributes = {"exception.type": "shop.SoldOut", "exception.message": "no dough", "exception.stacktrace": stack}
    assert only_span(encoder(), span) == expected(
        attributes={"error.type": "shop.SoldOut"},
        status=failed("no dough"),
        events=[Wire.Event(time_unix_nano=NOON + 2000, name="exception", attributes=pairs(attributes))],
    )


def test_an_exception_that_was_told_further_in():
    """A repeated failure makes no second event."""
    failure = Failure("ValueError", "no")
    failure.repeated = True
    assert only_span(encoder(), finished_span(said(code=2), failure=failure)) == expected(status=failed())


def test_an_exception_recorded_by_hand():
    """A Failure among the events becomes an exception's event, and does not fail the span."""
    tracer, finished = fixed_tracer()
    span = tracer.start(operation(said()), (), None)
    span.more().events.append((1500, "exception", Failure("ValueError", "no")))
    tracer.finish(span)
    attributes = {"exception.type": "ValueError", "exception.message": "no", "exception.stacktrace": "ValueError: no\n"}
    event = Wire.Event(time_unix_nano=NOON + 1500, name="exception", attributes=pairs(attributes))
    assert only_span(encoder(), finished[0]) == expected(events=[event])


def test_a_span_that_is_still_open():
    """It ends now and is marked; neither outcome nor failure exist yet, and it can be encoded again when it ends."""
    tracer, _ = fixed_tracer()
    asked = []

    def describe(facts, outcome, failure):
        asked.append((facts, outcome, failure))
        return "GET", {"n": 1}, 0, ""

    span = tracer.start(operation(describe), ("GET",), None)
    encoding = encoder()
    assert only_span(encoding, span) == expected(end=50_000, attributes={"n": 1, "autotrace.open": True})
    assert asked == [(("GET",), None, None)]
    tracer.finish(span)
    assert only_span(encoding, span) == expected(attributes={"n": 1})


def test_a_span_that_is_being_finished_by_another_thread():
    """Its end is written before its outcome and failure are: it is taken as one without them."""
    tracer, _ = fixed_tracer()
    span = tracer.start(operation(said()), (), None)
    span.end = 2000
    assert only_span(encoder(), span) == expected()


@pytest.mark.parametrize(
    "broken",
    [
        lambda *_: 1 / 0,
        lambda *_: None,
        lambda *_: ("GET", None, 0, ""),
        lambda *_: (None, {}, 0, ""),
        lambda *_: ("GET", {}, "ERROR", ""),
    ],
)
def test_a_describe_that_fails_costs_only_the_details(broken, faults):
    """The span keeps its place, kind, hand-made attributes and failure, is named after its scope, and is counted."""
    tracer, finished = fixed_tracer()
    span = tracer.start(operation(broken, kind=CONSUMER), (), None)
    span.more().attributes["mine"] = 1
    failure = Failure("ValueError", "no")
    failure.repeated = True
    tracer.finish(span, None, failure)
    whole = only_span(encoder(), finished[0])
    assert whole == expected(name="requests", kind=CONSUMER, attributes={"mine": 1}, status=failed("no"))
    assert faults == {"requests": 1}


@pytest.mark.parametrize("field", ["span_id", "parent_id"])
@pytest.mark.parametrize("wrong", ["xyz", "ab", "00" * 9, "g" * 16])
def test_a_span_with_an_impossible_id(field, wrong, faults):
    """It is left out and counted; the others of its batch are not touched."""
    bad, good = finished_span(said()), finished_span(said())
    setattr(bad, field, wrong)
    (payload,) = encoder().encode([bad, good])
    assert decode(payload) == request(("requests", [expected()]))
    assert faults == {"requests": 1}


def test_a_link_that_cannot_be_encoded(faults):
    """It costs the span's events and links, and nothing else."""
    tracer, finished = fixed_tracer()
    span = tracer.start(operation(said()), (), None)
    span.more().links.append(("nothing", "0", 1, ""))
    tracer.finish(span)
    assert only_span(encoder(), finished[0]) == expected()
    assert faults == {"requests": 1}


@pytest.mark.parametrize("state", ["", "vendor=1"])
def test_what_handles_a_message_links_to_its_creation(state):
    """It does where the creation is the parent, beside other links; a request of another process is no message."""
    tracer, finished = fixed_tracer()
    creation = Remote(TRACE, "00f067aa0ba902b7", 3, state)
    for kind, count in ((CONSUMER, 2), (SERVER, 1)):
        described = operation(said("pizzas"), "kafka", kind)
        for _ in range(count):
            tracer.finish(tracer.enter(described, (), creation, None))
    busy = tracer.enter(described, (), creation, None)
    busy.operation = finished[0].operation
    busy.more().links.append(("ab" * 16, "cd" * 8, 0x301, ""))
    tracer.finish(busy)
    inner = tracer.start(finished[0].operation, (), finished[0])
    tracer.finish(inner)
    (payload,) = encoder().encode(finished)
    spans = decode(payload).resource_spans[0].scope_spans[0].spans
    created = Wire.Link(
        trace_id=bytes.fromhex(TRACE), span_id=bytes.fromhex("00f067aa0ba902b7"), trace_state=state, flags=0x303
    )
    other = Wire.Link(trace_id=b"\xab" * 16, span_id=b"\xcd" * 8, flags=0x301)
    assert [list(span.links) for span in spans] == [[created], [created], [], [created, other], []]


def test_limits_of_counts():
    """The first attributes and links are kept, the exception is the last event to go, and all drops are counted."""
    tracer, finished = fixed_tracer()
    span = tracer.start(operation(said("GET", {"a": 1, "none": None, "b": 2, "c": 3}, 2)), (), None)
    span.more().events = [(1100, f"e{n}", {"x": 1, "y": 2}) for n in range(4)]
    span.more().links = [("ab" * 16, "cd" * 8, n, "") for n in range(3)]
    failure = Failure("ValueError", "no")
    tracer.finish(span, None, failure)
    limits = Limits(attribute_count=2, event_count=2, link_count=1, event_attribute_count=1)
    assert only_span(encoder(limits), finished[0]) == expected(
        attributes={"a": 1, "b": 2},
        dropped_attributes_count=1,
        status=failed(),
        events=[
            Wire.Event(time_unix_nano=NOON + 1100, name="e0", attributes=pairs({"x": 1}), dropped_attributes_count=1),
            Wire.Event(
                time_unix_nano=NOON + 2000,
                name="exception",
                attributes=pairs({"exception.type": "ValueError"}),
                dropped_attributes_count=2,
            ),
        ],
        dropped_events_count=3,
        links=[Wire.Link(trace_id=b"\xab" * 16, span_id=b"\xcd" * 8)],
        dropped_links_count=2,
    )


def test_limits_of_nothing():
    """Counts of zero keep nothing at all."""
    failure = Failure("ValueError", "no")
    span = finished_span(said("GET", {"a": 1}), failure=failure)
    span.more().links = [("ab" * 16, "cd" * 8, 0, "")]
    assert only_span(encoder(Limits(0, 0, 0, 0, 0)), span) == expected(
        dropped_attributes_count=1, dropped_events_count=1, dropped_links_count=1
    )


def test_requests_are_split_by_size():
    """No request is larger than the limit, none is empty, and no span is lost or doubled."""
    tracer, finished = fixed_tracer()
    for number in range(40):
        kind = operation(said(f"n{number}", {"text": "x" * (number * 7 % 300)}), f"scope{number % 3}")
        tracer.finish(tracer.start(kind, (), None))
    payloads = encoder(max_request=1500).encode(finished)
    assert max(map(len, payloads)) <= 1500
    assert len(payloads) > 2
    names = []
    for payload in payloads:
        (resource_spans,) = decode(payload).resource_spans
        assert all(scope.spans for scope in resource_spans.scope_spans)
        names += [span.name for scope in resource_spans.scope_spans for span in scope.spans]
    assert sorted(names) == sorted(f"n{number}" for number in range(40))


def test_a_span_too_large_for_any_request(told):
    """It is sent without what makes it large, and that is said."""
    large = finished_span(said("GET", {"text": "x" * 3000}))
    small = finished_span(said())
    payloads = encoder(max_request=1500).encode([large, small])
    assert [decode(payload) for payload in payloads] == [
        request(("requests", [expected(name="requests"), expected()])),
    ]
    (warning,) = told
    assert "larger than 1500 bytes" in warning


def test_lone_surrogates_everywhere():
    """Text that has no UTF-8 is sent with question marks."""
    bad = "a\ud800b"
    tracer, finished = fixed_tracer()
    tracer.new_trace_id = lambda: TRACE
    remote = Remote(TRACE, "00" * 7 + "09", 1, bad)
    span = tracer.enter(operation(said(bad, {bad: bad, "list": (bad,)}, 2, bad), bad), (), remote, None)
    span.more().events.append((1500, bad, {bad: bad}))
    tracer.finish(span)
    good = "a?b"
    (payload,) = encoder().encode(finished)
    assert decode(payload) == request(
        (
            good,
            [
                expected(
                    parent=9, name=good, flags=0x301, trace_state=good, status=failed(good),
                    attributes={good: good, "list": (good,)},
                    events=[Wire.Event(time_unix_nano=NOON + 1500, name=good, attributes=pairs({good: good}))],
                )
            ],
        )
    )  # fmt: skip
