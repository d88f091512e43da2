"""Switching instrumentors on and off."""

from __future__ import annotations

import importlib.util

import pytest

from autotrace.patching.registry import BUILT_IN, Known, selected

CANDIDATES = [
    Known("requests", "requests", "http_client"),
    Known("httpx", "httpx", "http_client"),
    Known("flask", "flask", "http_server"),
]


@pytest.mark.parametrize(
    ("on", "off", "names"),
    [
        (["all"], [], ["requests", "httpx", "flask"]),
        (["all"], ["requests"], ["httpx", "flask"]),
        (["all"], ["http_client"], ["flask"]),
        (["all"], ["*"], []),
        (["all", "requests"], ["http_client"], ["requests", "flask"]),
        (["requests"], ["all"], ["requests"]),
        (["http_server"], [], ["flask"]),
        (["http_client"], ["httpx"], ["requests"]),
    ],
)
def test_names_families_and_all(on, off, names):
    """A name beats its family, and off beats on for the same word."""
    assert [known.name for known in selected(CANDIDATES, on, off)] == names


@pytest.mark.parametrize("known", BUILT_IN, ids=lambda known: known.name)
def test_every_known_instrumentor_exists(known):
    """The table names no module that is not shipped."""
    assert importlib.util.find_spec(known.module) is not None
