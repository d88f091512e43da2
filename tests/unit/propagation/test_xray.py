"""The style of AWS X-Ray."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.propagation import xray
from autotrace.trace.sampling import Sampler
from autotrace.trace.tracer import tracer

ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793"
PARENT = "Parent=53995c3f42cd8ad8"
TRACE_ID = "5759e988bd862e3fe1be46a994272793"
SPAN_ID = "53995c3f42cd8ad8"


def seen(header):
    """Return what is read, as a tuple."""
    remote = xray.extract({"x-amzn-trace-id": header}.get)
    return remote and (remote.trace_id, remote.span_id, remote.flags)


@pytest.mark.parametrize(
    ("header", "flags"),
    [
        (f"{ROOT};{PARENT};Sampled=1", 1),
        (f"{ROOT};{PARENT};Sampled=0", 0),
        (f"Sampled=1;{PARENT};{ROOT}", 1),
        (f" {ROOT} ; {PARENT} ; Sampled=1 ", 1),
        (f"Self=1-67891234-12456789abcdef012345678;{ROOT};{PARENT};Sampled=1;Lineage=25:3a:1", 1),
    ],
)
def test_a_valid_header(header, flags):
    """The fields may come in any order, with others between."""
    assert seen(header) == (TRACE_ID, SPAN_ID, flags)


@pytest.mark.parametrize("ratio", [0.0, 1.0])
@pytest.mark.parametrize("rest", ["", ";Sampled=?", ";Sampled="])
def test_a_caller_that_leaves_it_open_leaves_it_to_our_sampler(rest, ratio, monkeypatch):
    """A question mark asks us to decide."""
    monkeypatch.setattr(tracer, "sampler", Sampler(ratio))
    assert seen(f"{ROOT};{PARENT}{rest}") == (TRACE_ID, SPAN_ID, int(ratio))


@pytest.mark.parametrize(
    "header",
    [
        "",
        ROOT,
        PARENT,
        f"{ROOT};Sampled=1",
        f"Root=2{ROOT[6:]};{PARENT};Sampled=1",
        f"{ROOT}0;{PARENT};Sampled=1",
        f"{ROOT[:-1]};{PARENT};Sampled=1",
        f"{ROOT[:-1]}g;{PARENT};Sampled=1",
        f"{ROOT.replace('-', '_')};{PARENT};Sampled=1",
        f"{ROOT};{PARENT}0;Sampled=1",
        f"{ROOT};Parent={'0' * 16};Sampled=1",
        f"Root=1-{'0' * 8}-{'0' * 24};{PARENT};Sampled=1",
        f"{ROOT};{PARENT};Sampled=1;More={'x' * 1000}",
        "Root=\udcff;Parent=\udcff",
    ],
)
def test_an_invalid_header_is_ignored(header):
    """What breaks the format, or has no parent, is as good as absent."""
    assert seen(header) is None


def test_what_is_sent(make_span):
    """Root, parent and decision."""
    assert xray.inject(make_span(TRACE_ID, SPAN_ID, 1)) == (("x-amzn-trace-id", f"{ROOT};{PARENT};Sampled=1"),)
    assert xray.inject(make_span(TRACE_ID, SPAN_ID, 2)) == (("x-amzn-trace-id", f"{ROOT};{PARENT};Sampled=0"),)


@given(
    st.text()
    | st.lists(st.sampled_from([ROOT, PARENT, "Sampled=1", "Sampled", "", "=", "Root=1-", "Parent=" + "g" * 16])).map(
        ";".join
    )
)
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
    assert seen(xray.inject(span)[0][1]) == (span.trace.trace_id, span.span_id, flags)
