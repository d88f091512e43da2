"""What the facts of a query mean."""

from __future__ import annotations

import pytest

from autotrace.families.db.query import batch_size, describe, text
from autotrace.trace.failure import Failure
from autotrace.trace.span import ERROR, UNSET


def attributes(database, statement="SELECT 1", batch=None):
    """Only the attributes."""
    return describe((database, statement, batch), None, None)[1]


def test_a_whole_description():
    """Name, attributes and status of a plain query."""
    facts = ("postgresql", "shop", "db.example", 6432), "SELECT a FROM songs WHERE b = 'x'", None
    assert describe(facts, None, None) == (
        "SELECT songs",
        {
            "db.system.name": "postgresql",
            "db.namespace": "shop",
            "db.operation.name": "SELECT",
            "db.collection.name": "songs",
            "db.query.text": "SELECT a FROM songs WHERE b = ?",
            "db.query.summary": "SELECT songs",
            "server.address": "db.example",
            "server.port": 6432,
        },
        UNSET,
        "",
    )


@pytest.mark.parametrize(
    ("dialect", "system"),
    [
        ("mssql", "microsoft.sql_server"),
        ("oracle", "oracle.db"),
        ("mariadb", "mariadb"),
        ("exotic", "exotic"),
        (None, "other_sql"),
    ],
)
def test_systems_have_the_conventions_names(dialect, system):
    """A dialect's name becomes the system's; what is not known keeps its own."""
    assert attributes((dialect, None, None, None))["db.system.name"] == system


@pytest.mark.parametrize(
    ("name", "namespace"),
    [(None, ":memory:"), (":memory:", ":memory:"), ("", None), ("a.db", "a.db"), ("file:a.db?mode=ro", "a.db")],
)
def test_the_namespace_of_an_embedded_database(name, namespace):
    """It is the file; a database without a name has none."""
    assert attributes(("sqlite", name, None, None)).get("db.namespace") == namespace


@pytest.mark.parametrize(
    ("dialect", "port", "told"),
    [
        ("mysql", 3306, None),
        ("mysql", 3307, 3307),
        ("mssql", 1433, None),
        ("clickhouse", 9000, 9000),
        ("mysql", None, None),
    ],
)
def test_the_default_port_is_left_out(dialect, port, told):
    """The port is told where it is not the system's default."""
    assert attributes((dialect, None, "h", port)).get("server.port") == told


def test_a_failure_has_its_code():
    """The server's code, the exception's type and message."""
    facts = ("postgresql", None, None, None), "SELECT 1", None, "42P01"
    name, found, status, message = describe(facts, None, Failure("driver.Error", "no such table"))
    assert (name, status, message) == ("SELECT", ERROR, "no such table")
    assert found["db.response.status_code"] == "42P01"
    assert found["error.type"] == "driver.Error"


def test_without_a_summary_the_name_is_the_target():
    """Database, then server, then system name a query that nothing else names."""
    assert describe((("mysql", "shop", "h", 1), "'?'", None), None, None)[0] == "shop"
    assert describe((("mysql", None, "h", 1), "'?'", None), None, None)[0] == "h:1"
    assert describe((("mysql", None, None, None), "'?'", None), None, None)[0] == "mysql"


def test_a_batch_is_called_one():
    """BATCH stands before operation and summary, which stay within their limit."""
    found = attributes(("mysql", None, None, None), "INSERT INTO songs VALUES (%s)", 3)
    assert found["db.operation.name"] == "BATCH INSERT"
    assert found["db.query.summary"] == "BATCH INSERT songs"
    assert found["db.operation.batch.size"] == 3
    long = "INSERT INTO a SELECT * FROM " + ", ".join(f"t_{number:03}" for number in range(60))
    summary = attributes(("mysql", None, None, None), long, 0)["db.query.summary"]
    assert len(summary) <= 255
    assert summary[-5:-3] == "t_"


def test_facts_of_a_text():
    """Only plain text of bounded length is kept."""
    assert text(5) is None
    assert text("SELECT 1") == "SELECT 1"
    assert len(text("x" * 100_000)) == 32_768


@pytest.mark.parametrize(("rows", "size"), [([], 0), ([1], None), ([1, 2], 2), (iter([1, 2]), None)])
def test_batch_sizes(rows, size):
    """0, or 2 and more; None where it is one, or unknown."""
    assert batch_size(rows) == size
