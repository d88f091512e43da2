"""asyncpg: the contract of database clients; prepared statements, cursors, copies, transactions and pools."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import io
import itertools
import pickle
import sys
import time
import uuid

import asyncpg
import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

from autotrace.testing import frames
from autotrace.testing.contracts.db_client import Work
from autotrace.trace.context import get_current
from autotrace.trace.tracer import tracer
from contracts.postgresql import PostgresContract, database, songs
from services.ports import free_port

__all__ = ["database", "songs"]

MANY = hasattr(asyncpg.Connection, "fetchmany")


def numbered(sql):
    """Return a statement with the library's own marks of parameters."""
    numbers = itertools.count(1)
    return "".join(f"${next(numbers)}" if part == "%s" else part for part in sql.replace("%s", "\0%s\0").split("\0"))


class Database:
    """An open connection and its loop."""

    def __init__(self, opening):
        self.loop = asyncio.new_event_loop()
        self.connection = self.wait(opening)

    def wait(self, coroutine):
        return self.loop.run_until_complete(coroutine)


class TestAsyncpg(PostgresContract):
    """The contract, through a connection's own methods."""

    instrumentors = ("asyncpg",)
    scope = "asyncpg"
    error = asyncpg.UndefinedColumnError
    error_name = "asyncpg.exceptions.UndefinedColumnError"
    lock_error = asyncpg.LockNotAvailableError

    def connect(self, **options):
        return asyncpg.connect(
            host=self.where.host,
            port=self.where.port,
            user=self.where.user,
            database=self.name,
            server_settings={"lock_timeout": "100"},
            **options,
        )

    @pytest.fixture
    def path(self, songs, postgresql, database):
        """The name of a database with a table of songs."""
        self.where, self.dsn, self.name = postgresql, songs, database
        return database

    def open(self, path):
        return Database(self.connect())

    def run(self, db, sql, parameters=()):
        return [tuple(row) for row in db.wait(db.connection.fetch(numbered(sql), *parameters))]

    def run_many(self, db, sql, rows):
        db.wait(db.connection.executemany(numbered(sql), rows))

    def close(self, db):
        db.wait(db.connection.close())
        db.loop.close()


class TestPrepared(TestAsyncpg):
    """The contract, through prepared statements."""

    def run(self, db, sql, parameters=()):
        async def run():
            statement = await db.connection.prepare(numbered(sql))
            return [tuple(row) for row in await statement.fetch(*parameters)]

        return db.wait(run())

    def run_many(self, db, sql, rows):
        async def run():
            await (await db.connection.prepare(numbered(sql))).executemany(rows)

        db.wait(run())


class TestPool(TestAsyncpg):
    """The contract, through a pool's connection, of a class of the program's own, whose method asks the library's."""

    def open(self, path):
        class Record(asyncpg.Record):
            pass

        class Connection(asyncpg.Connection):
            async def fetch(self, *args, **kwargs):
                return await super().fetch(*args, **kwargs)

        async def open_():
            pool = asyncpg.create_pool(
                host=self.where.host,
                port=self.where.port,
                user=self.where.user,
                database=self.name,
                server_settings={"lock_timeout": "100"},
                min_size=1,
                max_size=1,
                connection_class=Connection,
                record_class=Record,
            )
            await pool
            connection = await pool.acquire()
            row = await connection.fetchrow("SELECT 1")
            assert type(row) is Record
            assert isinstance(connection, asyncpg.Connection)
            return connection

        return Database(open_())

    def close(self, db):
        pool = db.connection._holder._pool
        db.wait(pool.release(db.connection))
        db.wait(pool.close())
        db.loop.close()


@pytest.fixture
def traced(recorder, instrument):
    """asyncpg, patched."""
    instrument("asyncpg")
    return recorder


@pytest.fixture
def where(postgresql, database, songs):
    """What to connect with."""
    return {"host": postgresql.host, "port": postgresql.port, "user": postgresql.user, "database": database}


def names(recorder):
    """Return the names of the spans."""
    return [span["name"] for span in recorder.finished()]


def told(recorder):
    """Return the statements of the spans."""
    return [span["attributes"].get("db.query.text") for span in recorder.finished()]


def connected(function, where, recorder):
    """Run a coroutine function with a connection; what opening it makes is forgotten."""

    async def main():
        connection = await asyncpg.connect(**where)
        recorder.clear()
        try:
            await function(connection)
        finally:
            await connection.close()

    asyncio.run(main())


def test_functions_look_as_before(traced):
    """What is patched pickles, and is a coroutine function where it was one."""
    for function in (asyncpg.Connection.execute, asyncpg.connect, asyncpg.pool.Pool._acquire):
        assert pickle.loads(pickle.dumps(function)) is not None
        assert inspect.iscoroutinefunction(function)
    assert asyncpg.Connection.execute.__qualname__ == "Connection.execute"
    for guarded in (asyncpg.prepared_stmt.PreparedStatement.executemany, asyncpg.transaction.Transaction.start):
        assert not inspect.iscoroutinefunction(guarded)


def test_every_way_to_ask_is_one_span(traced, where):
    """With and without arguments, prepared or not, one row, one value or many."""

    async def ask(connection):
        assert await connection.execute("SELECT 1; SELECT 2") == "SELECT 1"
        assert await connection.execute("SELECT $1::int", 1) == "SELECT 1"
        assert await connection.fetchval("SELECT title FROM songs") == "One"
        assert tuple(await connection.fetchrow("SELECT id FROM songs")) == (1,)
        assert await connection.fetch(query="SELECT id FROM songs WHERE id = 7") == []
        statement = await connection.prepare("SELECT $1::int + 1")
        assert [await statement.fetchval(1), (await statement.fetchrow(2))[0], (await statement.fetch(3))[0][0]] == [
            2,
            3,
            4,
        ]
        await connection.executemany("INSERT INTO songs VALUES ($1, $2)", [(2, "b"), (3, "c")])
        insert = await connection.prepare("INSERT INTO songs VALUES ($1, $2) RETURNING id")
        await insert.executemany(args=[(4, "d"), (5, "e"), (6, "f")])
        if MANY:
            assert [tuple(row) for row in await insert.fetchmany([(7, "g"), (8, "h")])] == [(7,), (8,)]
            assert len(await connection.fetchmany("SELECT $1::int", [(1,), (2,)])) == 2

    connected(ask, where, traced)
    sizes = [span["attributes"].get("db.operation.batch.size") for span in traced.finished()]
    assert names(traced) == [
        "SELECT SELECT",
        "SELECT",
        *["SELECT songs"] * 3,
        *["SELECT"] * 3,
        *["BATCH INSERT songs"] * 2,
        *(["BATCH INSERT songs", "BATCH SELECT"] if MANY else []),
    ]
    assert sizes == [*[None] * 8, 2, 3, *([2, 2] if MANY else [])]


def test_rows_of_a_batch_may_come_from_an_iterator(traced, where):
    """What has no length keeps all its rows for the database; asynchronous ones too."""

    async def ask(connection):
        await connection.executemany("INSERT INTO songs VALUES ($1, $2)", ((number, "x") for number in range(5, 8)))
        assert await connection.fetchval("SELECT count(*) FROM songs") == 4

    connected(ask, where, traced)
    assert "db.operation.batch.size" not in traced.wait(2)[0]["attributes"]


def test_a_cursor_is_one_span(traced, where):
    """Not one for each row or each portion, also of a prepared statement, and where the program fetches."""

    async def ask(connection):
        with Work():
            async with connection.transaction():
                rows = [row[0] async for row in connection.cursor("SELECT * FROM generate_series(1, 120)", prefetch=7)]
                assert rows == list(range(1, 121))
                cursor = await connection.cursor("SELECT * FROM generate_series(1, $1::int)", 9)
                assert len(await cursor.fetch(2)) == 2
                assert await cursor.forward(2) == 2
                assert tuple(await cursor.fetchrow()) == (5,)
                statement = await connection.prepare("SELECT id FROM songs")
                assert [tuple(row) async for row in statement.cursor()] == [(1,)]

    connected(ask, where, traced)
    assert told(traced) == [
        "BEGIN;",
        "SELECT * FROM generate_series(?, ?)",
        "SELECT * FROM generate_series(?, $1::int)",
        "SELECT id FROM songs",
        "COMMIT;",
        None,
    ]


def test_what_fails_later_is_told(traced, where):
    """A statement that cannot be prepared, and a portion that fails, which have no span where they go well."""

    async def ask(connection):
        for _ in range(2):
            with pytest.raises(asyncpg.UndefinedTableError) as caught:
                await connection.prepare("SELECT 'hunter2' FROM missing")
        if sys.version_info >= (3, 11):
            assert not frames.ours(caught.value)
        with pytest.raises(asyncpg.UndefinedTableError):
            async with connection.transaction():
                [row async for row in connection.cursor("SELECT * FROM missing")]
        async with connection.transaction():
            cursor = await connection.cursor("SELECT 1 / (5 - n) FROM generate_series(1, 9) n")
            await cursor.fetch(2)
            with pytest.raises(asyncpg.DivisionByZeroError):
                await cursor.fetch(5)

    connected(ask, where, traced)
    found = [
        (span["name"], span["status"], span["attributes"].get("db.response.status_code")) for span in traced.wait(5)
    ]
    assert found == [
        ("SELECT missing", "ERROR", "42P01"),
        ("SELECT missing", "ERROR", "42P01"),
        ("SELECT missing", "ERROR", "42P01"),
        ("SELECT generate_series", "UNSET", None),
        ("SELECT generate_series", "ERROR", "22012"),
    ]
    assert "hunter2" not in repr(traced.finished())


def test_arguments_that_are_refused_are_not_told(traced, where):
    """The library quotes them in its message, with or without quotes, and so do those that it asks."""

    async def ask(connection):
        for kind, value in (("int", "hunter2"), ("int", 4711**9), ("uuid", "hunter2"), ("date", "hunter2")):
            with pytest.raises(asyncpg.DataError):
                await connection.fetch(f"SELECT $1::{kind}", value)
        with pytest.raises(asyncpg.DataError):
            await connection.executemany("INSERT INTO songs VALUES ($1, $2)", [(2, "x"), (4711**9, "y")])

    connected(ask, where, traced)
    spans = traced.wait(5)
    for span in traced.spans:
        failure = span.failure
        while failure is not None:
            assert "hunter2" not in failure.message
            assert "4711" not in failure.message
            assert str(4711**9) not in failure.message
            failure = failure.cause
    assert spans[1]["message"] == "invalid input for query argument $1: ?"


def test_transactions_are_told_beneath_what_is_current(traced, where):
    """Their beginnings and ends are statements of the library's, and by themselves nobody's trace."""

    async def ask(connection):
        async def work():
            async with connection.transaction():
                async with connection.transaction():
                    await connection.execute("SELECT 1")
                with contextlib.suppress(asyncpg.UniqueViolationError):
                    async with connection.transaction():
                        await connection.execute("INSERT INTO songs VALUES (1, 'One')")
            transaction = connection.transaction(isolation="serializable")
            await transaction.start()
            await transaction.rollback()

        await work()
        with Work() as span:
            await work()
            assert get_current() is span
        assert get_current() is None
        await connection.execute("BEGIN")
        await connection.execute("COMMIT")

    connected(ask, where, traced)
    assert [name.partition(" ")[0] for name in names(traced)] == [
        "SELECT",
        "INSERT",
        "BEGIN",
        "SAVEPOINT",
        "SELECT",
        "RELEASE",
        "SAVEPOINT",
        "INSERT",
        "ROLLBACK",
        "COMMIT",
        "BEGIN",
        "ROLLBACK",
        "work",
        "BEGIN",
        "COMMIT",
    ]


def test_copies(traced, where, postgresql):
    """Each is one span, beneath which is what the program asks meanwhile; what the library asks for it is not told."""

    async def ask(connection):
        other = await asyncpg.connect(**where)
        traced.clear()

        async def source():
            await other.fetch("SELECT 'other'")
            yield b"4\tFour\n"

        target = io.BytesIO()
        with Work():
            await connection.copy_to_table("songs", source=io.BytesIO(b"2\tTwo\n"))
            await connection.copy_records_to_table("songs", records=[(3, "Three")], schema_name="public")
            await connection.copy_to_table("songs", source=source(), columns=["id", "title"])
            await connection.copy_from_table("songs", output=target)
            await connection.copy_from_query("SELECT id FROM songs WHERE title = $1", "hunter2", output=target)
        assert target.getvalue().count(b"\n") == 4
        with pytest.raises(asyncpg.UndefinedTableError):
            await connection.copy_from_query("SELECT * FROM missing WHERE id = 5", output=target)
        await other.close()

    connected(ask, where, traced)
    *copies, work, failed = traced.finished()
    assert [(span["name"], span["attributes"]["db.query.text"]) for span in copies] == [
        ("COPY songs", 'COPY "songs" FROM STDIN'),
        ("COPY public.songs", 'COPY "public"."songs" FROM STDIN'),
        ("SELECT", "SELECT ?"),
        ("COPY songs", 'COPY "songs" FROM STDIN'),
        ("COPY songs", 'COPY "songs" TO STDOUT'),
        ("COPY SELECT songs", "COPY (SELECT id FROM songs WHERE title = $1) TO STDOUT"),
    ]
    assert copies[2]["parent_id"] == copies[3]["span_id"]
    assert copies[0] == {
        "name": "COPY songs",
        "kind": "CLIENT",
        "scope": "asyncpg",
        "trace_id": work["trace_id"],
        "span_id": copies[0]["span_id"],
        "parent_id": work["span_id"],
        "attributes": {
            "db.system.name": "postgresql",
            "db.namespace": where["database"],
            "db.operation.name": "COPY",
            "db.query.text": 'COPY "songs" FROM STDIN',
            "db.query.summary": "COPY songs",
            "server.address": postgresql.host,
            "server.port": postgresql.port,
        },
        "status": "UNSET",
    }
    assert (failed["status"], failed["attributes"]["db.response.status_code"]) == ("ERROR", "42P01")


def test_what_the_library_asks_for_itself_has_no_span(traced, where):
    """Types, codecs, and the reset of a connection that goes back, with a transaction that was left open."""

    async def main():
        async def init(connection):
            await connection.set_type_codec("mood", encoder=str, decoder=str)

        plain = await asyncpg.connect(**where)
        await plain.execute("DROP TYPE IF EXISTS mood CASCADE; CREATE TYPE mood AS ENUM ('good', 'bad')")
        await plain.close()
        traced.clear()
        async with asyncpg.create_pool(**where, min_size=1, max_size=2, init=init) as pool:
            assert await pool.fetchval("SELECT 'good'::mood") == "good"
            async with pool.acquire() as connection:
                assert await connection.fetchval("SELECT ARRAY['bad'::mood]") == ["bad"]
                notified = asyncio.get_running_loop().create_future()

                def listener(*told):
                    notified.set_result((told[-1], get_current()))

                await connection.add_listener("news", listener)
                await connection.execute("NOTIFY news, 'hunter2'")
                assert await asyncio.wait_for(notified, 10) == ("hunter2", None)
                await connection.remove_listener("news", listener)
            connection = await pool.acquire()
            asyncio.get_running_loop().set_exception_handler(lambda *_: None)
            await connection.execute("BEGIN")
            await pool.release(connection)

    asyncio.run(main())
    assert [name.partition(" ")[0] for name in names(traced)] == [
        *("SELECT", "SELECT", "LISTEN", "NOTIFY", "UNLISTEN", "BEGIN")
    ]
    assert "hunter2" not in repr(traced.finished())


def test_a_connection_is_opened_beneath_what_is_current(traced, where, postgresql, database, monkeypatch):
    """By arguments, by an address, by the environment, through a socket, and where the first of several hosts is not there."""
    closed = free_port()

    async def main():
        await (await asyncpg.connect(**where)).close()
        with Work():
            await (await asyncpg.connect(**where)).close()
            url = f"postgresql://{postgresql.user}:hunter2@{postgresql.host}:{postgresql.port}/{database}"
            await (await asyncpg.connect(url)).close()
            several = {**where, "host": [postgresql.host] * 2, "port": [closed, postgresql.port]}
            await (await asyncpg.connect(**several)).close()
            for name, variable in (("host", "HOST"), ("port", "PORT"), ("user", "USER"), ("database", "DATABASE")):
                monkeypatch.setenv(f"PG{variable}", str(where[name]))
            await (await asyncpg.connect()).close()

    asyncio.run(main())
    *connects, work = traced.wait(5)
    for connect in connects:
        assert connect == {
            "name": "connect",
            "kind": "CLIENT",
            "scope": "asyncpg",
            "trace_id": work["trace_id"],
            "span_id": connect["span_id"],
            "parent_id": work["span_id"],
            "attributes": {
                "db.system.name": "postgresql",
                "db.namespace": database,
                "server.address": postgresql.host,
                "server.port": postgresql.port,
            },
            "status": "UNSET",
        }
    assert "hunter2" not in repr(traced.finished())


def test_a_socket_is_told_as_libpq_does(traced, where, postgresql, monkeypatch):
    """By its directory and port."""

    async def main():
        with Work():
            connection = await asyncpg.connect(**{**where, "host": directory})
            assert await connection.fetchval("SELECT 1") == 1
            await connection.close()

    async def ask(connection):
        nonlocal directory
        directory = await connection.fetchval("SHOW unix_socket_directories")

    directory = ""
    connected(ask, where, traced)
    traced.clear()
    asyncio.run(main())
    connect, select, _ = traced.wait(3)
    for span in (connect, select):
        assert span["attributes"]["server.address"] == directory
        assert span["attributes"]["server.port"] == postgresql.port


def test_a_connection_that_is_refused_has_failed(traced, postgresql):
    """The span tells where it was to be to, and nobody else; a wrong call is the library's to refuse."""
    port = free_port()

    async def main():
        with Work():
            with pytest.raises(OSError) as caught:
                await asyncpg.connect(f"postgresql://me:hunter2@{postgresql.host}:{port}/shop")
            with pytest.raises(TypeError):
                await asyncpg.connect(nonsense=1)
        return caught.value

    error = asyncio.run(main())
    failed, wrong, _ = traced.wait(3)
    assert (failed["status"], wrong["status"]) == ("ERROR", "ERROR")
    assert failed["attributes"] == {
        "db.system.name": "postgresql",
        "db.namespace": "shop",
        "server.address": postgresql.host,
        "server.port": port,
        "error.type": type(error).__name__,
    }
    assert "hunter2" not in repr(failed)
    if sys.version_info >= (3, 11):
        assert not frames.ours(error)


def test_time_outs_and_cancellation(traced, where):
    """A time-out is a failure, a cancelled task ended its statement from outside; the connection goes on."""

    async def ask(connection):
        with pytest.raises(asyncio.TimeoutError):
            await connection.fetch("SELECT pg_sleep(10)", timeout=0.05)
        with Work():
            task = asyncio.ensure_future(connection.execute("SELECT pg_sleep(10)"))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert await connection.fetchval("SELECT 1") == 1
        both = connection.fetch("SELECT pg_sleep(0.1)"), connection.fetch("SELECT 2")
        _, error = await asyncio.gather(*both, return_exceptions=True)
        assert isinstance(error, asyncpg.InterfaceError)

    connected(ask, where, traced)
    found = sorted((span["attributes"].get("db.query.text", ""), span["status"]) for span in traced.finished())
    assert found == [
        ("", "UNSET"),
        ("SELECT ?", "ERROR"),
        ("SELECT ?", "UNSET"),
        ("SELECT pg_sleep(?)", "ERROR"),
        ("SELECT pg_sleep(?)", "UNSET"),
        ("SELECT pg_sleep(?)", "UNSET"),
    ]


def test_waiting_for_a_pool_is_a_span_where_it_takes_long(traced, where, postgresql, monkeypatch):
    """Or fails; a connection that is opened meanwhile tells where the time went."""
    monkeypatch.setattr(tracer, "clock", time.perf_counter_ns)

    async def hold(pool, seconds):
        async with pool.acquire():
            await asyncio.sleep(seconds)

    async def main():
        async with asyncpg.create_pool(**where, min_size=0, max_size=1) as pool:
            with Work():
                await pool.fetchval("SELECT 1")
                await pool.fetchval("SELECT 2")
                holding = asyncio.ensure_future(hold(pool, 0.05))
                await asyncio.sleep(0.01)
                await pool.fetchval("SELECT 3")
                await holding
                async with pool.acquire():
                    with pytest.raises(asyncio.TimeoutError):
                        await pool.acquire(timeout=0.01)

    asyncio.run(main())
    assert names(traced) == [
        "connect",
        "SELECT",
        "SELECT",
        "wait for connection",
        "SELECT",
        "wait for connection",
        "work",
    ]
    waited, failed = (span for span in traced.finished() if span["name"] == "wait for connection")
    work = traced.finished()[-1]
    assert waited == {
        "name": "wait for connection",
        "kind": "INTERNAL",
        "scope": "asyncpg",
        "trace_id": work["trace_id"],
        "span_id": waited["span_id"],
        "parent_id": work["span_id"],
        "attributes": {
            "db.system.name": "postgresql",
            "db.namespace": where["database"],
            "server.address": postgresql.host,
            "server.port": postgresql.port,
        },
        "status": "UNSET",
    }
    assert (failed["status"], failed["attributes"]["error.type"].rpartition(".")[2]) == ("ERROR", "TimeoutError")
    (record,) = (span for span in traced.spans if span.span_id == waited["span_id"])
    assert record.end - record.start >= 10_000_000


def test_tasks_have_their_own_parents(traced, where):
    """Queries of tasks on connections of a pool are beneath their own task's span."""

    async def request(pool, number):
        with Work(f"request {number}") as span:
            async with pool.acquire() as connection:
                await connection.fetch(f"SELECT 1 AS of_{number}")
            assert get_current() is span

    async def main():
        async with asyncpg.create_pool(**where, min_size=2, max_size=2) as pool:
            traced.clear()
            await asyncio.gather(*(request(pool, number) for number in range(4)))

    asyncio.run(main())
    spans = traced.finished()
    parents = {span["span_id"]: span["name"] for span in spans}
    found = [
        (span["attributes"]["db.query.text"], parents[span["parent_id"]]) for span in spans if span["name"] == "SELECT"
    ]
    assert sorted(found) == [(f"SELECT ? AS of_{number}", f"request {number}") for number in range(4)]


def test_a_commit_that_fails(traced, where):
    """A deferred constraint fails at the end, and the end is where it is told."""

    async def ask(connection):
        await connection.execute(
            "DROP TABLE IF EXISTS notes; CREATE TABLE notes (song INTEGER REFERENCES songs DEFERRABLE INITIALLY DEFERRED)"
        )
        traced.clear()
        with Work(), contextlib.suppress(asyncpg.ForeignKeyViolationError):
            async with connection.transaction():
                await connection.execute("INSERT INTO notes VALUES ($1)", 4711)
        await connection.execute("DROP TABLE notes")

    connected(ask, where, traced)
    begin, insert, commit, _, _ = traced.finished()
    assert [span["status"] for span in (begin, insert, commit)] == ["UNSET", "UNSET", "ERROR"]
    assert commit["attributes"]["db.response.status_code"] == "23503"
    assert commit["name"] == "COMMIT"
    assert "4711" not in repr(commit)
    own = [function for file, _, function in traced.spans[2].failure.frames if file == __file__]
    assert own == (["ask"] if sys.version_info >= (3, 10) else [])


def test_beneath_sqlalchemy_a_statement_is_one_span(recorder, instrument, where):
    """The upper library tells what it sends, the driver what that does not tell; streamed rows too."""
    instrument("sqlalchemy", "asyncpg")
    url = "postgresql+asyncpg://{user}@{host}:{port}/{database}".format(**where)

    async def main():
        engine = create_async_engine(url, pool_pre_ping=True)
        with Work():
            for _ in range(2):
                async with engine.begin() as connection:
                    assert (await connection.execute(sqlalchemy.text("SELECT count(*) FROM songs"))).scalar() == 1
            async with engine.connect() as connection:
                rows = await connection.stream(sqlalchemy.text("SELECT n FROM generate_series(1, 300) n"))
                assert len([row async for row in rows]) == 300
                insert = sqlalchemy.text("INSERT INTO songs VALUES (:id, :title)")
                await connection.execute(insert, [{"id": 2, "title": "b"}, {"id": 3, "title": "c"}])
                with pytest.raises(sqlalchemy.exc.IntegrityError):
                    await connection.execute(insert, {"id": 1, "title": "hunter2"})
        await engine.dispose()

    asyncio.run(main())
    spans = recorder.finished()
    connects = {span["span_id"] for span in spans if span["name"] == "connect"}
    found = [(span["scope"], span["name"]) for span in spans if span["parent_id"] not in connects]
    assert found == [
        ("sqlalchemy", "connect"),
        ("sqlalchemy", "SELECT songs"),
        ("asyncpg", "COMMIT"),
        ("sqlalchemy", "SELECT songs"),
        ("asyncpg", "COMMIT"),
        ("sqlalchemy", "SELECT generate_series"),
        ("sqlalchemy", "BATCH INSERT songs"),
        ("sqlalchemy", "INSERT songs"),
        ("asyncpg", "ROLLBACK"),
        ("test", "work"),
    ]
    failed = spans[-3]
    assert failed["attributes"]["db.response.status_code"] == "23505"
    assert "hunter2" not in repr(spans)


def test_wrong_calls_fail_as_without_us(traced, where):
    """And when they did: what is guarded refuses at the call, not when it is awaited."""

    async def ask(connection):
        with pytest.raises(TypeError):
            await connection.execute()
        statement = await connection.prepare("SELECT 1")
        await connection.close()
        with pytest.raises(asyncpg.InterfaceError, match="closed"):
            statement.executemany([])
        with pytest.raises(asyncpg.InterfaceError, match="closed"):
            connection.transaction()
        with pytest.raises(asyncpg.InterfaceError, match="closed"):
            await connection.execute(f"SELECT '{uuid.uuid4()}'")

    connected(ask, where, traced)
    assert [(span["name"], span["status"]) for span in traced.finished()] == [("SELECT", "ERROR")]
