"""Fixtures of the export tests."""

from __future__ import annotations

import pytest

from autotrace import diagnostics
from autotrace import faults as wall
from autotrace.trace.clocks import clocks


@pytest.fixture(autouse=True)
def told(monkeypatch):
    """The messages of the agent, from none on; the other tests do not see them."""
    monkeypatch.setattr(diagnostics, "messages", [])
    return diagnostics.messages


@pytest.fixture(autouse=True)
def faults(monkeypatch):
    """The count of faults, from none on."""
    monkeypatch.setattr(wall, "faults", {})
    return wall.faults


class Clock:
    """Time that passes only where somebody waits or, by ``step`` s, looks; and a lock which is never free."""

    def __init__(self):
        self.now, self.step, self.waited = 1000.0, 0.0, []

    def __call__(self):
        self.now += self.step
        return self.now

    def acquire(self, timeout):
        self.waited.append(timeout)
        self.now += timeout
        return False

    def release(self):
        """Free nobody."""


@pytest.fixture
def clock(monkeypatch):
    """A clock of the test's own for all that exports over HTTP; an exporter whose ``_hurry`` it is waits by it, too."""
    made = Clock()
    monkeypatch.setattr(clocks, "now", made)
    return made
