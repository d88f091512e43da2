"""PyMySQL: the contract of database clients, and what programs do with its connections and cursors."""

from __future__ import annotations

import contextlib
import inspect
import pickle

import pymysql
import pytest
import sqlalchemy
from pymysql import cursors
from pymysql.constants import CLIENT

from autotrace.testing.contracts.db_client import Work
from contracts.mariadb import MariaContract, ask, database, songs, url, where
from services.ports import free_port

__all__ = ["database", "songs", "url", "where"]


class TestPyMySQL(MariaContract):
    """The contract, through the library's own cursors."""

    instrumentors = ("pymysql",)
    scope = "pymysql"
    error = pymysql.err.OperationalError
    errors = pymysql.err.MySQLError
    error_name = "pymysql.err.OperationalError"
    functions = 2
    cursors = cursors.Cursor

    def open(self, path):
        given = {**self.arguments, "cursorclass": self.cursors, "init_command": "SET lock_wait_timeout = 0"}
        return pymysql.connect(**given, autocommit=True, local_infile=True)

    def run(self, db, sql, parameters=()):
        with db.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def run_many(self, db, sql, rows):
        with db.cursor() as cursor:
            cursor.executemany(sql, rows)

    def call(self, db, name, arguments):
        with db.cursor() as cursor:
            cursor.callproc(name, arguments)

    def close(self, db):
        db.close()


class ShoutingCursor(cursors.Cursor):
    """A cursor as programs write them."""

    def execute(self, query, args=None):
        self.shouted = query.upper() if isinstance(query, str) else query
        return super().execute(query, args)


class TestSSCursor(TestPyMySQL):
    """The contract, with rows that are read while they are fetched."""

    cursors = cursors.SSCursor


class TestCursorOfThePrograms(TestPyMySQL):
    """The contract, with a class of the program's."""

    cursors = ShoutingCursor


@pytest.fixture
def traced(recorder, instrument):
    """PyMySQL, patched."""
    instrument("pymysql")
    return recorder


@pytest.fixture
def connection(traced, songs):
    """A connection, in transactions."""
    opened = pymysql.connect(**songs)
    yield opened
    with contextlib.suppress(pymysql.err.Error):
        opened.close()


def names(recorder):
    """Return the names of the spans."""
    return [span["name"] for span in recorder.finished()]


def texts(recorder):
    """Return the texts of the spans."""
    return [span["attributes"].get("db.query.text") for span in recorder.finished()]


def test_connections_and_cursors_are_the_librarys(connection):
    """No proxies: types, attributes and functions are what they are without us."""
    assert type(connection) is pymysql.connections.Connection
    cursor = connection.cursor()
    assert type(cursor) is cursors.Cursor
    assert cursor.connection is connection
    assert connection._sock is not None
    assert not [name for name in (*vars(connection), *vars(cursor)) if "autotrace" in name]
    assert list(inspect.signature(cursors.Cursor.execute).parameters) == ["self", "query", "args"]
    assert pickle.loads(pickle.dumps(cursors.Cursor.execute)) is cursors.Cursor.execute
    assert cursor.mogrify("SELECT %s", ("x",)) == "SELECT 'x'"


def test_a_connection_is_opened_beneath_what_is_current(traced, songs, where):
    """What is sent on it at once has no spans, and where nothing is current there is none at all."""
    given = {**songs, "init_command": "SET lock_wait_timeout = 1", "sql_mode": "ANSI_QUOTES", "autocommit": True}
    pymysql.connect(**given).close()
    with Work() as work:
        pymysql.connect(**given).close()
    connect, _ = traced.wait(2)
    assert connect == {
        "name": "connect",
        "kind": "CLIENT",
        "scope": "pymysql",
        "trace_id": connect["trace_id"],
        "span_id": connect["span_id"],
        "parent_id": work.span_id,
        "attributes": where,
        "status": "UNSET",
    }


def test_a_connection_that_is_refused_has_failed(traced, mariadb):
    """The span tells where it was to be to, and nobody else; the number is the client's."""
    port = free_port()
    with Work(), pytest.raises(pymysql.err.OperationalError):
        pymysql.connect(host=mariadb.host, port=port, user="me", password="hunter2", database="shop")
    connect, _ = traced.wait(2)
    assert connect["status"] == "ERROR"
    assert connect["attributes"] == {
        "db.system.name": "mysql",
        "db.namespace": "shop",
        "db.response.status_code": "2003",
        "server.address": mariadb.host,
        "server.port": port,
        "error.type": "pymysql.err.OperationalError",
    }
    assert "hunter2" not in repr(connect)


def test_a_connection_that_the_server_does_not_want(traced, songs, where):
    """It has asked by then which server it is."""
    with Work(), pytest.raises(pymysql.err.OperationalError):
        pymysql.connect(**{**songs, "database": "nothing_there"})
    connect, _ = traced.wait(2)
    assert connect["attributes"] == {
        **where,
        "db.namespace": "nothing_there",
        "db.response.status_code": "1049",
        "error.type": "pymysql.err.OperationalError",
    }


def test_a_socket_is_the_address(traced, songs, database):
    """The host that nobody asked for is not told."""
    ask_socket = "SELECT @@socket"
    with contextlib.closing(pymysql.connect(**songs)) as by_port, by_port.cursor() as cursor:
        cursor.execute(ask_socket)
        [path] = cursor.fetchone()
    traced.clear()
    with contextlib.closing(pymysql.connect(unix_socket=path, user=songs["user"], database=database)) as connection:
        connection.cursor().execute("SELECT title FROM songs")
    [span] = traced.wait(1)
    assert span["attributes"] == {
        "db.system.name": "mariadb",
        "db.namespace": database,
        "db.operation.name": "SELECT",
        "db.collection.name": "songs",
        "db.query.text": "SELECT title FROM songs",
        "db.query.summary": "SELECT songs",
        "server.address": path,
    }


def test_transactions(connection, traced, where):
    """Their beginnings and ends are spans beneath what is current."""
    with Work() as work:
        connection.rollback()
        connection.begin()
        connection.cursor().execute("INSERT INTO songs VALUES (2, 'Two')")
        connection.commit()
        connection.commit()
        connection.cursor().execute("DELETE FROM songs")
        connection.rollback()
    connection.begin()
    connection.commit()
    assert names(traced) == ["BEGIN", "INSERT songs", "COMMIT", "DELETE songs", "ROLLBACK", "work"]
    commit = traced.finished()[2]
    assert commit["parent_id"] == work.span_id
    assert commit["attributes"] == {
        **where,
        "db.operation.name": "COMMIT",
        "db.query.text": "COMMIT",
        "db.query.summary": "COMMIT",
    }


def test_with_a_connection_and_with_a_cursor(traced, songs):
    """Both close at the end of their blocks; since 1.0 the former commits nothing."""
    with contextlib.closing(pymysql.connect(**songs, cursorclass=cursors.DictCursor)) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT title FROM songs")
            assert cursor.fetchall() == [{"title": "One"}]
        with connection.cursor(cursors.SSDictCursor) as cursor:
            cursor.execute("SELECT title FROM songs")
            assert list(cursor) == [{"title": "One"}]
    assert names(traced) == ["SELECT songs", "SELECT songs"]


def test_statements_that_are_sent_by_the_connection(connection, traced, where):
    """Text or bytes, and the end of another thread."""
    connection.query("SELECT title FROM songs WHERE title = 'hunter2'")
    connection.store_result() if hasattr(connection, "store_result") else connection._result
    connection.query(sql=b"SELECT 'hunter2'")
    spans = traced.wait(2)
    assert texts(traced) == ["SELECT title FROM songs WHERE title = ?", "SELECT ?"]
    assert spans[0]["attributes"]["server.port"] == where["server.port"]
    assert "hunter2" not in repr(spans)


def test_a_batch_is_one_span_in_however_many_statements(connection, traced):
    """What can be written as one INSERT is sent as one, or more where it is long; all else row by row."""
    with connection.cursor() as cursor:
        insert = "INSERT INTO songs (id, title) VALUES (%s, %s) ON DUPLICATE KEY UPDATE title = VALUES(title)"
        assert cursor.executemany(insert, [(2, "b"), (3, "c"), (4, "d")]) == 3
        cursor.max_stmt_length = 90
        assert cursor.executemany("INSERT INTO songs VALUES (%s, %s)", [(5, "e"), (6, "f" * 50), (7, "g" * 50)]) == 3
        assert cursor.executemany("UPDATE songs SET title = %s WHERE id = %s", [("x", 2), ("y", 3)]) == 2
        cursor.executemany(query="DELETE FROM songs WHERE id = %s", args=[(2,)])
    told = [(span["name"], span["attributes"].get("db.operation.batch.size")) for span in traced.finished()]
    assert told == [
        ("BATCH INSERT songs", 3),
        ("BATCH INSERT songs", 3),
        ("BATCH UPDATE songs", 2),
        ("DELETE songs", None),
    ]


def test_several_statements_in_one_text(traced, songs):
    """They are one span."""
    connection = pymysql.connect(**songs, client_flag=CLIENT.MULTI_STATEMENTS)
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("SELECT 1; SELECT title FROM songs")
        assert cursor.fetchall() == ((1,),)
        assert cursor.nextset()
        assert cursor.fetchall() == (("One",),)
    assert names(traced) == ["SELECT SELECT songs"]


@pytest.mark.filterwarnings("ignore:The 'reconnect' argument:DeprecationWarning")
def test_a_connection_that_was_lost(traced, songs, mariadb):
    """A statement fails with the client's number; what reconnects is a span beneath what is current."""
    connection = pymysql.connect(**songs, autocommit=True)
    ask(mariadb, f"KILL {connection.thread_id()}")
    with pytest.raises(pymysql.err.OperationalError) as caught:
        connection.cursor().execute("SELECT title FROM songs")
    [span] = traced.wait(1)
    assert span["attributes"]["db.response.status_code"] == str(caught.value.args[0])
    assert span["status"] == "ERROR"
    traced.clear()
    if connection.open:
        connection.close()
    with Work():
        connection.ping(reconnect=True)
        connection.cursor().execute("SELECT title FROM songs")
    connection.close()
    assert names(traced) == ["connect", "SELECT songs", "work"]


def test_an_answer_that_is_waited_for_in_vain(traced, songs):
    """The library gives up, and the span has failed."""
    connection = pymysql.connect(**songs, read_timeout=0.1)
    with pytest.raises(pymysql.err.OperationalError):
        connection.cursor().execute("SELECT SLEEP(5)")
    [span] = traced.wait(1)
    assert span["attributes"]["error.type"] == "pymysql.err.OperationalError"
    assert span["attributes"]["db.response.status_code"] == "2013"


def test_wrong_calls_fail_as_without_us(connection, traced):
    """What is no statement makes no span, and the error is the library's."""
    cursor = connection.cursor()
    with pytest.raises(TypeError):
        cursor.execute()
    cursor.close()
    for use in (lambda: cursor.execute("SELECT 1"), lambda: cursor.callproc("twice", (1,))):
        with pytest.raises(pymysql.err.ProgrammingError, match="closed"):
            use()
    assert [span["attributes"]["db.system.name"] for span in traced.finished()] == ["mysql", "mysql"]


def test_beneath_sqlalchemy_a_statement_is_one_span(recorder, instrument, url, where):
    """The upper library tells what it sends, the driver what that does not tell: the ends of transactions."""
    instrument("sqlalchemy", "pymysql")
    engine = sqlalchemy.create_engine(url("mysql+pymysql"))
    insert = sqlalchemy.text("INSERT INTO songs VALUES (:id, :title)")
    with Work():
        with engine.begin() as connection:
            connection.execute(insert, [{"id": number, "title": f"x{number}"} for number in (2, 3)])
            assert connection.execute(sqlalchemy.text("SELECT count(*) FROM songs")).scalar() == 3
        with engine.connect() as connection:
            transaction = connection.begin()
            connection.execute(sqlalchemy.text("DELETE FROM songs WHERE id = 1"))
            with pytest.raises(sqlalchemy.exc.IntegrityError):
                connection.execute(insert, {"id": 4, "title": "x3"})
            transaction.rollback()
    engine.dispose()
    told = [(span["scope"], span["name"]) for span in recorder.finished()]
    assert told[told.index(("sqlalchemy", "connect")) + 1 :] == [
        ("sqlalchemy", "BATCH INSERT songs"),
        ("sqlalchemy", "SELECT songs"),
        ("pymysql", "COMMIT"),
        ("sqlalchemy", "DELETE songs"),
        ("sqlalchemy", "INSERT songs"),
        ("pymysql", "ROLLBACK"),
        ("test", "work"),
    ]
    failed = recorder.finished()[-3]
    assert failed["attributes"] == {
        **where,
        "db.operation.name": "INSERT",
        "db.collection.name": "songs",
        "db.query.text": "INSERT INTO songs VALUES (%(id)s, %(title)s)",
        "db.query.summary": "INSERT songs",
        "db.response.status_code": "1062",
        "error.type": "sqlalchemy.exc.IntegrityError",
    }
    assert failed["message"].endswith("1062: Duplicate entry ?")
