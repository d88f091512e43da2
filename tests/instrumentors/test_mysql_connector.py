"""MySQL Connector/Python: the contract of database clients for each of its implementations, and what programs do with it."""

from __future__ import annotations

import contextlib
import inspect
import pickle
import sys

import mysql.connector
import pytest
import sqlalchemy
from mysql.connector import errors as raised
from mysql.connector import pooling
from mysql.connector.cursor import MySQLCursor

from autotrace.testing.contracts.db_client import Work
from contracts.mariadb import MariaContract, ask, database, songs, url, where
from services.ports import free_port

__all__ = ["database", "songs", "url", "where"]
# what it asks for by itself no MariaDB has
COLLATION = {"charset": "utf8mb4", "collation": "utf8mb4_general_ci"}


class TestInPython(MariaContract):
    """The contract, through the cursors that are written in Python."""

    instrumentors = ("mysql_connector",)
    scope = "mysql_connector"
    error = raised.ProgrammingError
    errors = raised.Error
    error_name = "mysql.connector.errors.ProgrammingError"
    lock_error = raised.Error
    unknown_column = "1054 (42S22): Unknown column ?"
    pure = True
    prepared = False

    def open(self, path):
        given = {**self.arguments, **COLLATION, "use_pure": self.pure, "autocommit": True, "allow_local_infile": True}
        db = mysql.connector.connect(**given)
        with db.cursor() as cursor:
            cursor.execute("SET lock_wait_timeout = 0")
        return db

    def run(self, db, sql, parameters=()):
        with db.cursor(prepared=self.prepared) as cursor:
            cursor.execute(sql, parameters)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def run_many(self, db, sql, rows):
        with db.cursor(prepared=self.prepared) as cursor:
            cursor.executemany(sql, rows)

    def call(self, db, name, arguments):
        with db.cursor() as cursor:
            cursor.callproc(name, arguments)

    def unquoted(self, message):
        return self.unknown_column

    def close(self, db):
        db.close()


class TestInC(TestInPython):
    """The contract, through the cursors that are written in C."""

    pure = False

    @pytest.fixture(autouse=True)
    def _there(self):
        if not mysql.connector.HAVE_CEXT:
            pytest.skip("this version has no wheel with its part in C for this Python")


class TestPrepared(TestInPython):
    """The contract, with statements that are prepared by the server."""

    prepared = True
    test_a_load_of_a_file_is_told_without_its_name = None  # cannot be prepared


@pytest.mark.skipif(mysql.connector.__version_info__ < (9,), reason="its errors have no number there")
class TestPreparedInC(TestInC):
    """The contract, with statements that are prepared by the server, in C; before 9 their errors have no number."""

    prepared = True
    test_a_load_of_a_file_is_told_without_its_name = None  # cannot be prepared


KINDS = [True, pytest.param(False, marks=pytest.mark.skipif(not mysql.connector.HAVE_CEXT, reason="no part in C"))]


@pytest.fixture
def traced(recorder, instrument):
    """The library, patched."""
    instrument("mysql_connector")
    return recorder


@pytest.fixture(params=KINDS, ids=["python", "c"])
def given(songs, request):
    """How a connection is made."""
    return {**songs, **COLLATION, "use_pure": request.param}


def names(recorder):
    """Return the names of the spans."""
    return [span["name"] for span in recorder.finished()]


def test_connections_and_cursors_are_the_librarys(traced, given):
    """No proxies: types and functions are what they are without us; its properties ask without spans."""
    with contextlib.closing(mysql.connector.connect(**given)) as connection:
        assert type(connection).__module__.startswith("mysql.connector.connection")
        assert connection.autocommit is False
        assert connection.database == given["database"]
        assert type(connection.cursor()).__module__.startswith("mysql.connector.cursor")
    assert next(iter(inspect.signature(MySQLCursor.execute).parameters)) == "self"
    assert pickle.loads(pickle.dumps(MySQLCursor.execute)) is MySQLCursor.execute
    assert names(traced) == []


def test_transactions(traced, given, where):
    """Connecting, beginnings and ends are spans beneath what is current, and nothing that is sent meanwhile."""
    with Work():
        connection = mysql.connector.connect(**given, init_command="SET lock_wait_timeout = 1")
        with connection.cursor(dictionary=True) as cursor:
            connection.start_transaction()
            cursor.execute("INSERT INTO songs VALUES (%(id)s, %(title)s)", {"id": 2, "title": "Two"})
            connection.commit()
            connection.commit()
            cursor.execute("SELECT title FROM songs WHERE id = %s", (2,))
            assert cursor.fetchall() == [{"title": "Two"}]
            connection.rollback()
    connection.close()
    assert names(traced) == [
        "connect",
        "START",
        "INSERT songs",
        "COMMIT",
        "SELECT songs",
        "ROLLBACK",
        "work",
    ]
    spans = traced.finished()
    assert {span["parent_id"] for span in spans[:-1]} == {spans[-1]["span_id"]}
    assert spans[0]["attributes"] == where
    assert spans[3]["attributes"] == {
        **where,
        "db.operation.name": "COMMIT",
        "db.query.text": "COMMIT",
        "db.query.summary": "COMMIT",
    }


def test_a_connection_that_is_refused_has_failed(traced, mariadb, given):
    """The span tells where it was to be to, and nobody else; the number is the client's."""
    port = free_port()
    wrong = {**given, "port": port, "user": "me", "password": "hunter2", "database": "shop"}
    with Work(), pytest.raises(raised.Error) as caught:
        mysql.connector.connect(**wrong)
    connect, _ = traced.wait(2)
    assert connect["attributes"] == {
        "db.system.name": "mysql",
        "db.namespace": "shop",
        "db.response.status_code": "2003",
        "server.address": mariadb.host,
        "server.port": port,
        "error.type": f"mysql.connector.errors.{type(caught.value).__name__}",
    }
    assert "hunter2" not in repr(connect)


def test_batches(traced, given):
    """A batch is one span, in however many statements it is sent."""
    with contextlib.closing(mysql.connector.connect(**given)) as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO songs (id, title) VALUES (%s, %s)", [(2, "b"), (3, "c"), (4, "d")])
        cursor.executemany(operation="UPDATE songs SET title = %s WHERE id = %s", seq_params=[("x", 2), ("y", 3)])
        cursor.executemany("DELETE FROM songs WHERE id = %s", [(2,)])
    told = [(span["name"], span["attributes"].get("db.operation.batch.size")) for span in traced.finished()]
    assert told == [("BATCH INSERT songs", 3), ("BATCH UPDATE songs", 2), ("DELETE songs", None)]


def test_a_prepared_statement_is_told_as_it_was_given(traced, given):
    """One span each time, whose text has no values."""
    connection = mysql.connector.connect(**given)
    with contextlib.closing(connection), connection.cursor(prepared=True) as cursor:
        for number in (1, 2):
            cursor.execute("SELECT title FROM songs WHERE id = ? AND title <> 'hunter2'", (number,))
            cursor.fetchall()
    texts = [span["attributes"]["db.query.text"] for span in traced.wait(2)]
    assert texts == ["SELECT title FROM songs WHERE id = ? AND title <> ?"] * 2


def test_what_a_pool_gives(traced, given, where):
    """Its connections are traced like others; what they are reset by is not, nor what opens the first ones."""
    pool = pooling.MySQLConnectionPool(pool_size=2, pool_name=f"songs{given['use_pure']}", **given)
    for _ in range(2):
        connection = pool.get_connection()
        cursor = connection.cursor()
        cursor.execute("SELECT title FROM songs")
        cursor.fetchall()
        cursor.close()
        connection.close()
    spans = traced.wait(2)
    assert names(traced) == ["SELECT songs", "SELECT songs"]
    assert {name: spans[0]["attributes"][name] for name in where} == where


def test_a_connection_that_was_lost(traced, given, mariadb):
    """A statement fails with the client's number; what reconnects is a span beneath what is current."""
    connection = mysql.connector.connect(**given)
    cursor = connection.cursor()
    ask(mariadb, f"KILL {connection.connection_id}")
    with pytest.raises(raised.Error):
        cursor.execute("SELECT title FROM songs")
    [lost] = traced.wait(1)
    assert lost["attributes"].get("db.response.status_code") in {"1927", "2006", "2013", "2055"}
    traced.clear()
    with Work():
        connection.reconnect()
        cursor = connection.cursor()
        cursor.execute("SELECT title FROM songs")
        cursor.fetchall()
    connection.close()
    assert names(traced) == ["connect", "SELECT songs", "work"]


def test_a_cursor_that_outlives_its_connection_says_so_itself(traced, given):
    """The error is the library's."""
    connection = mysql.connector.connect(**given)
    cursor = connection.cursor()
    connection.close()
    del connection
    with pytest.raises(raised.Error):
        cursor.execute("SELECT 1")
    assert [span["status"] for span in traced.wait(1)] == ["ERROR"]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="its dialect in SQLAlchemy 1.4 is for older versions of it")
def test_beneath_sqlalchemy_a_statement_is_one_span(recorder, instrument, url, where):
    """The upper library tells what it sends, the driver what that does not tell: the ends of transactions."""
    instrument("sqlalchemy", "mysql_connector")
    engine = sqlalchemy.create_engine(url("mysql+mysqlconnector"), connect_args=COLLATION)
    insert = sqlalchemy.text("INSERT INTO songs VALUES (:id, :title)")
    with Work():
        with engine.begin() as connection:
            connection.execute(insert, [{"id": number, "title": f"x{number}"} for number in (2, 3)])
            assert connection.execute(sqlalchemy.text("SELECT count(*) FROM songs")).scalar() == 3
        with engine.connect() as connection, pytest.raises(sqlalchemy.exc.IntegrityError):
            connection.execute(insert, {"id": 4, "title": "x3"})
    engine.dispose()
    spans = recorder.finished()
    told = [(span["scope"], span["name"]) for span in spans]
    begun = told.index(("sqlalchemy", "connect")) + 1
    assert told[begun : begun + 4] == [
        ("sqlalchemy", "BATCH INSERT songs"),
        ("sqlalchemy", "SELECT songs"),
        ("mysql_connector", "COMMIT"),
        ("sqlalchemy", "INSERT songs"),
    ]
    failed = spans[begun + 3]
    assert {name: failed["attributes"][name] for name in where} == where
    assert failed["attributes"]["db.response.status_code"] == "1062"
    assert failed["message"].endswith("1062 (23000): Duplicate entry ?")
