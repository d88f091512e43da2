"""The style of Datadog."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.propagation import datadog
from autotrace.trace.sampling import Sampler
from autotrace.trace.tracer import tracer

HEADERS = {
    "x-datadog-trace-id": "7277407061855694839",
    "x-datadog-parent-id": "16453819474850114513",
    "x-datadog-sampling-priority": "1",
    "x-datadog-tags": "_dd.p.dm=-1,_dd.p.tid=80f198ee56343ba8",
}
TRACE_ID = "80f198ee56343ba864fe8b2a57d3eff7"
SPAN_ID = "e457b5a2e4d86bd1"


def seen(headers):
    """Return what is read, as a tuple."""
    remote = datadog.extract(headers.get)
    return remote and (remote.trace_id, remote.span_id, remote.flags)


@pytest.mark.parametrize(("priority", "flags"), [("-1", 0), ("0", 0), ("1", 1), ("2", 1)])
def test_valid_headers(priority, flags):
    """Both halves of the trace id are put together; a positive priority means sampled."""
    assert seen({**HEADERS, "x-datadog-sampling-priority": priority}) == (TRACE_ID, SPAN_ID, flags)


@pytest.mark.parametrize(
    "tags",
    [
        None,
        "",
        "_dd.p.dm=-1",
        "_dd.p.tid=",
        "_dd.p.tid=80f198ee56343ba",
        "_dd.p.tid=80F198EE56343BA8",
        "_dd.p.tid=80f198ee56343bag",
        "x_dd.p.tid=80f198ee56343ba8",
        "a=b," * 256 + "_dd.p.tid=80f198ee56343ba8",
    ],
)
def test_without_the_upper_half_it_is_zero(tags):
    """An absent or broken tag does not cost the trace."""
    assert seen({**HEADERS, "x-datadog-tags": tags}) == ("0" * 16 + TRACE_ID[16:], SPAN_ID, 1)


@pytest.mark.parametrize("ratio", [0.0, 1.0])
@pytest.mark.parametrize("priority", [None, "", "x", "3"])
def test_a_caller_that_leaves_it_open_leaves_it_to_our_sampler(priority, ratio, monkeypatch):
    """An absent or unknown priority is no decision."""
    monkeypatch.setattr(tracer, "sampler", Sampler(ratio))
    assert seen({**HEADERS, "x-datadog-sampling-priority": priority}) == (TRACE_ID, SPAN_ID, int(ratio))


@pytest.mark.parametrize("name", ["x-datadog-trace-id", "x-datadog-parent-id"])
@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "0",
        "-1",
        "+1",
        "1_0",
        "1.0",
        "0x1",
        "\u00b2",
        "\u0663",
        "18446744073709551616",
        "1" * 21,
        "9" * 100_000,
    ],
)
def test_an_invalid_identifier_means_no_trace(name, value):
    """Identifiers are unsigned 64-bit decimals, not zero."""
    assert seen({**HEADERS, name: value}) is None


def test_what_is_sent(make_span):
    """Decimal identifiers, a priority, and the upper half where there is one."""
    assert dict(datadog.inject(make_span(TRACE_ID, SPAN_ID, 1))) == {
        **HEADERS,
        "x-datadog-tags": "_dd.p.tid=80f198ee56343ba8",
    }
    short = dict(datadog.inject(make_span("0" * 16 + TRACE_ID[16:], SPAN_ID, 0)))
    assert short["x-datadog-sampling-priority"] == "0"
    assert "x-datadog-tags" not in short


@given(st.dictionaries(st.sampled_from(datadog.FIELDS), st.text() | st.text("0123456789", max_size=22)))
def test_no_text_makes_it_raise(headers):
    """The answer is a valid place in a trace or None."""
    found = seen(headers)
    if found is not None:
        assert int(found[0], 16)
        assert int(found[1], 16)
        assert (len(found[0]), len(found[1])) == (32, 16)
        assert found[2] in (0, 1)


@given(st.integers(0, (1 << 64) - 1), st.integers(1, (1 << 64) - 1), st.integers(1, (1 << 64) - 1), st.integers(0, 1))
def test_what_is_sent_is_read_again(make_span, high, low, parent, flags):
    """Identifiers and decision come back."""
    span = make_span(f"{high:016x}{low:016x}", f"{parent:016x}", flags)
    assert seen(dict(datadog.inject(span))) == (span.trace.trace_id, span.span_id, flags)
