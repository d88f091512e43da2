"""The fixtures that the contracts ask for, as a plugin of pytest: ``pytest_plugins = ["autotrace.testing.fixtures"]``."""

from __future__ import annotations

import pytest

from autotrace import propagation
from autotrace.faults import faults
from autotrace.testing import recorder as recording
from autotrace.trace.context import set_current


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
