"""mysqlclient: the contract of database clients, and what programs do with its types, part of which are of C."""

from __future__ import annotations

import contextlib
import inspect
import pickle

import pytest
import sqlalchemy

from autotrace.testing.contracts.db_client import Work
from contracts.mariadb import MariaContract, ask, database, songs, url, where
from services.ports import free_port

__all__ = ["database", "songs", "url", "where"]
# It has no wheels: whether it could be built where this runs says noxfile.py.
MySQLdb = pytest.importorskip("MySQLdb", reason="mysqlclient could not be built: see noxfile.py", exc_type=ImportError)

from MySQLdb import connections, cursors  # noqa: E402


class TestMySQLdb(MariaContract):
    """The contract, through the library's own cursors."""

    instrumentors = ("mysqldb",)
    scope = "mysqldb"
    error = MySQLdb.OperationalError
    errors = MySQLdb.MySQLError
    error_name = f"{MySQLdb.OperationalError.__module__}.OperationalError"
    functions = 2
    kind = cursors.Cursor

    def open(self, path):
        given = {**self.arguments, "cursorclass": self.kind, "init_command": "SET lock_wait_timeout = 0"}
        return MySQLdb.connect(**given, autocommit=True, local_infile=1)

    def run(self, db, sql, parameters=()):
        with contextlib.closing(db.cursor()) as cursor:
            cursor.execute(sql, parameters or None)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def run_many(self, db, sql, rows):
        with contextlib.closing(db.cursor()) as cursor:
            cursor.executemany(sql, rows)

    def call(self, db, name, arguments):
        with contextlib.closing(db.cursor()) as cursor:
            cursor.callproc(name, arguments)

    def close(self, db):
        db.close()


class ShoutingCursor(cursors.SSCursor):
    """A cursor as programs write them, whose rows are read while they are fetched."""

    def execute(self, query, args=None):
        self.shouted = query.upper()
        return super().execute(query, args)


class TestCursorOfThePrograms(TestMySQLdb):
    """The contract, with a class of the program's."""

    kind = ShoutingCursor


@pytest.fixture
def traced(recorder, instrument):
    """mysqlclient, patched."""
    instrument("mysqldb")
    return recorder


def names(recorder):
    """Return the names of the spans."""
    return [span["name"] for span in recorder.finished()]


def test_connections_and_cursors_are_the_librarys(traced, songs):
    """No proxies: types and functions are what they are without us."""
    with contextlib.closing(MySQLdb.connect(**songs)) as connection:
        assert type(connection) is connections.Connection
        assert type(connection.cursor()) is cursors.Cursor
        assert connection.literal("x") == b"'x'"
    parameters = inspect.signature(cursors.Cursor.execute).parameters
    assert list(parameters) == ["self", "query", "args"]
    assert pickle.loads(pickle.dumps(cursors.Cursor.execute)) is cursors.Cursor.execute
    assert names(traced) == []


def test_transactions(traced, songs, where):
    """Connecting, and the ends, are spans beneath what is current, and nothing that is sent on a new connection."""
    with Work():
        connection = MySQLdb.connect(**songs, init_command="SET lock_wait_timeout = 1", charset="utf8mb4")
        with contextlib.closing(connection.cursor(cursors.DictCursor)) as cursor:
            cursor.execute("INSERT INTO songs VALUES (%(id)s, %(title)s)", {"id": 2, "title": "Two"})
            connection.commit()
            cursor.execute("SELECT title FROM songs WHERE id = %s", (2,))
            assert cursor.fetchall() == ({"title": "Two"},)
        connection.rollback()
    connection.commit()
    connection.close()
    spans = traced.finished()
    assert names(traced) == ["connect", "INSERT songs", "COMMIT", "SELECT songs", "ROLLBACK", "work"]
    assert {span["parent_id"] for span in spans[:-1]} == {spans[-1]["span_id"]}
    assert spans[0]["attributes"] == where
    assert spans[2]["attributes"] == {
        **where,
        "db.operation.name": "COMMIT",
        "db.query.text": "COMMIT",
        "db.query.summary": "COMMIT",
    }


def test_a_connection_that_is_refused_has_failed(traced, mariadb):
    """The span tells where it was to be to, and nobody else; the number is the client's."""
    port = free_port()
    for given in (
        {"host": mariadb.host, "port": port, "user": "me", "password": "hunter2", "database": "shop"},
        {"host": mariadb.host, "port": port, "user": "me", "passwd": "hunter2", "db": "shop"},
    ):
        traced.clear()
        with Work(), pytest.raises(MySQLdb.OperationalError):
            MySQLdb.connect(**given)
        connect, _ = traced.wait(2)
        assert connect["attributes"] == {
            "db.system.name": "mysql",
            "db.namespace": "shop",
            "db.response.status_code": "2002",
            "server.address": mariadb.host,
            "server.port": port,
            "error.type": f"{MySQLdb.OperationalError.__module__}.OperationalError",
        }
        assert "hunter2" not in repr(connect)


def test_a_socket_is_the_address(traced, songs, database):
    """The host that nobody asked for is not told; a file may say where the server is."""
    with contextlib.closing(MySQLdb.connect(**songs)) as by_port, contextlib.closing(by_port.cursor()) as cursor:
        cursor.execute("SELECT @@socket")
        [[path]] = cursor.fetchall()
    traced.clear()
    with contextlib.closing(MySQLdb.connect(unix_socket=path, user=songs["user"], db=database)) as connection:
        connection.query("SELECT title FROM songs WHERE title = 'hunter2'")
        connection.store_result()
    [span] = traced.wait(1)
    assert span["attributes"] == {
        "db.system.name": "mariadb",
        "db.namespace": database,
        "db.operation.name": "SELECT",
        "db.collection.name": "songs",
        "db.query.text": "SELECT title FROM songs WHERE title = ?",
        "db.query.summary": "SELECT songs",
        "server.address": path,
    }


def test_a_file_says_where_the_server_is(traced, songs, tmp_path):
    """What is not in the arguments the connection tells."""
    file = tmp_path / "my.cnf"
    file.write_text(f"[client]\nhost={songs['host']}\nport={songs['port']}\nuser={songs['user']}\n")
    with contextlib.closing(MySQLdb.connect(read_default_file=str(file))) as connection:
        connection.query("SELECT 1")
        connection.store_result()
    [span] = traced.wait(1)
    assert span["attributes"]["server.address"] == songs["host"]


def test_batches(traced, songs):
    """A batch is one span, in however many statements it is sent."""
    with contextlib.closing(MySQLdb.connect(**songs)) as connection, contextlib.closing(connection.cursor()) as cursor:
        cursor.executemany("INSERT INTO songs VALUES (%s, %s)", [(2, "b"), (3, "c"), (4, "d")])
        cursor.executemany(query="UPDATE songs SET title = %s WHERE id = %s", args=[("x", 2), ("y", 3)])
    told = [(span["name"], span["attributes"].get("db.operation.batch.size")) for span in traced.finished()]
    assert told == [("BATCH INSERT songs", 3), ("BATCH UPDATE songs", 2)]


def test_a_connection_that_was_lost(traced, songs, mariadb):
    """A statement fails with the client's number."""
    with contextlib.closing(MySQLdb.connect(**songs)) as connection:
        ask(mariadb, f"KILL {connection.thread_id()}")
        with pytest.raises(MySQLdb.OperationalError):
            connection.cursor().execute("SELECT title FROM songs")
    [lost] = traced.wait(1)
    assert lost["attributes"]["db.response.status_code"] in {"1927", "2006", "2013"}


def test_beneath_sqlalchemy_a_statement_is_one_span(recorder, instrument, url, where):
    """The upper library tells what it sends, the driver what that does not tell: the ends of transactions."""
    instrument("sqlalchemy", "mysqldb")
    engine = sqlalchemy.create_engine(url("mysql+mysqldb"))
    insert = sqlalchemy.text("INSERT INTO songs VALUES (:id, :title)")
    with Work(), engine.begin() as connection:
        connection.execute(insert, [{"id": number, "title": f"x{number}"} for number in (2, 3)])
        assert connection.execute(sqlalchemy.text("SELECT count(*) FROM songs")).scalar() == 3
    engine.dispose()
    spans = recorder.finished()
    told = [(span["scope"], span["name"]) for span in spans]
    begun = told.index(("sqlalchemy", "connect")) + 1
    assert told[begun : begun + 3] == [
        ("sqlalchemy", "BATCH INSERT songs"),
        ("sqlalchemy", "SELECT songs"),
        ("mysqldb", "COMMIT"),
    ]
    assert {name: spans[begun]["attributes"][name] for name in where} == where
