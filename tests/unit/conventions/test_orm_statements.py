"""What ORMs really send: each statement has the right summary, and none of its literals is in an exported byte.

Taken down from Django 6.1, SQLAlchemy 2.0 and 2.1, peewee 4.5 and Tortoise ORM 1.1 at PostgreSQL, SQLite, MariaDB and
ClickHouse: models made and changed, rows written, asked for in many ways and deleted, tables looked at.  For Oracle, SQL Server
and DuckDB, and the rest for ClickHouse, it is what the ORMs' own dialects (django, mssql-django, django-clickhouse-backend,
sqlalchemy, clickhouse-sqlalchemy, duckdb-engine) make of the same, with literals where they put them.  What only a dialect has,
and an ORM does not, is by hand.

Literals that were given stand out: ``hunter2``, ``4711``.  A line is the ORM, the summary and the statement, with tabs between.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autotrace.conventions.db import describe
from autotrace.testing.recorder import ENCODER
from autotrace.trace.span import CLIENT, Operation
from autotrace.trace.tracer import tracer

# By the file of each: the value of db.system.name, and whose statements there are.
DIALECTS = {
    "clickhouse": ("clickhouse", {"django", "sqlalchemy", "hand"}),
    "duckdb": ("duckdb", {"sqlalchemy", "hand"}),
    "mysql": ("mysql", {"sqlalchemy", "tortoise", "hand"}),  # and test_sql_mysql.py
    "oracle": ("oracle.db", {"django", "sqlalchemy", "hand"}),
    "postgresql": ("postgresql", {"django", "sqlalchemy", "peewee", "tortoise"}),
    "sqlite": ("sqlite", {"django", "sqlalchemy", "peewee", "tortoise"}),
    "sqlserver": ("microsoft.sql_server", {"django", "sqlalchemy", "hand"}),
}
OPERATION = Operation("db_client", CLIENT, "orm", describe, uniform=True)


def statements(dialect):
    """Return the rows of a dialect."""
    file = Path(__file__).with_name(f"orm_{dialect}.txt")
    return [tuple(line.split("\t")) for line in file.read_text(encoding="utf-8").splitlines()]


ALL = [(dialect, *row) for dialect in DIALECTS for row in statements(dialect)]


def exported(dialect, text):
    """Return the bytes that a receiver gets of a statement, and its attributes."""
    span = tracer.start(OPERATION, ((DIALECTS[dialect][0], "shop", "db", None), text, None), None)
    tracer.finish(span)
    (payload,) = ENCODER.encode([span])
    return payload, describe(span.facts, None, None)


def literals(text):
    """Return the texts in single quotes that stand nowhere else in a statement, and its long numbers."""
    quoted = re.findall(r"'((?:[^']|'')*)'", text)
    rest = re.sub(r"'(?:[^']|'')*'", "", text)
    return [one for one in quoted if len(one) > 3 and one not in rest] + re.findall(r"(?<![\w\"])\d{4,}(?!\w)", rest)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_there_are_fifty_of_orms(dialect):
    """Among them those in which literals stand."""
    rows = statements(dialect)
    assert len([text for orm, _, text in rows if orm != "hand"]) >= 50
    assert {orm for orm, _, _ in rows} == DIALECTS[dialect][1]
    assert len([text for _, _, text in rows if "hunter2" in text or "4711" in text]) >= 10


@pytest.mark.parametrize(("dialect", "orm", "summary", "text"), ALL, ids=[f"{row[0]}-{row[1]}-{row[2]}" for row in ALL])
def test_a_statement_has_its_summary_and_no_literal(recorder, dialect, orm, summary, text):
    """The summary names the span, too; the secret of a comment is gone with the comment."""
    payload, (name, attributes, *_) = exported(dialect, text)
    assert (name, attributes["db.query.summary"]) == (summary, summary)
    for literal in ("hunter2", "4711", *literals(text)):
        assert literal.encode() not in payload
    assert "'" not in attributes["db.query.text"]
