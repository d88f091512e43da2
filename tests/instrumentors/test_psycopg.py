"""psycopg 3: the contract of database clients, sync and asyncio, cursors of every kind, copies, transactions and pools."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import pickle
import sys
import threading
import time

import psycopg
import psycopg_pool
import pytest
import sqlalchemy
from psycopg import rows, sql
from sqlalchemy.ext.asyncio import create_async_engine

from autotrace.testing import frames
from autotrace.testing.contracts.db_client import Work
from autotrace.trace.context import get_current
from autotrace.trace.failure import type_name
from autotrace.trace.tracer import tracer
from contracts.postgresql import PostgresContract, database, songs
from services.ports import free_port

__all__ = ["database", "songs"]


class TestPsycopg(PostgresContract):
    """The contract, through cursors."""

    instrumentors = ("psycopg",)
    scope = "psycopg"
    error = psycopg.errors.UndefinedColumn
    error_name = "psycopg.errors.UndefinedColumn"
    lock_error = psycopg.errors.LockNotAvailable

    def open(self, path):
        return psycopg.connect(self.dsn, autocommit=True)

    def run(self, db, sql, parameters=()):
        with db.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []

    def run_many(self, db, sql, rows):
        with db.cursor() as cursor:
            cursor.executemany(sql, rows)

    def close(self, db):
        db.close()


class TestConnection(TestPsycopg):
    """The contract, through ``Connection.execute`` and with statements and rows of other kinds."""

    def open(self, path):
        return psycopg.Connection.connect(self.dsn, autocommit=True, row_factory=rows.dict_row)

    def run(self, db, sql, parameters=()):
        cursor = db.execute(sql, parameters)
        return [tuple(row.values()) for row in cursor.fetchall()] if cursor.description else []


class Database:
    """An open connection and its loop."""

    def __init__(self, dsn):
        self.loop = asyncio.new_event_loop()
        self.connection = self.wait(psycopg.AsyncConnection.connect(dsn, autocommit=True))

    def wait(self, coroutine):
        return self.loop.run_until_complete(coroutine)


class TestAsync(TestPsycopg):
    """The contract, awaited."""

    def open(self, path):
        return Database(self.dsn)

    def run(self, db, sql, parameters=()):
        async def run():
            async with db.connection.cursor() as cursor:
                await cursor.execute(sql, parameters)
                return await cursor.fetchall() if cursor.description else []

        return db.wait(run())

    def run_many(self, db, sql, rows):
        async def run():
            async with db.connection.cursor() as cursor:
                await cursor.executemany(sql, rows)

        db.wait(run())

    def close(self, db):
        db.wait(db.connection.close())
        db.loop.close()


@pytest.fixture
def traced(recorder, instrument):
    """psycopg and its pool, patched."""
    instrument("psycopg", "psycopg_pool", "threads")
    return recorder


@pytest.fixture
def connection(traced, songs):
    """A connection, in transactions."""
    with psycopg.connect(songs) as opened:
        yield opened


def names(recorder):
    """Return the names of the spans."""
    return [span["name"] for span in recorder.finished()]


def told(recorder):
    """Return the statements of the spans."""
    return [span["attributes"].get("db.query.text") for span in recorder.finished()]


def test_functions_look_as_before(traced):
    """What is patched pickles, and ``connect`` is still the class's own."""
    for function in (psycopg.Cursor.execute, psycopg.AsyncCursor.execute, psycopg.connect):
        assert pickle.loads(pickle.dumps(function)) is not None
    assert psycopg.Cursor.execute.__qualname__ == "Cursor.execute"
    assert inspect.iscoroutinefunction(psycopg.AsyncCursor.execute)
    assert psycopg.connect.__self__ is psycopg.Connection


def test_every_kind_of_cursor_is_one_span(connection, traced):
    """Client, server and the program's own cursors send what is told once."""

    class Own(psycopg.Cursor):
        def execute(self, query, *args, **kwargs):
            return super().execute(query, *args, **kwargs)

    connection.cursor_factory = Own
    assert connection.execute("SELECT 1").fetchone() == (1,)
    if hasattr(psycopg, "ClientCursor"):
        assert psycopg.ClientCursor(connection).execute("SELECT %s", (2,)).fetchone() == (2,)
    else:
        connection.execute("SELECT %s", (2,))
    with connection.cursor("named") as cursor:
        cursor.execute("SELECT * FROM generate_series(1, 3)")
        assert len(cursor.fetchall()) == 3
    assert told(traced) == ["SELECT ?", "SELECT %s", "SELECT * FROM generate_series(?, ?)"]


def test_statements_of_parts(connection, traced):
    """A composed statement is told without its literals; bytes are text."""
    made = sql.SQL("SELECT {}, {} FROM {} WHERE {} = {}").format(
        sql.Literal("hunter2"), sql.Placeholder(), sql.Identifier("public", "songs"), sql.Identifier("id"), 1
    )
    assert connection.execute(made, ("x",)).fetchone() == ("hunter2", "x")
    connection.execute(b"SELECT 1")
    assert told(traced) == ['SELECT ?, %s FROM "public"."songs" WHERE "id" = ?', "SELECT ?"]


@pytest.mark.skipif(sys.version_info < (3, 14), reason="templates came with Python 3.14")
def test_templates(connection, traced):
    """Of a template the values are not told, names are."""
    space = {"connection": connection, "secret": "hunter2", "table": "songs"}
    found = eval('connection.execute(t"SELECT {secret}, id FROM {table:i}")', space)
    assert found.fetchone() == ("hunter2", 1)
    assert told(traced) == ['SELECT ?, id FROM "songs"']


def test_a_connection_is_opened_beneath_what_is_current(traced, songs, postgresql, database):
    """Where nothing is current there is no span; all ways to connect are one span each."""

    async def awaited():
        await (await psycopg.AsyncConnection.connect(songs)).close()

    psycopg.connect(songs).close()
    with Work() as work:
        psycopg.connect(songs).close()
        psycopg.Connection.connect(songs).close()
        asyncio.run(awaited())
    *connects, _ = traced.wait(4)
    for connect in connects:
        assert connect == {
            "name": "connect",
            "kind": "CLIENT",
            "scope": "psycopg",
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


@pytest.mark.parametrize("owner", [psycopg, psycopg.Connection], ids=["function", "method"])
def test_a_connection_that_is_refused_has_failed(traced, postgresql, owner):
    """The span tells where it was to be to, and nobody else."""
    port = free_port()
    with Work(), pytest.raises(psycopg.OperationalError) as caught:
        owner.connect(f"postgresql://me:hunter2@{postgresql.host}:{port}", dbname="shop")
    failed, _ = traced.wait(2)
    assert failed["status"] == "ERROR"
    assert failed["attributes"] == {
        "db.system.name": "postgresql",
        "db.namespace": "shop",
        "server.address": postgresql.host,
        "server.port": port,
        "error.type": "psycopg.OperationalError",
    }
    assert "hunter2" not in repr(failed)
    if sys.version_info >= (3, 11):
        assert not frames.ours(caught.value)


def test_ends_of_transactions(connection, traced):
    """They are spans beneath what is current, where there is a transaction; a block's inner one is a savepoint's."""
    with Work():
        connection.commit()
        connection.execute("INSERT INTO songs VALUES (2, 'Two')")
        connection.commit()
        connection.execute("DELETE FROM songs")
        connection.rollback()
        with connection.transaction():
            with connection.transaction():
                connection.execute("SELECT 1")
            with contextlib.suppress(psycopg.errors.UniqueViolation), connection.transaction():
                connection.execute("INSERT INTO songs VALUES (1, 'One')")
        with connection.transaction():
            raise psycopg.Rollback
    connection.execute("SELECT 2")
    connection.rollback()
    assert [name.partition(" ")[0] for name in names(traced)] == [
        "INSERT",
        "COMMIT",
        "DELETE",
        "ROLLBACK",
        "SELECT",
        "RELEASE",
        "INSERT",
        "ROLLBACK",
        "COMMIT",
        "ROLLBACK",
        "work",
        "SELECT",
    ]


def test_awaited_transactions(traced, songs):
    """The same, awaited."""

    async def main():
        async with await psycopg.AsyncConnection.connect(songs) as connection:
            with Work():
                await connection.execute("SELECT 1")
                await connection.commit()
                async with connection.transaction():
                    await connection.execute("SELECT 2")
                await connection.execute("SELECT 3")
                await connection.rollback()
                assert get_current().facts == ("work",)

    asyncio.run(main())
    assert names(traced) == ["SELECT", "COMMIT", "SELECT", "COMMIT", "SELECT", "ROLLBACK", "work"]


def test_a_copy_is_one_span_which_is_not_current(connection, traced, postgresql, database):
    """It ends with its block, in which the program's spans are not beneath it."""
    with connection.cursor() as cursor:
        with Work() as work, cursor.copy("COPY songs FROM STDIN") as copy:
            assert isinstance(copy, psycopg.Copy)
            assert get_current() is work
            copy.write_row((2, "Two"))
        assert cursor.rowcount == 1
        with cursor.copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier("songs"))) as copy:
            assert list(copy.rows()) == [("1", "One"), ("2", "Two")]
    first, _, second = traced.wait(3)
    assert first == {
        "name": "COPY songs",
        "kind": "CLIENT",
        "scope": "psycopg",
        "trace_id": first["trace_id"],
        "span_id": first["span_id"],
        "parent_id": work.span_id,
        "attributes": {
            "db.system.name": "postgresql",
            "db.namespace": database,
            "db.operation.name": "COPY",
            "db.query.text": "COPY songs FROM STDIN",
            "db.query.summary": "COPY songs",
            "server.address": postgresql.host,
            "server.port": postgresql.port,
        },
        "status": "UNSET",
    }
    assert second["attributes"]["db.query.text"] == 'COPY "songs" TO STDOUT'


def test_a_copy_that_fails_says_so(connection, traced):
    """By the database at the beginning and at the end, and by the program in between."""
    cursor = connection.cursor()
    with pytest.raises(psycopg.errors.UndefinedTable) as caught, cursor.copy("COPY nothing FROM STDIN"):
        pass
    if sys.version_info >= (3, 11):
        assert not frames.ours(caught.value)
    connection.rollback()
    stopped = psycopg.errors.QueryCanceled if psycopg.__version__ < "3.1" else ZeroDivisionError
    with pytest.raises(stopped), cursor.copy("COPY songs FROM STDIN"):
        raise ZeroDivisionError
    connection.rollback()
    with pytest.raises(psycopg.errors.UniqueViolation), cursor.copy("COPY songs FROM STDIN") as copy:
        copy.write_row((1, "One"))
    connection.rollback()
    assert [
        (span["status"], span["attributes"]["error.type"], span["attributes"].get("db.response.status_code"))
        for span in traced.wait(3)
    ] == [
        ("ERROR", "psycopg.errors.UndefinedTable", "42P01"),
        ("ERROR", type_name(stopped), getattr(stopped, "sqlstate", None)),
        ("ERROR", "psycopg.errors.UniqueViolation", "23505"),
    ]


def test_an_awaited_copy(traced, songs):
    """The same, awaited."""

    async def main():
        async with await psycopg.AsyncConnection.connect(songs) as connection:
            async with connection.cursor() as cursor, cursor.copy("COPY songs FROM STDIN") as copy:
                await copy.write_row((2, "Two"))
            async with connection.cursor() as cursor:
                with contextlib.suppress(ZeroDivisionError):
                    async with cursor.copy("COPY songs TO STDOUT"):
                        raise ZeroDivisionError
            await connection.rollback()

    asyncio.run(main())
    assert [(span["name"], span["status"]) for span in traced.wait(2)] == [
        ("COPY songs", "UNSET"),
        ("COPY songs", "ERROR"),
    ]


def test_arguments_by_name(connection, traced):
    """Statements and rows may be given by name."""
    with connection.cursor() as cursor:
        cursor.execute(query="SELECT 1")
        cursor.executemany(query="INSERT INTO songs VALUES (%s, %s)", params_seq=[(2, "b"), (3, "c")])
        with cursor.copy(statement="COPY songs TO STDOUT") as copy:
            assert len(list(copy.rows())) == 3
    assert names(traced) == ["SELECT", "BATCH INSERT songs", "COPY songs"]


def test_a_batch_with_an_iterator_is_not_consumed(connection, traced):
    """What has no length keeps all its rows for the database."""
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO songs VALUES (%s, %s)", ((number, "x") for number in range(5, 8)))
        assert cursor.execute("SELECT count(*) FROM songs").fetchone() == (4,)
    assert "db.operation.batch.size" not in traced.wait(2)[0]["attributes"]


def test_tasks_have_their_own_parents(traced, songs):
    """Queries of tasks on connections of a pool are beneath their own task's span; the pool's own ones have none."""

    async def request(pool, number):
        with Work(f"request {number}") as span:
            async with pool.connection() as connection:
                await connection.execute(f"SELECT 1 AS of_{number}")
            assert get_current() is span

    async def main():
        pool = psycopg_pool.AsyncConnectionPool(songs, min_size=2, max_size=2, open=False)
        with Work("opening"):
            await pool.open()
            await pool.wait()
        traced.clear()
        await asyncio.gather(*(request(pool, number) for number in range(4)))
        await pool.close()

    asyncio.run(main())
    spans = traced.finished()
    parents = {span["span_id"]: span["name"] for span in spans}
    found = sorted(
        (span["attributes"]["db.query.text"], parents[span["parent_id"]]) for span in spans if span["parent_id"]
    )
    assert found == sorted(
        (text, f"request {number}") for number in range(4) for text in ("COMMIT", f"SELECT ? AS of_{number}")
    )


def test_a_pool_of_threads_belongs_to_nobody(traced, songs):
    """What the pool's threads do later is not beneath the span in which the pool was opened."""
    with Work("opening"), contextlib.ExitStack() as stack:
        pool = stack.enter_context(psycopg_pool.ConnectionPool(songs, min_size=1, max_size=1))
        pool.wait()
        stack.pop_all()
    traced.clear()
    with pool.connection() as connection:
        connection.execute("SELECT 1")
        connection.close()
    pool.wait()
    with pool.connection() as connection:
        connection.execute("SELECT 2")
    pool.close()
    assert [(span["name"], span["parent_id"]) for span in traced.finished()] == [("SELECT", ""), ("SELECT", "")]


def test_a_wait_for_a_pool_is_a_span_where_it_takes_long(traced, songs, postgresql, database, monkeypatch):
    """Or fails; awaited, too."""
    monkeypatch.setattr(tracer, "clock", time.perf_counter_ns)

    async def awaited():
        pool = psycopg_pool.AsyncConnectionPool(songs, min_size=1, max_size=1, open=False)
        await pool.open()
        await pool.wait()
        async with pool.connection():
            with Work(), pytest.raises(psycopg_pool.PoolTimeout):
                await pool.getconn(timeout=0.01)
        await pool.close()

    with psycopg_pool.ConnectionPool(songs, min_size=1, max_size=1) as pool:
        pool.wait()
        with Work():
            held = pool.getconn()
            timer = threading.Timer(0.05, pool.putconn, (held,))
            timer.start()
            with pool.connection():
                timer.join()
    asyncio.run(awaited())
    waited, work, failed, _ = traced.wait(4)
    assert waited == {
        "name": "wait for connection",
        "kind": "INTERNAL",
        "scope": "psycopg_pool",
        "trace_id": work["trace_id"],
        "span_id": waited["span_id"],
        "parent_id": work["span_id"],
        "attributes": {
            "db.system.name": "postgresql",
            "db.namespace": database,
            "server.address": postgresql.host,
            "server.port": postgresql.port,
        },
        "status": "UNSET",
    }
    assert (failed["name"], failed["status"]) == ("wait for connection", "ERROR")
    assert failed["attributes"]["error.type"] == "psycopg_pool.PoolTimeout"


def test_a_commit_that_fails_says_where(connection, traced):
    """A deferred constraint fails at the end; the program's line is told, and what is the driver's stands behind it."""
    connection.execute("CREATE TEMPORARY TABLE own (id INTEGER PRIMARY KEY)")
    connection.execute("CREATE TEMPORARY TABLE notes (song INTEGER REFERENCES own DEFERRABLE INITIALLY DEFERRED)")
    connection.commit()
    traced.clear()
    connection.execute("INSERT INTO notes VALUES (4711)")
    with Work(), pytest.raises(psycopg.errors.ForeignKeyViolation):
        connection.commit()
    _, commit, _ = traced.finished()
    assert (commit["name"], commit["status"]) == ("COMMIT", "ERROR")
    assert commit["attributes"]["db.response.status_code"] == "23503"
    assert "4711" not in repr(commit)
    own = [frame for frame in traced.spans[1].failure.frames if frame[0] == __file__]
    assert [function for _, _, function in own] == ["test_a_commit_that_fails_says_where"]
    assert traced.spans[1].failure.frames[0] == own[0]


@pytest.mark.skipif(not hasattr(psycopg, "Pipeline"), reason="pipelines came with psycopg 3.1")
def test_a_pipeline(connection, traced):
    """In a pipeline each statement is a span, as long as it is sent."""
    with connection.pipeline():
        first = connection.execute("SELECT 1")
        connection.execute("SELECT 2")
    assert first.fetchone() == (1,)
    assert names(traced) == ["SELECT", "SELECT"]


def test_wrong_calls_fail_as_without_us(connection, traced):
    """What is no query makes no span, and the error is the library's."""
    for wrong in ((), (1,)):
        with pytest.raises((TypeError, AttributeError)):
            connection.cursor().execute(*wrong)
    assert names(traced) == []
    connection.close()
    with pytest.raises(psycopg.OperationalError, match="closed"):
        connection.execute("SELECT 1")
    assert names(traced) == []


@pytest.mark.skipif(sqlalchemy.__version__ < "2", reason="SQLAlchemy 2.0 brought its dialect for psycopg")
def test_beneath_sqlalchemy_a_query_is_one_span(recorder, instrument, postgresql, songs, database):
    """Also awaited: the upper library tells what it sends, the driver what that does not tell."""
    instrument("sqlalchemy", "psycopg")
    url = f"postgresql+psycopg://{postgresql.user}@{postgresql.host}:{postgresql.port}/{database}"

    async def awaited():
        engine = create_async_engine(url)
        async with engine.begin() as connection:
            assert (await connection.execute(sqlalchemy.text("SELECT count(*) FROM songs"))).scalar() == 1
        await engine.dispose()

    with Work():
        engine = sqlalchemy.create_engine(url)
        with engine.begin() as connection:
            assert connection.execute(sqlalchemy.text("SELECT count(*) FROM songs")).scalar() == 1
        engine.dispose()
        asyncio.run(awaited())
    spans = recorder.finished()
    connects = {span["span_id"] for span in spans if span["name"] == "connect"}
    told = [(span["scope"], span["name"]) for span in spans if span["parent_id"] not in connects]
    one = [("sqlalchemy", "connect"), ("sqlalchemy", "SELECT songs"), ("psycopg", "COMMIT")]
    assert told == [*one, *one, ("test", "work")]
