"""Which styles are in use, what goes out, and which of several headers counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace import propagation

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"
STYLES = ["tracecontext", "b3", "b3multi", "jaeger", "xray", "datadog"]


def everything(span):
    """Return the headers of all styles, each with another span id, so that one can tell which was read."""
    headers = {}
    for number, style in enumerate(STYLES, 1):
        propagation.configure([style])
        span.span_id = f"{number:016x}"
        headers.update(propagation.outgoing(span))
    return headers


def test_by_default_one_header_goes_out(make_span):
    """A trace without a tracestate and baggage is one pair."""
    assert propagation.outgoing(make_span()) == (("traceparent", TRACEPARENT),)
    assert propagation.outgoing(make_span(flags=0)) == (("traceparent", f"{TRACEPARENT[:-1]}0"),)


def test_by_default_tracestate_and_baggage_go_out_where_there_are_any(make_span):
    """The W3C headers in the order of their specifications."""
    assert list(propagation.outgoing(make_span(tracestate="a=1", baggage="b=2;p"))) == [
        ("traceparent", TRACEPARENT),
        ("tracestate", "a=1"),
        ("baggage", "b=2;p"),
    ]
    assert list(propagation.outgoing(make_span(baggage="b=2"))) == [("traceparent", TRACEPARENT), ("baggage", "b=2")]


def test_what_came_in_goes_out(enter):
    """A process passes trace, tracestate and baggage on, with its own span as the parent."""
    headers = {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-03", "tracestate": "a=1 , b=2", "baggage": "k = v ; p"}
    span = enter(propagation.incoming(headers.get))
    assert list(propagation.outgoing(span)) == [
        ("traceparent", f"00-{TRACE_ID}-00000000000000ff-03"),
        ("tracestate", "a=1,b=2"),
        ("baggage", "k=v;p"),
    ]


def test_nothing_comes_in():
    """Without headers there is no parent."""
    assert propagation.incoming({}.get) is None
    assert propagation.incoming({"traceparent": "", "tracestate": "", "baggage": ""}.get) is None
    assert propagation.incoming({"baggage": "no baggage"}.get) is None


def test_baggage_alone_comes_in_without_a_trace():
    """The caller is not traced, but what it says still goes on."""
    remote = propagation.incoming({"baggage": "a=1"}.get)
    assert (remote.trace_id, remote.span_id, remote.flags, remote.tracestate) == ("", "", 0, "")
    assert remote.baggage == "a=1"
    remote = propagation.incoming({"traceparent": "broken", "tracestate": "b=2", "baggage": "a=1"}.get)
    assert (remote.trace_id, remote.tracestate, remote.baggage) == ("", "", "a=1")


@pytest.mark.parametrize("names", [("none",), (), ("none", "tracecontext"), ("b3", " None ")])
def test_none_switches_everything_off(names, make_span):
    """Nothing is sent, and nothing is looked up."""
    looked_up = []
    propagation.configure(names)
    assert list(propagation.outgoing(make_span(tracestate="a=1", baggage="b=2"))) == []
    assert propagation.outgoing_bytes(make_span()) == []
    assert propagation.incoming(looked_up.append) is None
    assert propagation.incoming_bytes([("traceparent", TRACEPARENT.encode())]) is None
    assert looked_up == []
    assert propagation.fields() == []


def test_tracecontext_alone_leaves_baggage_alone(make_span):
    """Baggage is neither read nor sent on where it was not asked for."""
    propagation.configure(["tracecontext"])
    assert propagation.incoming({"traceparent": TRACEPARENT, "baggage": "a=1"}.get).baggage == ""
    assert propagation.incoming({"baggage": "a=1"}.get) is None
    assert list(propagation.outgoing(make_span(baggage="a=1"))) == [("traceparent", TRACEPARENT)]
    assert propagation.fields() == ["traceparent", "tracestate"]


def test_baggage_alone_leaves_the_trace_alone(make_span):
    """A trace is neither followed nor sent on where it was not asked for."""
    propagation.configure(["baggage"])
    remote = propagation.incoming({"traceparent": TRACEPARENT, "baggage": "a=1"}.get)
    assert (remote.trace_id, remote.baggage) == ("", "a=1")
    assert list(propagation.outgoing(make_span(baggage="a=1"))) == [("baggage", "a=1")]
    assert list(propagation.outgoing(make_span())) == []


def test_unknown_names_are_given_back():
    """The known ones are used all the same, in any case and with spaces around."""
    assert propagation.configure([" B3 ", "ottrace", "baggage", "", "ottrace"]) == ["ottrace", ""]
    assert propagation.fields() == ["b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags", "baggage"]
    assert propagation.configure(propagation.KNOWN) == []


@pytest.mark.parametrize("style", STYLES)
def test_each_style_brings_a_trace_and_baggage_across(style, make_span):
    """What one process sends, another reads, beside the baggage."""
    propagation.configure([style, "baggage"])
    remote = propagation.incoming(dict(propagation.outgoing(make_span(baggage="a=1"))).get)
    assert (remote.trace_id, remote.span_id, remote.flags, remote.baggage) == (TRACE_ID, SPAN_ID, 1, "a=1")


@pytest.mark.parametrize("style", STYLES)
def test_each_style_reads_and_writes_only_its_fields(style, make_span):
    """``fields`` names, in lowercase, all that is written and all that is looked up."""
    propagation.configure([style, "baggage"])
    fields = propagation.fields()
    looked_up = []
    propagation.incoming(looked_up.append)
    written = [name for name, _ in propagation.outgoing(make_span(tracestate="a=1", baggage="b=2"))]
    assert {*looked_up, *written} <= set(fields)
    assert fields == [name.lower() for name in dict.fromkeys(fields)]


@pytest.mark.parametrize("first", STYLES)
@pytest.mark.parametrize("second", STYLES)
def test_the_first_style_that_finds_a_trace_counts(first, second, make_span):
    """Of two styles that both came in, the one named first is followed; else the other."""
    headers = everything(make_span(tracestate="a=1"))
    propagation.configure([first, second])
    # Both forms of B3 read both forms of B3, the single header first.
    number = {style: STYLES.index("b3" if style == "b3multi" else style) + 1 for style in STYLES}
    remote = propagation.incoming(headers.get)
    assert int(remote.span_id, 16) == number[first]
    assert remote.tracestate == ("a=1" if first == "tracecontext" else "")
    broken = {
        name: "?" if name in dict(_fields_of(first)) and name not in dict(_fields_of(second)) else value
        for name, value in headers.items()
    }
    propagation.configure([first, second])
    assert int(propagation.incoming(broken.get).span_id, 16) == number[second]


def _fields_of(style):
    propagation.configure([style])
    return [(name, None) for name in propagation.fields()]


def test_several_styles_are_all_sent(make_span):
    """Whoever receives it picks the one it knows."""
    propagation.configure(["b3multi", "tracecontext", "b3", "b3", "jaeger", "xray", "datadog", "baggage"])
    names = [name for name, _ in propagation.outgoing(make_span(tracestate="a=1", baggage="b=2"))]
    assert names == [
        *("x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "traceparent", "tracestate", "b3", "uber-trace-id"),
        *("x-amzn-trace-id", "x-datadog-trace-id", "x-datadog-parent-id", "x-datadog-sampling-priority"),
        *("x-datadog-tags", "baggage"),
    ]


def test_the_names_of_headers_may_be_changed_by_nobody():
    """The list is the caller's own."""
    propagation.fields().clear()
    assert propagation.fields() == ["traceparent", "tracestate", "baggage"]


@given(
    st.lists(st.sampled_from(propagation.KNOWN[:-1]), unique=True),
    st.dictionaries(
        st.sampled_from(["traceparent", "tracestate", "baggage", "b3", "uber-trace-id", "x-amzn-trace-id"]),
        st.text() | st.sampled_from([TRACEPARENT, "a=1", f"{TRACE_ID}-{SPAN_ID}-1", f"{TRACE_ID}:{SPAN_ID}:0:1"]),
    ),
)
def test_whatever_comes_in_may_go_out_in_a_header(enter, names, headers):
    """No header can smuggle a line break or another character that breaks a request into the next one."""
    propagation.configure(names)
    for name, value in propagation.outgoing(enter(propagation.incoming(headers.get))):
        assert name in propagation.fields()
        assert value.isascii()
        assert value.isprintable()
        assert value == value.strip()
