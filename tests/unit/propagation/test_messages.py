"""Headers of messages: names with bytes, in all the shapes that client libraries have."""

from __future__ import annotations

from collections import UserDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace import propagation

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE_ID}-{SPAN_ID}-01".encode()
OTHER = f"00-{TRACE_ID}-{'1' * 16}-01".encode()


def test_what_is_sent(make_span):
    """The same headers as anywhere else, as ASCII bytes, in a list of one's own."""
    headers = propagation.outgoing_bytes(make_span(tracestate="a=1", baggage="b=2"))
    assert headers == [("traceparent", TRACEPARENT), ("tracestate", b"a=1"), ("baggage", b"b=2")]
    assert propagation.outgoing_bytes(make_span()) == [("traceparent", TRACEPARENT)]
    assert propagation.outgoing_bytes(make_span()) is not propagation.outgoing_bytes(make_span())


@pytest.mark.parametrize("shape", [list, tuple, dict, UserDict], ids=lambda shape: shape.__name__)
def test_every_shape_is_read(shape):
    """A list, a tuple, a dict or another mapping."""
    headers = [("id", b"\xff\x00"), ("traceparent", TRACEPARENT), ("tracestate", b"a=1"), ("baggage", b"b=2")]
    remote = propagation.incoming_bytes(shape(headers))
    assert (remote.trace_id, remote.span_id, remote.flags) == (TRACE_ID, SPAN_ID, 1)
    assert (remote.tracestate, remote.baggage) == ("a=1", "b=2")


@pytest.mark.parametrize("headers", [None, [], (), {}, [("id", b"1")], {"id": b"1"}])
def test_no_headers_mean_no_parent(headers):
    """Most messages have none."""
    assert propagation.incoming_bytes(headers) is None


def test_an_iterator_is_not_used_up():
    """The program has to find all that was in it."""
    headers = iter([("traceparent", TRACEPARENT)])
    assert propagation.incoming_bytes(headers) is None
    assert next(headers) == ("traceparent", TRACEPARENT)


@pytest.mark.parametrize("broken", [b"rubbish", b"\xff", b"", None, b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01"])
def test_the_last_occurrence_that_is_well_formed_counts(broken):
    """Whoever passes a message on adds to its end; what is broken is passed over, on either side."""
    ours, other, rubbish = (("traceparent", value) for value in (TRACEPARENT, OTHER, broken))
    for headers in ([other, ours], [rubbish, ours], [ours, rubbish], [other, ours, rubbish], [rubbish, ours, rubbish]):
        assert propagation.incoming_bytes(headers).span_id == SPAN_ID
    assert propagation.incoming_bytes([("traceparent", OTHER), ("Traceparent", TRACEPARENT)]).span_id == SPAN_ID
    assert propagation.incoming_bytes([rubbish, rubbish]) is None


def test_what_goes_with_a_context_is_the_last_as_well():
    """Each name by itself: the last tracestate and the last baggage that can be read."""
    headers = [("traceparent", OTHER), ("tracestate", b"a=1"), ("baggage", b"b=1")]
    headers += [("traceparent", TRACEPARENT), ("tracestate", b"a=2"), ("baggage", b"b=2"), ("baggage", b"=")]
    remote = propagation.incoming_bytes(headers)
    assert (remote.span_id, remote.tracestate, remote.baggage) == (SPAN_ID, "a=2", "")
    remote = propagation.incoming_bytes([("baggage", b"b=1"), ("baggage", b"b=2")])
    assert (remote.trace_id, remote.baggage) == ("", "b=2")
    remote = propagation.incoming_bytes([("traceparent", TRACEPARENT), ("baggage", b"b=1"), ("traceparent", b"x")])
    assert (remote.span_id, remote.baggage) == (SPAN_ID, "b=1")


def test_what_comes_in_several_headers_is_not_mixed():
    """A style that tells trace and span apart is taken from the end only: an earlier half belongs to another context."""
    propagation.configure(["b3multi"])
    first = [("x-b3-traceid", TRACE_ID.encode()), ("x-b3-spanid", SPAN_ID.encode())]
    assert propagation.incoming_bytes([*first, ("x-b3-traceid", b"1" * 32), ("x-b3-spanid", b"nonsense")]) is None
    second = [("x-b3-traceid", b"1" * 32), ("x-b3-spanid", b"2" * 16)]
    assert propagation.incoming_bytes([*first, *second]).span_id == "2" * 16


def test_many_broken_occurrences_cost_little():
    """Only some of them are passed over."""
    headers = [("traceparent", TRACEPARENT), *[("traceparent", b"rubbish")] * 100_000]
    assert propagation.incoming_bytes(headers) is None


def test_names_are_compared_without_regard_to_case():
    """Some senders write the names as they are written in HTTP."""
    propagation.configure(["xray"])
    value = f"Root=1-{TRACE_ID[:8]}-{TRACE_ID[8:]};Parent={SPAN_ID};Sampled=1".encode()
    assert propagation.incoming_bytes([("X-Amzn-Trace-Id", value)]).span_id == SPAN_ID


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"\xef\xbb\xbf" + TRACEPARENT,
        TRACEPARENT + b"\xff",
        TRACEPARENT.decode().encode("utf-16"),
        "\u0660" + TRACEPARENT.decode(),
        1,
        [TRACEPARENT],
        {"traceparent": TRACEPARENT},
    ],
)
def test_what_is_no_ascii_is_as_good_as_absent(value):
    """A value that cannot be one is ignored."""
    assert propagation.incoming_bytes([("traceparent", value)]) is None
    assert propagation.incoming_bytes({"traceparent": value}) is None


@pytest.mark.parametrize("value", [TRACEPARENT, bytearray(TRACEPARENT), TRACEPARENT.decode()])
def test_bytes_and_strings_are_read(value):
    """Brokers with typed headers hand out strings."""
    assert propagation.incoming_bytes({"traceparent": value}).span_id == SPAN_ID


def test_what_is_no_pair_is_skipped():
    """One odd header does not hide the others."""
    odd = [
        None,
        1,
        "traceparent",
        (),
        ("traceparent",),
        ("a", b"b", b"c"),
        (None, TRACEPARENT),
        (b"traceparent", OTHER),
    ]
    assert propagation.incoming_bytes([("traceparent", TRACEPARENT), *odd]).span_id == SPAN_ID


@given(
    st.binary(max_size=60)
    | st.from_regex(rb"[0-9a-fF]{1,2}-0?[0-9a-f]{31,32}-[0-9a-f-]{15,17}-0[0-9a-f]", fullmatch=True)
)
def test_one_that_came_alone_says_what_it_says_among_others(value):
    """A list of one pair is read without a search, and gives what any other shape gives."""
    alone, other = (propagation.incoming_bytes(kind([("traceparent", value)])) for kind in (list, tuple))
    seen = [
        (one.trace_id, one.span_id, one.flags, one.tracestate, one.baggage) if one else None for one in (alone, other)
    ]
    assert seen[0] == seen[1]


def test_limits_hold_for_bytes_too():
    """A value that is too long is treated as the same text would be."""
    entries = ",".join(f"k{number:02}={'v' * 1018}" for number in range(9))
    for header in (entries, entries[:8192], entries[:8193], entries * 100):
        text = propagation.incoming({"baggage": header}.get)
        assert propagation.incoming_bytes([("baggage", header.encode())]).baggage == text.baggage
    for length in (8192, 8193, 10_000):
        headers = [("traceparent", TRACEPARENT), ("tracestate", b"a=1".ljust(length))]
        assert propagation.incoming_bytes(headers).tracestate == ("a=1" if length == 8192 else "")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["traceparent", "tracestate", "baggage", "Baggage"]) | st.text() | st.none(),
            st.binary() | st.sampled_from([TRACEPARENT, b"a=1"]) | st.none() | st.text() | st.integers(),
        )
        | st.none()
        | st.binary()
    )
)
def test_no_message_makes_it_raise(headers):
    """The answer is something valid or None."""
    remote = propagation.incoming_bytes(headers)
    assert remote is None or remote.trace_id == TRACE_ID or remote.baggage
