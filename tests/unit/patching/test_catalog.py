"""Switching instrumentors on and off."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from autotrace.patching.catalog import LIBRARIES, OTHERS, Part, parts, selected, unknown

ROWS = """
import json
from autotrace.doctor.probe import _settle
from autotrace.patching.catalog import parts

rows = {}
for part in sorted(parts(), key=lambda part: part.library == "eventlet"):  # it imports some of the others once more
    _settle(part.library)
    try:
        instrumentor = part.instrumentor()
    except Exception as error:
        rows[part.name] = f"{type(error).__name__}: {error}"
    else:
        rows[part.name] = instrumentor.requires
print(json.dumps(rows))
"""
CANDIDATES = [
    Part("requests", None, "requests", "http_client", "requests", ".requests"),
    Part("httpx", None, "httpx", "http_client", "httpx", ".httpx"),
    Part("flask", None, "flask", "http_server", "flask", ".flask"),
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
    assert [part.name for part in selected(CANDIDATES, on, off)] == names


def off(*words):
    """Return the names of those that words switch off."""
    return {part.name for part in parts()} - {part.name for part in selected(parts(), ("all",), words)}


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
    on = [part.name for part in selected(parts(), ("all", "redis_asyncio"), ("redis", "sqlite3"))]
    assert "redis_asyncio" in on
    assert "redis" not in on
    assert [part.name for part in selected(parts(), ("celery",), ("messaging", "celery_beat"))] == [
        "celery",
        "celery_worker",
        "celery_pool",
        "celery_broker",
        "celery_results",
    ]


def test_a_library_is_one_row():
    """In the order of the alphabet; no two of a distribution, or of a file of ours in the standard library."""
    names = [library for library, *_ in LIBRARIES]
    assert names == sorted(set(names))
    libraries = {}
    for part in parts():
        libraries.setdefault(part.distribution() or part.module(), set()).add(part.library)
    assert {word: found for word, found in libraries.items() if len(found) > 1} == {}


def test_what_we_have_not_is_not_what_we_have():
    """A library leaves the list of OpenTelemetry's own with its row."""
    assert [word for word in OTHERS.split() if word not in unknown([word], parts())[0]] == []


def test_a_part_is_one_row():
    """No two have a name or a trigger in common, and each is told apart from its library by its own beginning."""
    everyone = parts()
    assert len({part.name for part in everyone}) == len({part.trigger for part in everyone}) == len(everyone)
    assert [part.name for part in everyone if not part.name.startswith(part.library)] == []


def test_words_that_nobody_knows_leave_everything_on():
    """A word that is mistyped switches nothing off; an empty list switches everything off."""
    assert selected(CANDIDATES, ["flaks"], []) == CANDIDATES
    assert selected(CANDIDATES, [], []) == []
    assert unknown(["flaks", "Flask", "http-client", ""], CANDIDATES)[0] == ["flaks", ""]


@pytest.mark.parametrize("part", parts(), ids=lambda part: part.name)
def test_every_part_exists(part):
    """The table names no module that is not shipped."""
    assert importlib.util.find_spec(part.module()) is not None


def not_here(requires):
    """Tell whether tests/requirements.txt leaves a distribution out on this Python."""
    path = Path(__file__).resolve().parents[2] / "requirements.txt"
    wanted = [Requirement(line) for line in path.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    left_out = {canonicalize_name(one.name) for one in wanted if one.marker and not one.marker.evaluate()}
    return bool(requires) and canonicalize_name(Requirement(requires).name) in left_out


@pytest.mark.process
def test_every_part_loads_its_instrumentor():
    """With the library that it requires; what that is stands in the table alone."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", ROWS], capture_output=True, check=True, timeout=120)
    rows = json.loads(done.stdout)
    # The last two have an environment of their own: tests/apart
    left_out = ("eventlet", "mysqldb", "niquests", "glide", *(part.name for part in parts() if not_here(part.requires)))
    assert set(rows) == {part.name for part in parts()}
    assert {name: row for name, row in rows.items() if row is not None and not name.startswith(left_out)} == {}
