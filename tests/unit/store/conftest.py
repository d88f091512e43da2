"""Fixtures for the tests of the store."""

from __future__ import annotations

import pytest

from autotrace.store.schema import open_database


@pytest.fixture
def inbox(tmp_path):
    """Where traced processes write; not there yet."""
    return tmp_path / "inbox"


@pytest.fixture
def database(tmp_path):
    """A fresh store."""
    opened = open_database(tmp_path / "traces.sqlite")
    yield opened
    opened.close()
