"""What process tests share."""

from __future__ import annotations

import pytest

from machine import Machine


@pytest.fixture
def machine(tmp_path):
    """A directory of its own to run commands in."""
    return Machine(tmp_path)
