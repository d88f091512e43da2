"""The environment as a carrier, from a process to its children."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import autotrace
from autotrace import propagation

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"


def test_what_is_sent(make_span):
    """Names in uppercase; what there is not is not there."""
    assert propagation.to_environment(make_span()) == {"TRACEPARENT": TRACEPARENT}
    assert propagation.to_environment(make_span(tracestate="a=1", baggage="b=2")) == {
        "TRACEPARENT": TRACEPARENT,
        "TRACESTATE": "a=1",
        "BAGGAGE": "b=2",
    }
    assert propagation.environment_fields() == ["TRACEPARENT", "TRACESTATE", "BAGGAGE"]


def test_what_is_read():
    """All three variables arrive."""
    remote = propagation.from_environment({"TRACEPARENT": TRACEPARENT, "TRACESTATE": "a=1", "BAGGAGE": "b=2"})
    assert (remote.trace_id, remote.span_id, remote.flags) == (TRACE_ID, SPAN_ID, 1)
    assert (remote.tracestate, remote.baggage) == ("a=1", "b=2")


@pytest.mark.parametrize("environ", [{}, {"TRACEPARENT": ""}, {"TRACEPARENT": "\udcff"}, {"traceparent": TRACEPARENT}])
def test_nothing_is_read(environ):
    """Absent, empty, not ASCII, or of another name."""
    assert propagation.from_environment(environ) is None


def test_none_switches_it_off(make_span):
    """The environment is a carrier like any other."""
    propagation.configure(["none"])
    assert propagation.to_environment(make_span()) == {}
    assert propagation.from_environment({"TRACEPARENT": TRACEPARENT}) is None


def test_other_styles_have_names_that_a_shell_takes(make_span):
    """Hyphens become underscores (OpenTelemetry, "Environment Variables as Context Propagation Carriers")."""
    propagation.configure(["b3multi", "xray"])
    environ = propagation.to_environment(make_span())
    assert list(environ) == ["X_B3_TRACEID", "X_B3_SPANID", "X_B3_SAMPLED", "X_AMZN_TRACE_ID"]
    assert propagation.from_environment(environ).span_id == SPAN_ID


def test_lambda_spells_it_otherwise():
    """AWS Lambda sets ``_X_AMZN_TRACE_ID``; it counts where X-Ray is among the styles."""
    environ = {"_X_AMZN_TRACE_ID": f"Root=1-{TRACE_ID[:8]}-{TRACE_ID[8:]};Parent={SPAN_ID};Sampled=1"}
    assert propagation.from_environment(environ) is None
    propagation.configure(["tracecontext", "xray"])
    assert propagation.from_environment(environ).span_id == SPAN_ID


@pytest.mark.process
def test_a_child_process_is_told(make_span):
    """What a process puts into the environment of its child, the child reads from ``os.environ``."""
    script = (
        "import os\n"
        "from autotrace import propagation\n"
        "remote = propagation.from_environment(os.environ)\n"
        "print(remote.trace_id, remote.span_id, remote.flags, remote.tracestate, remote.baggage)\n"
    )
    own = {name: value for name, value in os.environ.items() if name not in propagation.environment_fields()}
    child = subprocess.run(
        [sys.executable, "-c", script],
        env={
            **own,
            "PYTHONPATH": str(Path(autotrace.__file__).parents[1]),
            **propagation.to_environment(make_span(tracestate="a=1", baggage="b=2")),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert child.stdout.split() == [TRACE_ID, SPAN_ID, "1", "a=1", "b=2"]
