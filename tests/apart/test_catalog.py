"""The catalog's rows of the libraries that have their tests here."""

from __future__ import annotations

from importlib import import_module

import pytest

from autotrace.patching.catalog import parts


@pytest.mark.parametrize("name", ["glide", "glide_sync", "niquests"])
def test_a_part_loads_its_instrumentor(name):
    """As a test of all others holds of these."""
    (part,) = [one for one in parts() if one.name == name]
    import_module(part.trigger)
    assert part.instrumentor().library == name
