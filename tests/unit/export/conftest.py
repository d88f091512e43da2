"""Fixtures of the export tests."""

from __future__ import annotations

import pytest

from autotrace import diagnostics
from autotrace.patching import wall


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
