"""aiosqlite: the queries of a connection's thread have the parents of whoever sent them."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading

import aiosqlite
import pytest

from autotrace.testing.contracts.db_client import DbClientContract, Work
from autotrace.trace.context import get_current


class Database:
    """An open connection and its loop."""

    def __init__(self, path):
        self.loop = asyncio.new_event_loop()
        self.connection = self.wait(self._open(path))

    async def _open(self, path):
        return await aiosqlite.connect(path, timeout=0.1)

    def wait(self, coroutine):
        return self.loop.run_until_complete(coroutine)


class TestAiosqlite(DbClientContract):
    """The contract of database clients; the spans are the driver's."""

    instrumentors = ("threads", "futures", "aiosqlite", "sqlite3")
    scope = "sqlite3"

    def open(self, path):
        return Database(path)

    def run(self, db, sql, parameters=()):
        return db.wait(self._run(db.connection, sql, parameters))

    async def _run(self, connection, sql, parameters):
        async with connection.execute(sql, parameters) as cursor:
            rows = [tuple(row) for row in await cursor.fetchall()]
        await connection.commit()
        return rows

    def run_many(self, db, sql, rows):
        db.wait(self._run_many(db.connection, sql, rows))

    async def _run_many(self, connection, sql, rows):
        await connection.executemany(sql, rows)
        await connection.commit()

    def close(self, db):
        db.wait(db.connection.close())
        db.loop.close()


def test_the_thread_inherits_nothing(recorder, instrument):
    """A connection that is opened in one request and used in another, or in none, has each query where it belongs."""
    instrument("threads", "aiosqlite", "sqlite3")

    async def main():
        with Work("first"):
            connection = await aiosqlite.connect(":memory:")
            await connection.execute("SELECT 1")
        with Work("second"):
            await connection.execute("SELECT 2")
        await connection.execute("SELECT 3")
        inherited = []
        await connection.create_function("seen", 0, lambda: inherited.append(get_current()) or 0)
        await connection.execute("SELECT seen()")
        await connection.close()
        assert [span.facts[1] for span in inherited] == ["SELECT seen()"]

    asyncio.run(main())
    one, first, two, second, three, seen = recorder.wait(6)
    assert (one["parent_id"], two["parent_id"]) == (first["span_id"], second["span_id"])
    assert three["parent_id"] == seen["parent_id"] == ""


def test_tasks_sharing_a_connection_have_their_own_parents(recorder, instrument):
    """One thread serves many tasks; each query is its own task's."""
    instrument("threads", "aiosqlite", "sqlite3")
    parents = {}

    async def request(connection, number):
        with Work(f"request {number}") as span:
            parents[number] = span.span_id
            for _ in range(4):
                await connection.execute_fetchall(f"SELECT 1 AS of_{number}")

    async def main():
        async with aiosqlite.connect(":memory:") as connection:
            await asyncio.gather(*(request(connection, number) for number in range(4)))

    asyncio.run(main())
    for number in range(4):
        texts = [span for span in recorder.finished() if span["name"] == "SELECT" and f"of_{number}" in str(span)]
        assert [span["parent_id"] for span in texts] == [parents[number]] * 4


def test_a_cancelled_wait_leaves_no_span_behind(recorder, instrument):
    """A query whose task is cancelled ends when the database is done, in its own thread."""
    instrument("threads", "aiosqlite", "sqlite3")
    started, go_on = threading.Event(), threading.Event()

    def slow():
        started.set()
        go_on.wait(10)
        return 1

    async def main():
        async with aiosqlite.connect(":memory:") as connection:
            await connection.create_function("slow", 0, slow)
            with Work("request"):
                task = asyncio.ensure_future(connection.execute_fetchall("SELECT slow()"))
                await asyncio.get_running_loop().run_in_executor(None, started.wait, 10)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                go_on.set()
            await connection.execute("SELECT 2")

    asyncio.run(main())
    spans = {span["attributes"].get("db.query.text", span["name"]): span for span in recorder.wait(3)}
    assert spans["SELECT slow()"]["parent_id"] == spans["request"]["span_id"]
    assert spans["SELECT ?"]["parent_id"] == ""


def test_the_librarys_log_reads_as_without_us(recorder, instrument, caplog):
    """What the library logs of its functions shows the functions, not us."""
    instrument("threads", "aiosqlite", "sqlite3")

    async def main():
        async with aiosqlite.connect(":memory:") as connection:
            await connection.execute("SELECT 1")

    with caplog.at_level(logging.DEBUG, logger="aiosqlite"):
        asyncio.run(main())
    assert "SELECT 1" in caplog.text
    assert "Carried" not in caplog.text
    assert "autotrace.families" not in caplog.text


def test_names_of_threads_are_the_librarys(recorder, instrument):
    """The connection's thread is called and counted as without us."""
    before = {type(thread) for thread in threading.enumerate()}
    instrument("threads", "aiosqlite", "sqlite3")

    async def main():
        with Work():
            async with aiosqlite.connect(":memory:"):
                return {type(thread) for thread in threading.enumerate()} - before

    assert asyncio.run(main()) <= {aiosqlite.Connection, threading.Thread}
    assert sys.version_info < (3, 13) or len(recorder.finished()) == 1
