"""MySQL Connector/Python, awaited: the contract of database clients, and transactions."""

from __future__ import annotations

import asyncio

import mysql.connector.aio
import pytest
from mysql.connector import errors as raised

from autotrace.testing.contracts.db_client import Work
from contracts.mariadb import MariaContract, database, songs, where

__all__ = ["database", "songs", "where"]
# what it asks for by itself no MariaDB has
COLLATION = {"charset": "utf8mb4", "collation": "utf8mb4_general_ci", "ssl_disabled": True}


class Database:
    """An open connection and its loop."""

    def __init__(self, opening):
        self.loop = asyncio.new_event_loop()
        self.connection = self.wait(opening)

    def wait(self, opening):
        return self.loop.run_until_complete(opening())


class TestAwaited(MariaContract):
    """The contract, awaited."""

    instrumentors = ("mysql_connector", "mysql_connector_aio")
    scope = "mysql_connector_aio"
    error = raised.ProgrammingError
    errors = raised.Error
    error_name = "mysql.connector.errors.ProgrammingError"
    lock_error = raised.Error

    def open(self, path):
        given = {**self.arguments, **COLLATION, "autocommit": True, "allow_local_infile": True}
        db = Database(lambda: mysql.connector.aio.connect(**given))
        self.run(db, "SET lock_wait_timeout = 0")
        return db

    def run(self, db, sql, parameters=()):
        async def run():
            cursor = await db.connection.cursor()
            try:
                await cursor.execute(sql, parameters)
                return [tuple(row) for row in await cursor.fetchall()] if cursor.description else []
            finally:
                await cursor.close()

        return db.wait(run)

    def run_many(self, db, sql, rows):
        async def run():
            cursor = await db.connection.cursor()
            await cursor.executemany(sql, rows)
            await cursor.close()

        db.wait(run)

    def call(self, db, name, arguments):
        async def run():
            cursor = await db.connection.cursor()
            await cursor.callproc(name, arguments)
            await cursor.close()

        db.wait(run)

    def unquoted(self, message):
        return "1054 (42S22): Unknown column ?"

    def close(self, db):
        db.wait(db.connection.close)
        db.loop.close()


def test_transactions(recorder, instrument, songs, where):
    """Connecting, beginnings and ends are spans beneath what is current, and nothing that is sent meanwhile."""
    instrument("mysql_connector", "mysql_connector_aio")

    async def run():
        with Work():
            connection = await mysql.connector.aio.connect(**songs, **COLLATION)
            cursor = await connection.cursor(prepared=True)
            await cursor.execute("INSERT INTO songs VALUES (?, ?)", (2, "Two"))
            await connection.commit()
            await connection.rollback()
            await cursor.close()
            await connection.close()

    asyncio.run(run())
    spans = recorder.finished()
    assert [span["name"] for span in spans] == ["connect", "INSERT songs", "COMMIT", "work"]
    assert spans[0]["attributes"] == where
    assert spans[1]["attributes"]["db.query.text"] == "INSERT INTO songs VALUES (?, ?)"


@pytest.mark.skipif(not hasattr(mysql.connector.aio.MySQLConnection, "start_transaction"), reason="it is younger")
def test_the_beginning_of_a_transaction(recorder, instrument, songs):
    """It is told as what is sent for it."""
    instrument("mysql_connector", "mysql_connector_aio")

    async def run():
        with Work():
            connection = await mysql.connector.aio.connect(**songs, **COLLATION)
            await connection.start_transaction()
            await connection.close()

    asyncio.run(run())
    assert [span["name"] for span in recorder.finished()] == ["connect", "START", "work"]
