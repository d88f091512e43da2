"""Fixtures that all tests share."""

from __future__ import annotations

import signal

import pytest

import recorder as recording
from autotrace import propagation
from autotrace.faults import faults
from autotrace.trace.context import set_current

pytest_plugins = ["hermetic", "services.fixtures", "speeds"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # we are in a shell's background; what the tests start is not
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # or beneath nohup
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _usual_propagation():
    """Afterwards context travels as by default, whatever a test chose for the whole process."""
    yield
    propagation.configure()


@pytest.fixture
def recorder(monkeypatch):
    """A recorder of spans with fixed ids and clock; fails a test in which our own code failed unnoticed."""
    installed = recording.install(monkeypatch)
    yield installed
    set_current(None)
    left = dict(faults)
    faults.clear()
    assert not left, f"our own code failed behind the wall: {left}"


@pytest.fixture
def instrument():
    """A function that applies instrumentors by name for the length of the test."""
    undos = []

    def now(*names):
        undos.append(recording.instrument(*names))

    yield now
    for undo in reversed(undos):
        undo()
