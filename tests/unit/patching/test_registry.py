"""Switching instrumentors on and off."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import pytest

from autotrace.patching.registry import BUILT_IN, Known, selected
from autotrace.patching.versions import required

ROWS = """
import json
from importlib import import_module
from autotrace.patching.registry import BUILT_IN

rows = {}
for known in BUILT_IN:
    try:
        instrumentor = getattr(import_module(known.module), known.attribute)
    except Exception as error:
        rows[known.name] = f"{type(error).__name__}: {error}"
    else:
        rows[known.name] = [instrumentor.distribution, instrumentor.versions]
print(json.dumps(rows))
"""
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


@pytest.mark.process
def test_the_table_says_of_versions_what_the_instrumentors_say():
    """It has them as well so that they can be told without importing anything."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", ROWS], capture_output=True, check=True, timeout=120)
    rows = json.loads(done.stdout)
    broken = {name: row for name, row in rows.items() if isinstance(row, str)}
    assert {name: row for name, row in broken.items() if not name.startswith("eventlet")} == {}  # not on each Python
    assert {known.name: list(required(known.requires)) for known in BUILT_IN if known.name not in broken} == {
        name: row for name, row in rows.items() if name not in broken
    }
