"""psycopg2: the contract of database clients, and what programs do with its types of C."""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import pickle
import sys

import psycopg2
import pytest
import sqlalchemy
from psycopg2 import extensions, extras, pool, sql

from autotrace.testing import frames
from autotrace.testing.contracts.db_client import Work
from contracts.postgresql import PostgresContract, database, songs
from services.ports import free_port

__all__ = ["database", "songs"]


class TestPsycopg2(PostgresContract):
    """The contract, through the library's own cursors."""

    instrumentors = ("psycopg2",)
    scope = "psycopg2"
    error = psycopg2.errors.UndefinedColumn
    error_name = "psycopg2.errors.UndefinedColumn"
    lock_error = psycopg2.errors.LockNotAvailable
    factories = None, None

    def open(self, path):
        connection = psycopg2.connect(self.dsn, *self.factories)
        connection.autocommit = True
        return connection

    def run(self, db, sql, parameters=()):
        with db.cursor() as cursor:
            cursor.execute(sql, parameters)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def run_many(self, db, sql, rows):
        with db.cursor() as cursor:
            cursor.executemany(sql, rows)

    def close(self, db):
        db.close()


class ShoutingCursor(extensions.cursor):
    """A cursor as programs write them."""

    def execute(self, query, *parameters):
        self.shouted = query.upper()
        return super().execute(query, *parameters)


class Library(extensions.connection):
    """A connection as programs write them."""

    def titles(self):
        with self.cursor() as cursor:
            cursor.execute("SELECT title FROM songs")
            return [row[0] for row in cursor]


class TestCursorFactory(TestPsycopg2):
    """The contract, with the library's own cursors of another kind."""

    factories = None, extras.RealDictCursor

    def run(self, db, sql, parameters=()):
        with db.cursor() as cursor:
            cursor.execute(sql, parameters)
            return [tuple(row.values()) for row in cursor.fetchall()] if cursor.description else []


class TestConnectionFactory(TestPsycopg2):
    """The contract, with classes of the program's."""

    factories = Library, ShoutingCursor


@pytest.fixture
def traced(recorder, instrument):
    """psycopg2, patched."""
    instrument("psycopg2")
    return recorder


@pytest.fixture
def connection(traced, songs):
    """A connection, in transactions."""
    opened = psycopg2.connect(songs)
    yield opened
    opened.close()


def names(recorder):
    """Return the names of the spans."""
    return [span["name"] for span in recorder.finished()]


def test_types_look_like_the_librarys(connection):
    """Name, repr, class and isinstance of connections and cursors are what they are without us."""
    cursor = connection.cursor()
    for thing, kind in ((connection, extensions.connection), (cursor, extensions.cursor)):
        assert isinstance(thing, kind)
        assert thing.__class__ is kind
        assert (type(thing).__name__, type(thing).__module__) == (kind.__name__, kind.__module__)
        assert not hasattr(thing, "__dict__")
    assert repr(connection).startswith("<connection object at 0x")
    assert cursor.connection is connection
    for name in ("execute", "executemany", "callproc", "copy_expert", "copy_from", "copy_to"):
        ours, theirs = getattr(cursor, name), getattr(extensions.cursor, name)
        assert (ours.__name__, ours.__doc__) == (name, theirs.__doc__)


def test_connect_looks_as_before(traced):
    """The function keeps its name and signature, and pickles."""
    assert list(inspect.signature(psycopg2.connect).parameters) == [
        "dsn",
        "connection_factory",
        "cursor_factory",
        "kwargs",
    ]
    assert pickle.loads(pickle.dumps(psycopg2.connect)) is psycopg2.connect


def test_functions_of_c_take_ours(connection, traced):
    """What wants the library's real types gets them."""
    cursor = connection.cursor()
    assert extensions.quote_ident('a"b', connection) == '"a""b"'
    assert extensions.quote_ident("a", cursor) == '"a"'
    extensions.register_type(extensions.UNICODE, connection)
    extensions.register_type(extensions.UNICODE, cursor)
    extras.register_default_jsonb(connection)
    extras.register_uuid(conn_or_curs=connection)
    extras.register_hstore(connection, oid=1, array_oid=2)
    adapted = extensions.adapt("it's")
    adapted.prepare(connection)
    assert adapted.getquoted() == b"'it''s'"
    cursor.execute("""SELECT '{"a": 1}'::jsonb""")
    assert cursor.fetchone() == ({"a": 1},)
    assert cursor.mogrify("SELECT %s", ("x",)) == b"SELECT 'x'"


def test_a_programs_classes_are_theirs(traced, songs):
    """Factories keep their methods, state and class; a cursor's factory may be given in every way."""
    library = psycopg2.connect(songs, Library, ShoutingCursor)
    assert isinstance(library, Library)
    assert library.__class__ is Library
    assert library.titles() == ["One"]
    for cursor in (
        library.cursor(),
        library.cursor(cursor_factory=ShoutingCursor),
        library.cursor(None, ShoutingCursor),
    ):
        cursor.execute("SELECT 7")
        assert isinstance(cursor, ShoutingCursor)
        assert (cursor.shouted, cursor.fetchone()) == ("SELECT 7", (7,))
    rows = library.cursor(cursor_factory=extras.NamedTupleCursor)
    rows.execute("SELECT title FROM songs")
    assert rows.fetchone().title == "One"
    library.close()
    assert names(traced) == ["SELECT songs", "SELECT", "SELECT", "SELECT", "SELECT songs"]


def test_factories_that_are_not_classes_work_untraced(traced, songs):
    """A function may make the connection, and a cursor."""
    library = psycopg2.connect(songs, connection_factory=functools.partial(Library))
    assert type(library) is Library
    assert library.titles() == ["One"]
    library.close()
    assert names(traced) == []


def test_a_connection_is_opened_beneath_what_is_current(traced, songs, postgresql, database):
    """Where nothing is current there is no span."""
    psycopg2.connect(songs).close()
    with Work() as work:
        psycopg2.connect(songs).close()
    connect, _ = traced.wait(2)
    assert connect == {
        "name": "connect",
        "kind": "CLIENT",
        "scope": "psycopg2",
        "trace_id": connect["trace_id"],
        "span_id": connect["span_id"],
        "parent_id": work.span_id,
        "attributes": {
            "db.system.name": "postgresql",
            "db.namespace": database,
            "server.address": postgresql.host,
            "server.port": postgresql.port,
        },
        "status": "UNSET",
    }


def test_a_connection_that_is_refused_has_failed(traced, postgresql):
    """The span tells where it was to be to, and nobody else."""
    port = free_port()
    for given in (
        {"dsn": f"host={postgresql.host} port={port} dbname=shop user=me password=hunter2"},
        {"dsn": f"postgresql://me:hunter2@{postgresql.host}:{port}/shop"},
        {"host": postgresql.host, "port": port, "dbname": "shop", "user": "me", "password": "hunter2"},
    ):
        traced.clear()
        with Work(), pytest.raises(psycopg2.OperationalError) as caught:
            psycopg2.connect(**given)
        connect, _ = traced.wait(2)
        assert connect["status"] == "ERROR"
        assert connect["attributes"] == {
            "db.system.name": "postgresql",
            "db.namespace": "shop",
            "server.address": postgresql.host,
            "server.port": port,
            "error.type": "psycopg2.OperationalError",
        }
        assert "hunter2" not in repr(connect)
        if sys.version_info >= (3, 11):
            assert not frames.ours(caught.value)


def test_a_wrong_connection_string_fails_as_without_us(traced):
    """The library's own exception, and a span that says no more than it knows."""
    with Work(), pytest.raises(psycopg2.ProgrammingError):
        psycopg2.connect("what is this")
    connect, _ = traced.wait(2)
    assert connect["attributes"] == {"db.system.name": "postgresql", "error.type": "psycopg2.ProgrammingError"}


def test_ends_of_transactions(connection, traced, postgresql, database):
    """They are spans beneath what is current, where there is a transaction."""
    with Work() as work:
        connection.commit()
        connection.cursor().execute("INSERT INTO songs VALUES (2, 'Two')")
        connection.commit()
        connection.commit()
        with contextlib.suppress(ZeroDivisionError), connection:
            connection.cursor().execute("DELETE FROM songs")
            raise ZeroDivisionError
        with connection:
            connection.cursor().execute("SELECT 1")
    connection.cursor().execute("SELECT 2")
    connection.rollback()
    commit = traced.finished()[1]
    assert names(traced) == [
        "INSERT songs",
        "COMMIT",
        "DELETE songs",
        "ROLLBACK",
        "SELECT",
        "COMMIT",
        "work",
        "SELECT",
    ]
    assert commit["parent_id"] == work.span_id
    assert commit["attributes"] == {
        "db.system.name": "postgresql",
        "db.namespace": database,
        "db.operation.name": "COMMIT",
        "db.query.text": "COMMIT",
        "db.query.summary": "COMMIT",
        "server.address": postgresql.host,
        "server.port": postgresql.port,
    }


def test_statements_of_parts(connection, traced):
    """A composed statement is told without its literals, bytes as text, and all are sent once."""
    cursor = connection.cursor()
    made = sql.SQL("SELECT {}, {} FROM {} WHERE {} = {}").format(
        sql.Literal("hunter2"),
        sql.Placeholder(),
        sql.Identifier("public", "songs"),
        sql.Identifier("id"),
        sql.Placeholder(),
    )
    cursor.execute(made, (5, 1))
    assert cursor.fetchone() == ("hunter2", 5)
    cursor.execute(b"SELECT 1")
    cursor.execute(sql.SQL("SELECT 1") + sql.SQL(" WHERE true"))
    first, second, third = traced.wait(3)
    assert first["attributes"]["db.query.text"] == 'SELECT ?, %s FROM "public"."songs" WHERE "id" = %s'
    assert first["name"] == "SELECT public.songs"
    assert "hunter2" not in repr(first)
    assert second["attributes"]["db.query.text"] == "SELECT ?"
    assert third["attributes"]["db.query.text"] == "SELECT ? WHERE true"


def test_procedures_and_copies(connection, traced):
    """A procedure is told as CALL, a copy as COPY."""
    cursor = connection.cursor()
    cursor.callproc("lower", ("LOUD",))
    assert cursor.fetchone() == ("loud",)
    cursor.copy_from(io.StringIO("2\tTwo\n"), "songs")
    out = io.StringIO()
    cursor.copy_to(out, "songs")
    cursor.copy_expert("COPY (SELECT title FROM songs WHERE id = 2) TO STDOUT", out)
    assert out.getvalue() == "1\tOne\n2\tTwo\nTwo\n"
    assert [(span["name"], span["attributes"]["db.query.text"]) for span in traced.wait(4)] == [
        ("CALL lower", "CALL lower"),
        ("COPY songs", "COPY songs FROM STDIN"),
        ("COPY songs", "COPY songs TO STDOUT"),
        ("COPY SELECT songs", "COPY (SELECT title FROM songs WHERE id = ?) TO STDOUT"),
    ]


def test_arguments_by_name(connection, traced):
    """Statements, rows and tables may be given by name."""
    cursor = connection.cursor()
    cursor.execute(query="SELECT %s", vars=(1,))
    cursor.executemany(query="INSERT INTO songs VALUES (%s, %s)", vars_list=[(2, "b"), (3, "c")])
    cursor.copy_to(file=io.StringIO(), table="songs")
    cursor.copy_expert(sql="COPY songs TO STDOUT", file=io.StringIO())
    assert names(traced) == ["SELECT", "BATCH INSERT songs", "COPY songs", "COPY songs"]


def test_the_librarys_own_connections_and_cursors(traced, songs):
    """Those that choose their cursors themselves, and log what they send."""
    with contextlib.closing(psycopg2.connect(songs, connection_factory=extras.RealDictConnection)) as rows:
        cursor = rows.cursor()
        cursor.execute("SELECT title FROM songs")
        assert cursor.fetchall() == [{"title": "One"}]
    with contextlib.closing(psycopg2.connect(songs, connection_factory=extras.LoggingConnection)) as logging:
        said = io.StringIO()
        logging.initialize(said)
        logging.cursor().execute("SELECT 1")
        assert said.getvalue().strip() == "SELECT 1"
    assert names(traced) == ["SELECT songs", "SELECT"]


def test_named_cursors_and_helpers(connection, traced):
    """A cursor of the server is one span; a page of rows that a helper sends is one."""
    with connection.cursor("named") as cursor:
        cursor.execute("SELECT * FROM generate_series(1, 10)")
        assert len(cursor.fetchall()) == 10
    with connection.cursor() as cursor:
        extras.execute_values(cursor, "INSERT INTO songs VALUES %s", [(2, "Two"), (3, "Three")])
        extras.execute_batch(cursor, "DELETE FROM songs WHERE id = %s", [(2,), (3,)])
    assert [name.partition(" ")[0] for name in names(traced)] == ["SELECT", "INSERT", "DELETE"]


def test_a_pool_gives_what_it_gives(traced, songs):
    """Connections of a pool are traced like others, and stay in it."""
    shared = pool.SimpleConnectionPool(1, 2, songs)
    for _ in range(2):
        connection = shared.getconn()
        connection.cursor().execute("SELECT 1")
        shared.putconn(connection)
    shared.closeall()
    assert names(traced) == ["SELECT", "SELECT"]


def test_wrong_calls_fail_as_without_us(connection, traced):
    """What is no query makes no span, and the error is the library's."""
    for wrong in ((), (1,)):
        with pytest.raises(TypeError) as ours:
            connection.cursor().execute(*wrong)
        with pytest.raises(TypeError) as theirs:
            extensions.cursor.execute(extensions.cursor(connection), *wrong)
        assert str(ours.value) == str(theirs.value)
    closed = connection.cursor()
    closed.close()
    with pytest.raises(psycopg2.InterfaceError, match="closed"):
        closed.execute("SELECT 1")
    connection.close()
    with pytest.raises(psycopg2.InterfaceError, match="closed"):
        connection.cursor()


def test_beneath_sqlalchemy_a_query_is_one_span(recorder, instrument, songs):
    """The upper library tells what it sends, the driver what that does not tell: the ends of transactions."""
    instrument("sqlalchemy", "psycopg2")
    engine = sqlalchemy.create_engine("postgresql+psycopg2://", creator=lambda: psycopg2.connect(songs))
    insert = sqlalchemy.text("INSERT INTO songs VALUES (:id, :title)")
    with Work():
        with engine.begin() as connection:
            connection.execute(insert, [{"id": number, "title": "x"} for number in (2, 3)])
            assert connection.execute(sqlalchemy.text("SELECT count(*) FROM songs")).scalar() == 3
        with pytest.raises(sqlalchemy.exc.ProgrammingError), engine.begin() as connection:
            connection.exec_driver_sql("SELECT nothing FROM songs")
    engine.dispose()
    told = [(span["scope"], span["name"]) for span in recorder.finished()]
    assert told[told.index(("sqlalchemy", "connect")) + 1 :] == [
        ("sqlalchemy", "BATCH INSERT songs"),
        ("sqlalchemy", "SELECT songs"),
        ("psycopg2", "COMMIT"),
        ("sqlalchemy", "SELECT songs"),
        ("psycopg2", "ROLLBACK"),
        ("test", "work"),
    ]
    failed = recorder.finished()[-3]
    assert failed["attributes"]["db.response.status_code"] == "42703"
