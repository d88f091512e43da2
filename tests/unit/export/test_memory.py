"""What the encoder remembers is never wrong, and never much."""

from __future__ import annotations

from decimal import Decimal
from http import HTTPStatus
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from autotrace.conventions.db import describe
from autotrace.export.otlp import Encoder, Limits
from autotrace.memory import Memo
from autotrace.trace.span import CLIENT, Operation, Span, Trace
from unit.export.making import encoder, expected, finished_span, only_span, operation

DATABASE = ("sqlite", "shop.db", None, None)
ALIKE = [
    0,
    0.0,
    -0.0,
    False,
    1,
    1.0,
    True,
    Decimal(1),
    Decimal("1.00"),
    HTTPStatus.OK,
    200,
    200.0,
    "1",
    b"1",
    None,
    "",
    (),
]


def spelled(facts, outcome, failure):
    """Describe a span by how its facts are written."""
    return "GET", {"facts": repr(facts), "outcome": repr(outcome)}, 0, ""


@pytest.mark.parametrize("wrap", [lambda x: (x,), lambda x: ((x,),), lambda x: ("a", (1, ((x,), "b")))])
def test_equal_facts_of_other_types_are_other_facts(wrap):
    """1, 1.0 and True are equal and have one hash; each is described as itself, also inside other tuples."""
    encoding, kind = encoder(), operation(spelled)
    for _ in range(2):
        for fact in ALIKE:
            facts, outcome = wrap(fact), wrap(ALIKE[-1])
            span = only_span(encoding, finished_span(kind, facts, outcome))
            assert span == expected(attributes={"facts": repr(facts), "outcome": repr(outcome)})


_FACTS = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, -0.0, 1.0, 2.0]) | st.sampled_from("ab"),
    lambda inner: st.tuples(inner) | st.tuples(inner, inner) | st.frozensets(inner, max_size=2),
    max_leaves=4,
)


@given(st.lists(st.tuples(st.tuples(_FACTS, _FACTS), st.none() | st.tuples(_FACTS)), min_size=2, max_size=20))
def test_memory_changes_nothing(met):
    """One encoder for many spans says what a new encoder for each of them says."""
    encoding, kind = encoder(), operation(typed)
    for facts, outcome in met:
        span = finished_span(kind, facts, outcome)
        assert only_span(encoding, span) == only_span(encoder(), span)


def typed(facts, outcome, failure):
    """Describe a span by the types of its facts, at every depth; a set has no order to be told."""
    return "GET", {"facts": leaves(facts), "outcome": leaves(outcome)}, 0, ""


def leaves(value):
    """Write a value with its types."""
    if isinstance(value, (tuple, frozenset)):
        return f"{type(value).__name__}({', '.join(sorted(map(leaves, value)) if isinstance(value, frozenset) else map(leaves, value))})"
    return repr(value)


def test_what_repeats_is_described_once():
    """Equal facts and outcomes of one operation are described once; URL-like objects count as facts, too."""
    calls = []

    def describe(facts, outcome, failure):
        calls.append(facts)
        return "GET", {"path": str(facts[0])}, 0, ""

    encoding = encoder()
    kind = operation(describe)
    for _ in range(3):
        only_span(encoding, finished_span(kind, (PurePosixPath("/a"), "x", 1), (200, None)))
        only_span(encoding, finished_span(kind, ("a", ("b", (1,))), None))
    assert len(calls) == 2


@pytest.mark.parametrize("facts", [([1],), ({"a": 1},), (object(),), (1.5,), [1], None])
def test_what_cannot_be_remembered_is_described_each_time(facts):
    """Facts without a hash, and facts that may change, are not trusted."""
    calls = []

    def describe(given, outcome, failure):
        calls.append(given)
        return "GET", {}, 0, ""

    encoding, span = encoder(), finished_span(describe, facts)
    only_span(encoding, span)
    only_span(encoding, span)
    assert len(calls) == 2


def test_facts_whose_hash_or_equality_fail():
    """Somebody's broken class costs nothing but memory's help."""

    class Bad:
        def __hash__(self):
            return 1

        def __eq__(self, other):
            raise RuntimeError("no")

    encoding, kind = encoder(), operation(lambda *_: ("GET", {}, 0, ""))
    for _ in range(3):
        assert only_span(encoding, finished_span(kind, (Bad(),))) == expected()


def test_a_memo_keeps_its_bounds():
    """Entries and bytes of both generations stay below twice the bounds; what is used stays."""
    memo = Memo(100, 10_000)
    memo.put("used", b"x", 10)
    for number in range(5000):
        memo.put(number, b"x" * (number % 50), number % 50)
        assert memo.young.get("used") or memo.revive("used")
        assert len(memo.young) <= 100
        assert sum(map(len, memo.young.values())) <= 10_000
    memo.put("large", b"x" * 2000, 2000)
    assert memo.revive("large") is None
    assert "large" not in memo.young


@pytest.mark.parametrize("flags", [0, 1, 2, 3])
@pytest.mark.parametrize("remote", [False, True])
@pytest.mark.parametrize("parent", ["", "ab" * 8])
@pytest.mark.parametrize("tracestate", ["", "a=b"])
@pytest.mark.parametrize("name", ["short", "long " * 100])
def test_a_span_like_one_that_is_known_is_encoded_like_it(flags, remote, parent, tracestate, name):
    """The short way for common spans gives the message that the long way gives."""
    operation = Operation(
        "f", CLIENT, "s", lambda facts, outcome, failure: (facts[0], {"n": outcome[0]}, 0, ""), uniform=True
    )

    def made(start):
        span = Span()
        span.trace = Trace("cd" * 16, flags, tracestate)
        span.span_id, span.parent_id, span.remote = "12" * 8, parent, remote
        span.operation, span.facts, span.outcome, span.failure = operation, (name,), (7,), None
        span.previous = span.extras = span.notes = None
        span.start, span.end = start, start + 5
        return span

    encoder = Encoder({}, Limits(), lambda moment: moment + 1000)
    (first,), (second,) = encoder.encode([made(10)]), encoder.encode([made(10)])
    one, other = (ExportTraceServiceRequest.FromString(payload) for payload in (first, second))
    assert one == other
    (span,) = other.resource_spans[0].scope_spans[0].spans
    assert (span.name, span.start_time_unix_nano, span.end_time_unix_nano) == (name, 1010, 1015)
    assert (span.flags, span.trace_state) == (flags | 0x100 | (0x200 if remote else 0), tracestate)
    many = ExportTraceServiceRequest.FromString(encoder.encode([made(start) for start in range(50)])[0])
    assert [span.start_time_unix_nano for span in many.resource_spans[0].scope_spans[0].spans] == list(
        range(1000, 1050)
    )


def test_attributes_that_are_spelled_out_are_told_as_they_are():
    """Remembered pairs mix up neither 1, 1.0 and True nor 0.0 and -0.0; told twice, from memory the second time."""
    kind = Operation("f", CLIENT, "s", lambda facts, *_: (facts[0], facts[1], 0, ""), spelled=True)
    asked = Operation("f", CLIENT, "s", kind.describe)
    encoding = encoder()
    for _ in range(2):
        for value in (0, 0.0, -0.0, False, 1, 1.0, True, 2.5, "1", b"1", None, "", ("a",), [1]):
            facts = "bake", {"value": value, "": 1, "oven": 2}
            assert str(only_span(encoding, finished_span(kind, facts))) == str(
                only_span(encoder(), finished_span(asked, facts))
            )


def test_of_attributes_that_are_spelled_out_no_more_are_told_than_the_limit():
    """The first ones; the others are counted."""
    kind = Operation("f", CLIENT, "s", lambda facts, *_: (facts[0], facts[1], 0, ""), spelled=True)
    span = only_span(
        encoder(Limits(attribute_count=2)), finished_span(kind, ("bake", {"a": 1, "b": None, "c": 2, "d": 3}))
    )
    assert ([pair.key for pair in span.attributes], span.dropped_attributes_count) == (["a", "c"], 1)


def test_texts_that_never_come_twice_are_looked_for_seldom():
    """A statement's text is not looked for each time where none was known; one that comes again later is known again."""
    encoding, kind = encoder(), Operation("db_client", CLIENT, "sqlite3", describe, uniform=True)

    def encode(text, count):
        spans = [finished_span(kind, (DATABASE, text.format(number), None)) for number in range(count)]
        for number, span in enumerate(spans):
            span.span_id = f"{number % 16:x}{number:015x}"
        encoding.encode(spans)
        return encoding._bodies.unknown

    assert encode("SELECT {}", 64) < 64
    assert 64 < encode("SELECT {}", 1024) < 64 + 2 * 64
    encode("SELECT 1", 1024)
    assert encode("SELECT 1", 1024) == 0
