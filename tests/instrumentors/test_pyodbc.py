"""pyodbc: the contract of database clients, over the driver of SQLite; and PostgreSQL's."""

from __future__ import annotations

import ast
import pickle
import sys

import pyodbc
import pytest
import sqlalchemy

from autotrace.testing import frames
from autotrace.testing.contracts.db_client import DbClientContract, Work
from contracts.postgresql import database, songs

__all__ = ["database", "songs"]


class TestPyodbc(DbClientContract):
    """The contract, through cursors."""

    instrumentors = ("pyodbc",)
    scope = "pyodbc"
    error = pyodbc.Error
    error_name = "pyodbc.Error"
    code = "HY000"

    @pytest.fixture(autouse=True)
    def _driver(self, odbc):
        self.driver = odbc

    def unquoted(self, message):
        return ast.literal_eval(message)[1]

    def open(self, path):
        return pyodbc.connect(f"Driver={self.driver}/libsqlite3odbc.so;Database={path};Timeout=100", autocommit=True)

    def run(self, db, sql, parameters=()):
        cursor = db.cursor()
        assert cursor.execute(sql, *parameters) is cursor
        return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def run_many(self, db, sql, rows):
        db.cursor().executemany(sql, rows)

    def close(self, db):
        db.close()


class TestConnection(TestPyodbc):
    """The contract, through ``Connection.execute``."""

    def run(self, db, sql, parameters=()):
        cursor = db.execute(sql, *parameters)
        return [tuple(row) for row in cursor] if cursor.description else []


@pytest.fixture
def traced(recorder, instrument):
    """pyodbc, patched."""
    instrument("pyodbc")
    return recorder


@pytest.fixture
def where(odbc, postgresql, database, songs):
    """A connection string of PostgreSQL's."""
    return (
        f"Driver={odbc}/psqlodbcw.so;Server={postgresql.host};Port={postgresql.port};Database={database};"
        f"Uid={postgresql.user};Pwd=hunter2"
    )


@pytest.fixture
def connection(traced, where):
    """An open connection."""
    opened = pyodbc.connect(where)
    yield opened
    opened.close()


def names(recorder):
    """Return the names of the spans."""
    return [span["name"] for span in recorder.finished()]


def test_connections_and_cursors_look_like_the_librarys(connection):
    """In all but ``type()``; what returns itself does."""
    assert isinstance(connection, pyodbc.Connection)
    assert connection.__class__ is pyodbc.Connection
    cursor = connection.cursor()
    assert isinstance(cursor, pyodbc.Cursor)
    assert cursor.connection is connection
    assert cursor.execute("SELECT id FROM songs") is cursor
    assert [tuple(row) for row in cursor] == [(1,)]
    with connection.cursor() as inner:
        assert inner.execute("SELECT 1").fetchval() == 1
    with connection as same:
        assert same is connection
    connection.maxwrite = 300
    assert connection.maxwrite == 300
    with pytest.raises(TypeError):
        pickle.dumps(connection)
    with pytest.raises(TypeError):
        cursor.execute()
    with pytest.raises(AttributeError):
        connection.nothing  # noqa: B018
    with pytest.raises(pyodbc.Error):
        connection.execute("SELEKT")


def test_a_statement_says_where_it_went(traced, where, postgresql, database):
    """As the driver of ODBC knows it."""
    connection = pyodbc.connect(where)
    with Work() as work:
        connection.execute("SELECT title FROM songs WHERE title = 'hunter2'")
    span, _ = traced.wait(2)
    assert span == {
        "name": "SELECT songs",
        "kind": "CLIENT",
        "scope": "pyodbc",
        "trace_id": span["trace_id"],
        "span_id": span["span_id"],
        "parent_id": work.span_id,
        "attributes": {
            "db.system.name": "postgresql",
            "db.namespace": database,
            "db.operation.name": "SELECT",
            "db.collection.name": "songs",
            "db.query.text": "SELECT title FROM songs WHERE title = ?",
            "db.query.summary": "SELECT songs",
            "server.address": postgresql.host,
        },
        "status": "UNSET",
    }
    connection.close()


def test_connections_and_transactions_beneath_what_is_current(traced, where, postgresql, database):
    """Of a connection that commits by itself the end of a transaction is none."""
    pyodbc.connect(where).close()
    with Work():
        connection = pyodbc.connect(where)
        with connection:
            connection.execute("INSERT INTO songs VALUES (2, 'Two')")
        connection.execute("DELETE FROM songs")
        connection.rollback()
        connection.commit()  # there is nothing to end
        connection.autocommit = True
        connection.commit()
        with connection:
            connection.execute("SELECT 1")
        connection.close()
        with pytest.raises(pyodbc.Error) as caught:
            pyodbc.connect(where.replace(f"Port={postgresql.port}", "Port=1"))
    assert names(traced) == [
        *("connect", "INSERT songs", "COMMIT", "DELETE songs", "ROLLBACK", "SELECT", "connect", "work")
    ]
    opened, *_, failed, _ = traced.finished()
    assert opened["attributes"] == {
        "db.system.name": "postgresql",
        "db.namespace": database,
        "server.address": postgresql.host,
    }
    assert (failed["status"], failed["attributes"]["db.response.status_code"]) == ("ERROR", "08001")
    assert failed["attributes"]["server.address"] == postgresql.host
    assert "hunter2" not in repr(traced.finished())
    if sys.version_info >= (3, 11):
        assert not frames.ours(caught.value)


def test_beneath_sqlalchemy_a_statement_is_one_span(recorder, instrument, where):
    """The upper library tells what it sends, the driver what that does not tell."""
    instrument("sqlalchemy", "pyodbc")

    def creator():
        return pyodbc.connect(where)

    with Work():
        engine = sqlalchemy.create_engine("mssql+pyodbc://", creator=creator, module=pyodbc, _initialize=False)
        with engine.begin() as connection:
            assert connection.execute(sqlalchemy.text("SELECT count(*) FROM songs")).scalar() == 1
        engine.dispose()
    told = [(span["scope"], span["name"]) for span in recorder.finished()]
    assert told == [("sqlalchemy", "connect"), ("sqlalchemy", "SELECT songs"), ("pyodbc", "COMMIT"), ("test", "work")]
