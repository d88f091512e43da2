"""asyncmy: the contract of database clients, and what programs do with its connections, cursors and pools."""

from __future__ import annotations

import asyncio
import sys

import asyncmy
import pytest
import sqlalchemy
from asyncmy import cursors
from sqlalchemy.ext.asyncio import create_async_engine

from autotrace.testing.contracts.db_client import Work
from contracts.mariadb import MariaContract, ask, database, songs, url, where
from services.ports import free_port

__all__ = ["database", "songs", "url", "where"]


class Database:
    """An open connection and its loop."""

    def __init__(self, opening):
        self.loop = asyncio.new_event_loop()
        self.connection = self.wait(opening)

    def wait(self, opening):
        return self.loop.run_until_complete(opening())

    def close(self):
        self.loop.run_until_complete(self.connection.ensure_closed())
        self.loop.close()


class TestAsyncmy(MariaContract):
    """The contract, through the library's own cursors."""

    instrumentors = ("asyncmy",)
    scope = "asyncmy"
    error = asyncmy.errors.OperationalError
    errors = asyncmy.errors.MySQLError
    error_name = "asyncmy.errors.OperationalError"
    functions = 2
    kind = cursors.Cursor
    test_a_load_of_a_file_is_told_without_its_name = None  # what the server asks for then the library takes for bytes

    def open(self, path):
        given = {"user": self.arguments["user"], "host": self.arguments["host"], "port": self.arguments["port"]}
        return Database(
            lambda: asyncmy.connect(
                **given,
                db=path,
                autocommit=True,
                local_infile=True,
                cursor_cls=self.kind,
                init_command="SET lock_wait_timeout = 0",
            )
        )

    def run(self, db, sql, parameters=()):
        async def run():
            async with db.connection.cursor() as cursor:
                await cursor.execute(sql, parameters or None)
                return [tuple(row) for row in await cursor.fetchall()] if cursor.description else []

        return db.wait(run)

    def run_many(self, db, sql, rows):
        async def run():
            async with db.connection.cursor() as cursor:
                await cursor.executemany(sql, rows)

        db.wait(run)

    def call(self, db, name, arguments):
        async def run():
            async with db.connection.cursor() as cursor:
                await cursor.callproc(name, arguments)

        db.wait(run)

    def close(self, db):
        db.close()


class ShoutingCursor(cursors.SSCursor):
    """A cursor as programs write them, whose rows are read while they are fetched."""

    async def execute(self, query, args=None):
        self.shouted = query.upper() if isinstance(query, str) else query
        return await super().execute(query, args)


class TestCursorOfThePrograms(TestAsyncmy):
    """The contract, with a class of the program's."""

    kind = ShoutingCursor


@pytest.fixture
def traced(recorder, instrument):
    """asyncmy, patched."""
    instrument("asyncmy")
    return recorder


@pytest.fixture
def given(songs):
    """How a connection is made."""
    return {"db" if name == "database" else name: value for name, value in songs.items()}


def names(recorder):
    """Return the names of the spans."""
    return [span["name"] for span in recorder.finished()]


def test_connections_and_cursors_are_the_librarys(traced, given):
    """No proxies: types and functions are what they are without us."""

    async def run():
        async with asyncmy.connect(**given) as connection, connection.cursor() as cursor:
            assert type(connection) is asyncmy.Connection
            assert isinstance(cursor, cursors.Cursor)
            assert cursor.__class__ is cursors.Cursor
            assert (type(cursor).__name__, type(cursor).__module__) == ("Cursor", "asyncmy.cursors")
            assert cursor.mogrify("SELECT %s", ("x",)) == "SELECT 'x'"

    asyncio.run(run())
    assert names(traced) == []


def test_what_a_pool_does(traced, given, where):
    """Its first connections, and those that it opens for a request, beneath what is current; nothing else."""

    async def run():
        pool = await asyncmy.create_pool(**given, minsize=1, maxsize=2, init_command="SET lock_wait_timeout = 1")
        with Work():
            async with pool.acquire() as first, pool.acquire() as second:
                await first.begin()
                async with first.cursor(cursors.DictCursor) as cursor:
                    await cursor.execute("SELECT title FROM songs WHERE id = %s", (1,))
                    assert await cursor.fetchall() == [{"title": "One"}]
                await first.commit()
                await first.rollback()
                await asyncio.gather(*(ask_by(one) for one in (first, second)))
        pool.close()
        await pool.wait_closed()

    async def ask_by(connection):
        async with connection.cursor() as cursor:
            await cursor.execute("SELECT SLEEP(0.01)")

    asyncio.run(run())
    spans = traced.finished()
    assert names(traced) == ["connect", "BEGIN", "SELECT songs", "COMMIT", "SELECT", "SELECT", "work"]
    assert {span["parent_id"] for span in spans[:-1]} == {spans[-1]["span_id"]}
    assert spans[0]["attributes"] == where
    assert spans[2]["attributes"] == {
        **where,
        "db.operation.name": "SELECT",
        "db.collection.name": "songs",
        "db.query.text": "SELECT title FROM songs WHERE id = %s",
        "db.query.summary": "SELECT songs",
    }


def test_a_connection_that_is_refused_has_failed(traced, mariadb):
    """The span tells where it was to be to, and nobody else; the number is the client's."""
    port = free_port()

    async def run():
        with Work(), pytest.raises(asyncmy.errors.OperationalError):
            await asyncmy.connect(host=mariadb.host, port=port, user="me", password="hunter2", db="shop")

    asyncio.run(run())
    connect, _ = traced.wait(2)
    assert connect["attributes"] == {
        "db.system.name": "mysql",
        "db.namespace": "shop",
        "db.response.status_code": "2003",
        "server.address": mariadb.host,
        "server.port": port,
        "error.type": "asyncmy.errors.OperationalError",
    }
    assert "hunter2" not in repr(connect)


def test_batches_and_statements_of_the_connection(traced, given):
    """A batch is one span in however many statements; what a program sends by the connection is one."""

    async def run():
        async with asyncmy.connect(**given) as connection, connection.cursor() as cursor:
            await cursor.executemany("INSERT INTO songs VALUES (%s, %s)", [(2, "b"), (3, "c")])
            await cursor.executemany("UPDATE songs SET title = %s WHERE id = %s", [("x", 2), ("y", 3)])
            await connection.query("SELECT 'hunter2'")
            await cursor.execute("SELECT 1; SELECT 2")

    asyncio.run(run())
    assert names(traced) == ["BATCH INSERT songs", "BATCH UPDATE songs", "SELECT", "SELECT SELECT"]
    assert "hunter2" not in repr(traced.finished())


@pytest.mark.skipif(not hasattr(asyncmy.Connection, "prepare"), reason="older versions prepare nothing")
def test_statements_that_are_prepared(traced, given):
    """One span for each time they are executed, whoever has prepared them."""

    async def run():
        async with asyncmy.connect(**given, stmt_cache_size=4) as connection, connection.cursor() as cursor:
            for number in (1, 2):
                await cursor.execute("SELECT title FROM songs WHERE id = %s", (number,))
            statement = await connection.prepare("SELECT title, 'hunter2' FROM songs WHERE id = ?")
            for number in (1, 2):
                await statement.execute((number,))
            await statement.close()

    asyncio.run(run())
    texts = [span["attributes"]["db.query.text"] for span in traced.finished()]
    assert texts == ["SELECT title FROM songs WHERE id = %s"] * 2 + ["SELECT title, ? FROM songs WHERE id = ?"] * 2


@pytest.mark.skipif(not hasattr(asyncmy.Connection, "_refresh_password"), reason="older versions ask for none")
def test_what_a_program_does_to_find_a_password_is_its_own(traced, given):
    """Its spans are beneath that of connecting, which is otherwise quiet."""

    async def password():
        with Work("password"):
            return ""

    async def run():
        with Work():
            async with asyncmy.connect(**given, password_creator=password, init_command="SELECT 1"):
                pass

    asyncio.run(run())
    inner, connect, _ = traced.wait(3)
    assert (inner["name"], connect["name"], inner["parent_id"]) == ("password", "connect", connect["span_id"])


@pytest.mark.skipif(not hasattr(asyncmy.Connection, "prepare"), reason="older versions cannot be connected anew")
def test_a_connection_that_was_lost(traced, given, mariadb):
    """A statement fails with the client's number; what reconnects is a span beneath what is current."""

    async def run():
        connection = await asyncmy.connect(**given)
        ask(mariadb, f"KILL {connection.thread_id()}")
        async with connection.cursor() as cursor:
            with pytest.raises(asyncmy.errors.OperationalError):
                await cursor.execute("SELECT title FROM songs")
        traced.wait(1)
        connection.close()
        with Work():
            await connection.connect()
            async with connection.cursor() as cursor:
                await cursor.execute("SELECT title FROM songs")
        connection.close()

    asyncio.run(run())
    lost = traced.finished()[0]
    assert lost["attributes"]["db.response.status_code"] in {"1927", "2006", "2013"}
    assert names(traced) == ["SELECT songs", "connect", "SELECT songs", "work"]


def test_a_query_that_is_cancelled_has_not_failed(traced, given):
    """As by a time-out of the program's: it was ended from outside, and says no more than it knows."""

    async def run():
        connection = await asyncmy.connect(**given)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(connection.cursor().execute("SELECT SLEEP(5)"), 0.05)
        connection.close()

    asyncio.run(run())
    [span] = traced.wait(1)
    assert (span["name"], span["status"]) == ("SELECT", "UNSET")
    assert "error.type" not in span["attributes"]


@pytest.mark.skipif(sys.version_info < (3, 10), reason="SQLAlchemy wants asyncmy 0.1 or newer")
def test_beneath_sqlalchemy_a_statement_is_one_span(recorder, instrument, url, where):
    """The upper library tells what it sends, the driver what that does not tell: the ends of transactions."""
    instrument("sqlalchemy", "asyncmy", "pymysql")
    insert = sqlalchemy.text("INSERT INTO songs VALUES (:id, :title)")

    async def run():
        engine = create_async_engine(url("mysql+asyncmy"))
        with Work():
            async with engine.begin() as connection:
                await connection.execute(insert, [{"id": number, "title": f"x{number}"} for number in (2, 3)])
                assert (await connection.execute(sqlalchemy.text("SELECT count(*) FROM songs"))).scalar() == 3
        await engine.dispose()

    asyncio.run(run())
    spans = recorder.finished()
    told = [(span["scope"], span["name"]) for span in spans]
    assert told[told.index(("sqlalchemy", "connect")) + 1 :] == [
        ("sqlalchemy", "BATCH INSERT songs"),
        ("sqlalchemy", "SELECT songs"),
        ("asyncmy", "COMMIT"),
        ("test", "work"),
    ]
    assert {name: spans[-3]["attributes"][name] for name in where} == where
    assert {name: spans[-2]["attributes"][name] for name in where} == where
