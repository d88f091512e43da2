"""The catalog's rows of the libraries that have their tests here."""

from __future__ import annotations

from importlib import import_module

import pytest

from autotrace.patching.catalog import parts
from autotrace.patching.versions import required


@pytest.mark.parametrize("name", ["glide", "glide_sync", "niquests"])
def test_the_catalog_says_of_versions_what_the_instrumentor_says(name):
    """As a test of all others does it."""
    (part,) = [one for one in parts() if one.name == name]
    import_module(part.trigger)
    made = part.instrumentor()
    assert required(part.requires) == (made.distribution or made.library, made.versions)
