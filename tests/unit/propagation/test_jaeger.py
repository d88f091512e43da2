"""The style of the Jaeger client libraries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.propagation import jaeger

TRACE_ID = "80f198ee56343ba864fe8b2a57d3eff7"
SPAN_ID = "e457b5a2e4d86bd1"


def seen(header):
    """Return what is read, as a tuple."""
    remote = jaeger.extract({"uber-trace-id": header}.get)
    return remote and (remote.trace_id, remote.span_id, remote.flags)


@pytest.mark.parametrize(
    ("flags", "sampled"),
    [("0", 0), ("1", 1), ("2", 0), ("3", 1), ("00", 0), ("01", 1), ("f", 1), ("F", 1), ("9", 1)],
)
def test_a_valid_header(flags, sampled):
    """Only the bit that says sampled is read; debug comes together with it."""
    assert seen(f"{TRACE_ID}:{SPAN_ID}:0:{flags}") == (TRACE_ID, SPAN_ID, sampled)


def test_leading_zeros_may_be_missing():
    """Older clients write the shortest hexadecimal number."""
    assert seen("abc:1f:0:1") == ("abc".zfill(32), "1f".zfill(16), 1)


@pytest.mark.parametrize("colon", ["%3A", "%3a"])
def test_colons_may_be_percent_encoded(colon):
    """Some clients encode the whole value."""
    assert seen(colon.join((TRACE_ID, SPAN_ID, SPAN_ID, "1"))) == (TRACE_ID, SPAN_ID, 1)


@pytest.mark.parametrize(
    "header",
    [
        "",
        ":::",
        f"{TRACE_ID}:{SPAN_ID}:1",
        f"{TRACE_ID}:{SPAN_ID}:0:1:1",
        f"{TRACE_ID}:{SPAN_ID}:0:",
        f"{TRACE_ID}:{SPAN_ID}:0:x",
        f"{TRACE_ID}:{SPAN_ID}:0:001",
        f"{TRACE_ID}:{SPAN_ID}:0:-1",
        f"0:{SPAN_ID}:0:1",
        f"{TRACE_ID}:0:0:1",
        f"0{TRACE_ID}:{SPAN_ID}:0:1",
        f"{TRACE_ID}:0{SPAN_ID}:0:1",
        f"+{TRACE_ID[1:]}:{SPAN_ID}:0:1",
        f"{TRACE_ID}:{SPAN_ID}:{'0' * 100}:1",
        "\udcff:1:0:1",
    ],
)
def test_an_invalid_header_is_ignored(header):
    """What breaks the format is as good as absent."""
    assert seen(header) is None


def test_what_is_sent(make_span):
    """The deprecated parent is 0."""
    assert jaeger.inject(make_span(TRACE_ID, SPAN_ID, 3)) == (("uber-trace-id", f"{TRACE_ID}:{SPAN_ID}:0:1"),)
    assert jaeger.inject(make_span(TRACE_ID, SPAN_ID, 0)) == (("uber-trace-id", f"{TRACE_ID}:{SPAN_ID}:0:0"),)


@given(st.text() | st.text("0123456789abcdefAF:%3 ", max_size=90))
def test_no_text_makes_it_raise(header):
    """The answer is a valid place in a trace or None."""
    found = seen(header)
    if found is not None:
        assert int(found[0], 16)
        assert int(found[1], 16)
        assert (len(found[0]), len(found[1])) == (32, 16)
        assert found[2] in (0, 1)


@given(st.integers(1, (1 << 128) - 1), st.integers(1, (1 << 64) - 1), st.integers(0, 1))
def test_what_is_sent_is_read_again(make_span, trace, parent, flags):
    """Identifiers and decision come back."""
    span = make_span(f"{trace:032x}", f"{parent:016x}", flags)
    assert seen(jaeger.inject(span)[0][1]) == (span.trace.trace_id, span.span_id, flags)
