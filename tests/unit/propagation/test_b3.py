"""B3: the single header, the several ones, and which of them counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.propagation import b3
from autotrace.trace.sampling import Sampler
from autotrace.trace.tracer import tracer

TRACE_ID = "80f198ee56343ba864fe8b2a57d3eff7"
SPAN_ID = "e457b5a2e4d86bd1"
PARENT = "05e3ac9a4f6e3b90"


def seen(headers):
    """Return what is read, as a tuple."""
    remote = b3.extract(headers.get)
    return remote and (remote.trace_id, remote.span_id, remote.flags)


@pytest.mark.parametrize(
    ("header", "flags"),
    [
        (f"{TRACE_ID}-{SPAN_ID}-1", 1),
        (f"{TRACE_ID}-{SPAN_ID}-0", 0),
        (f"{TRACE_ID}-{SPAN_ID}-d", 1),
        (f"{TRACE_ID}-{SPAN_ID}-1-{PARENT}", 1),
        (f"{TRACE_ID}-{SPAN_ID}-0-{PARENT}", 0),
        (f" {TRACE_ID}-{SPAN_ID}-1 ", 1),
        (f"{TRACE_ID.upper()}-{SPAN_ID.upper()}-1", 1),
    ],
)
def test_the_single_header(header, flags):
    """Identifiers in lowercase and the decision; debug is a decision for it, the parent does not matter."""
    assert seen({"b3": header}) == (TRACE_ID, SPAN_ID, flags)


@pytest.mark.parametrize(
    "header",
    [
        "0",
        "1",
        "d",
        "",
        "-",
        "---",
        f"{TRACE_ID}",
        f"{TRACE_ID}-{SPAN_ID}-",
        f"{TRACE_ID}-{SPAN_ID}-2",
        f"{TRACE_ID}-{SPAN_ID}-true",
        f"{TRACE_ID}-{SPAN_ID}-1-",
        f"{TRACE_ID}-{SPAN_ID}-1-{PARENT[1:]}",
        f"{TRACE_ID}-{SPAN_ID}-1-{PARENT}-1",
        f"{TRACE_ID[1:]}-{SPAN_ID}-1",
        f"0{TRACE_ID}-{SPAN_ID}-1",
        f"{TRACE_ID}-{SPAN_ID[1:]}-1",
        f"{'0' * 32}-{SPAN_ID}-1",
        f"{TRACE_ID}-{'0' * 16}-1",
        f"{TRACE_ID[:-1]}g-{SPAN_ID}-1",
        f"{TRACE_ID}-{SPAN_ID}-1" + " " * 200,
        "\udcff" * 51,
    ],
)
def test_an_invalid_single_header_is_ignored(header):
    """What breaks the format, or has no identifiers, is as good as absent."""
    assert seen({"b3": header}) is None


def test_64_bits_are_padded():
    """Old trace ids get zeros on the left."""
    assert seen({"b3": f"{TRACE_ID[:16]}-{SPAN_ID}-1"}) == ("0" * 16 + TRACE_ID[:16], SPAN_ID, 1)
    multi = {"x-b3-traceid": TRACE_ID[:16], "x-b3-spanid": SPAN_ID, "x-b3-sampled": "1"}
    assert seen(multi) == ("0" * 16 + TRACE_ID[:16], SPAN_ID, 1)


@pytest.mark.parametrize(
    ("decision", "flags"),
    [
        ({"x-b3-sampled": "1"}, 1),
        ({"x-b3-sampled": "0"}, 0),
        ({"x-b3-sampled": "true"}, 1),
        ({"x-b3-sampled": "false"}, 0),
        ({"x-b3-flags": "1"}, 1),
        ({"x-b3-flags": "1", "x-b3-sampled": "0"}, 1),
        ({"x-b3-flags": "0", "x-b3-sampled": "0"}, 0),
    ],
)
def test_the_several_headers(decision, flags):
    """Debug implies sampled."""
    assert seen({"x-b3-traceid": TRACE_ID, "x-b3-spanid": SPAN_ID, **decision}) == (TRACE_ID, SPAN_ID, flags)


@pytest.mark.parametrize("ratio", [0.0, 1.0])
@pytest.mark.parametrize(
    "headers",
    [
        {"b3": f"{TRACE_ID}-{SPAN_ID}"},
        {"x-b3-traceid": TRACE_ID, "x-b3-spanid": SPAN_ID},
        {"x-b3-traceid": TRACE_ID, "x-b3-spanid": SPAN_ID, "x-b3-sampled": "maybe"},
    ],
)
def test_a_caller_that_leaves_it_open_leaves_it_to_our_sampler(headers, ratio, monkeypatch):
    """An absent decision is neither yes nor no."""
    monkeypatch.setattr(tracer, "sampler", Sampler(ratio))
    assert seen(headers) == (TRACE_ID, SPAN_ID, int(ratio))


def test_the_single_header_counts_before_the_several():
    """Where both came the single one is read, unless it is invalid."""
    several = {"x-b3-traceid": "1" * 32, "x-b3-spanid": "2" * 16, "x-b3-sampled": "0"}
    assert seen({"b3": f"{TRACE_ID}-{SPAN_ID}-1", **several}) == (TRACE_ID, SPAN_ID, 1)
    assert seen({"b3": "0", **several}) == ("1" * 32, "2" * 16, 0)


@pytest.mark.parametrize("missing", ["x-b3-traceid", "x-b3-spanid"])
def test_without_an_identifier_there_is_no_trace(missing):
    """Both identifiers are needed."""
    headers = {"x-b3-traceid": TRACE_ID, "x-b3-spanid": SPAN_ID, "x-b3-sampled": "1"}
    del headers[missing]
    assert seen(headers) is None


def test_what_is_sent(make_span):
    """The single header or the several, never with the parent's id."""
    span = make_span(TRACE_ID, SPAN_ID, 3)
    assert b3.inject(span) == (("b3", f"{TRACE_ID}-{SPAN_ID}-1"),)
    assert b3.inject_multi(make_span(TRACE_ID, SPAN_ID, 0)) == (
        ("x-b3-traceid", TRACE_ID),
        ("x-b3-spanid", SPAN_ID),
        ("x-b3-sampled", "0"),
    )


@given(
    st.dictionaries(
        st.sampled_from(b3.FIELDS),
        st.text() | st.text("0123456789abcdefABCDEF-d ", max_size=70) | st.sampled_from([TRACE_ID, SPAN_ID, "1"]),
    )
)
def test_no_text_makes_it_raise(headers):
    """The answer is a valid place in a trace or None."""
    remote = b3.extract(headers.get)
    if remote is not None:
        assert int(remote.trace_id, 16)
        assert int(remote.span_id, 16)
        assert (len(remote.trace_id), len(remote.span_id)) == (32, 16)
        assert remote.flags in (0, 1)


@given(st.integers(1, (1 << 128) - 1), st.integers(1, (1 << 64) - 1), st.integers(0, 1))
def test_what_is_sent_is_read_again(make_span, trace, parent, flags):
    """Both forms bring back identifiers and decision."""
    span = make_span(f"{trace:032x}", f"{parent:016x}", flags)
    for inject in (b3.inject, b3.inject_multi):
        assert seen(dict(inject(span))) == (span.trace.trace_id, span.span_id, flags)
