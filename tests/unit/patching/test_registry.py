"""Switching instrumentors on and off."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import pytest

from autotrace.patching.registry import BUILT_IN, Known, selected, unknown
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


def off(*words):
    """Return the names of those that words switch off."""
    return {known.name for known in BUILT_IN} - {known.name for known in selected(BUILT_IN, ("all",), words)}


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("celery", {"celery", "celery_worker", "celery_pool", "celery_beat", "celery_broker", "celery_results"}),
        ("redis", {"redis", "redis_asyncio"}),
        ("confluent_kafka", {"confluent_kafka", "confluent_kafka_aio", "confluent_kafka_deserializing"}),
        ("confluent-kafka", {"confluent_kafka", "confluent_kafka_aio", "confluent_kafka_deserializing"}),
        ("aiohttp", {"aiohttp_client", "aiohttp_server"}),
        ("Futures", {"futures", "futures_callbacks", "futures_interpreters", "futures_processes"}),
        ("redis_asyncio", {"redis_asyncio"}),
        ("aiohttp-client", {"aiohttp_client"}),
        ("aiohttp-server", {"aiohttp_server"}),
        ("kafka-python", {"kafka"}),
        ("aio-pika", {"aio_pika"}),
        ("SQLAlchemy", {"sqlalchemy"}),
        ("urllib", {"http_client", "http_client_urllib"}),
        ("threading", {"threads", "futures", "futures_callbacks", "futures_interpreters", "futures_processes"}),
    ],
)
def test_a_librarys_name_covers_its_parts(word, names):
    """Its own, its distribution's, and OpenTelemetry's, in any case and with either line."""
    assert off(word) == names


def test_a_part_beats_its_library_and_that_its_family():
    """The nearest word decides, in both directions."""
    on = [known.name for known in selected(BUILT_IN, ("all", "redis_asyncio"), ("redis", "sqlite3"))]
    assert "redis_asyncio" in on
    assert "redis" not in on
    assert [known.name for known in selected(BUILT_IN, ("celery",), ("messaging", "celery_beat"))] == [
        "celery",
        "celery_worker",
        "celery_pool",
        "celery_broker",
        "celery_results",
    ]


def test_every_part_of_a_library_has_its_name():
    """Rows that share a distribution are one library, and those of the standard library that share a file of ours."""
    libraries = {}
    for known in BUILT_IN:
        libraries.setdefault(known.distribution() or known.module, set()).add(known.library)
    assert {word: found for word, found in libraries.items() if len(found) > 1} == {}


def test_words_that_nobody_knows_leave_everything_on():
    """A word that is mistyped switches nothing off; an empty list switches everything off."""
    assert selected(CANDIDATES, ["flaks"], []) == CANDIDATES
    assert selected(CANDIDATES, [], []) == []
    assert unknown(["flaks", "Flask", "http-client", ""], CANDIDATES)[0] == ["flaks", ""]


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
