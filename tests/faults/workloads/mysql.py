"""Drivers of MySQL and MariaDB."""

from __future__ import annotations

import contextlib

from .common import awaited, loop, outcome

_TABLE = "CREATE TEMPORARY TABLE pizzas (name VARCHAR(20) UNIQUE) ENGINE=InnoDB"
_PROCEDURE = "CREATE OR REPLACE PROCEDURE thrice(a INT) SELECT a * 3"


def _given(address):
    host, _, port = address.rpartition(":")
    return {"host": host, "port": int(port), "user": "autotrace"}


@contextlib.contextmanager
def pymysql_(address):
    """Queries, batches, procedures, cursors, transactions, errors, connections, statements of the connection itself."""
    import pymysql

    def run():
        made = []
        with contextlib.closing(
            pymysql.connect(**_given(address), database="mysql", init_command="SET lock_wait_timeout = 1")
        ) as connection:
            cursor = connection.cursor()
            made.append(cursor.execute(_TABLE))
            made.append(cursor.execute(_PROCEDURE))
            made.append(cursor.executemany("INSERT INTO pizzas VALUES (%s)", [("a",), ("b",)]))
            connection.commit()
            connection.begin()
            rows = connection.cursor(pymysql.cursors.SSDictCursor)
            rows.execute("SELECT 'secret', name FROM pizzas ORDER BY name")
            made.append([list(row.values()) for row in rows])
            cursor.callproc("thrice", (7,))
            made.append(cursor.fetchall())
            cursor.nextset()
            made.append(outcome(cursor.execute, "INSERT INTO pizzas VALUES ('a')"))
            connection.rollback()
            made.append(outcome(cursor.execute, "SELEKT"))
            made.append(outcome(cursor.execute, 7))
            made.append(connection.query("SELECT 1"))
        return made

    yield run


@contextlib.contextmanager
def aiomysql_(address):
    """Queries, batches, transactions, errors, connections, awaited."""
    import aiomysql

    async def work():
        made = []
        async with aiomysql.connect(
            **_given(address), db="mysql", init_command="SET lock_wait_timeout = 1"
        ) as connection:
            cursor = await connection.cursor()
            made.append(await cursor.execute(_TABLE))
            made.append(await cursor.executemany("INSERT INTO pizzas VALUES (%s)", [("a",), ("b",)]))
            await connection.commit()
            await connection.begin()
            await cursor.execute("SELECT 'secret', name FROM pizzas ORDER BY name")
            made.append(await cursor.fetchall())
            made.append(await awaited(cursor.execute, "INSERT INTO pizzas VALUES ('a')"))
            await connection.rollback()
            made.append(await awaited(cursor.execute, "SELEKT"))
            made.append(await awaited(cursor.callproc, "nothing", (1,)))
            made.append(await connection.query("SELECT 1"))
        return made

    with loop() as wait:
        yield lambda: wait(work)


@contextlib.contextmanager
def asyncmy_(address):
    """Queries, batches, procedures, transactions, errors, connections, awaited; a class of the program's."""
    import asyncmy
    from asyncmy import cursors

    class Own(cursors.DictCursor):
        async def execute(self, query, args=None):
            return await super().execute(query, args)

    async def work():
        made = []
        given = {**_given(address), "database": "mysql", "init_command": "SET lock_wait_timeout = 1"}
        async with asyncmy.connect(**given) as connection:
            async with connection.cursor() as cursor:
                made.append(await cursor.execute(_TABLE))
                made.append(await cursor.executemany("INSERT INTO pizzas VALUES (%s)", [("a",), ("b",)]))
            await connection.commit()
            await connection.begin()
            async with connection.cursor(Own) as cursor:
                await cursor.execute("SELECT 'secret', name FROM pizzas ORDER BY name")
                made.append(list(await cursor.fetchall()))
                made.append(await awaited(cursor.execute, "INSERT INTO pizzas VALUES ('a')"))
                await connection.rollback()
                made.append(await awaited(cursor.execute, "SELEKT"))
                made.append(await awaited(cursor.callproc, "nothing", (1,)))
            made.append(await connection.query("SELECT 1"))
        return made

    with loop() as wait:
        yield lambda: wait(work)


@contextlib.contextmanager
def mysql_connector_(address):
    """Queries, batches, procedures, prepared statements, transactions, errors, connections, in Python and in C."""
    import mysql.connector

    def run():
        made = []
        for pure in (True, not mysql.connector.HAVE_CEXT):
            given = {**_given(address), "database": "mysql", "use_pure": pure, "collation": "utf8mb4_general_ci"}
            with contextlib.closing(mysql.connector.connect(charset="utf8mb4", **given)) as connection:
                cursor = connection.cursor()
                cursor.execute(_TABLE)
                cursor.execute(_PROCEDURE)
                cursor.executemany("INSERT INTO pizzas VALUES (%s)", [("a",), ("b",)])
                connection.commit()
                connection.start_transaction()
                rows = connection.cursor(prepared=True)
                rows.execute("SELECT 'secret', name FROM pizzas WHERE name <> %s ORDER BY name", ("c",))
                made.append([list(row) for row in rows.fetchall()])
                rows.close()
                cursor.callproc("thrice", (7,))
                made.append(outcome(cursor.execute, "INSERT INTO pizzas VALUES ('a')"))
                connection.rollback()
                made.append(outcome(cursor.execute, "SELEKT"))
                made.append(connection.autocommit)
        return made

    yield run


@contextlib.contextmanager
def mysqldb_(address):
    """Queries, batches, procedures, transactions, errors, connections, statements of the connection itself."""
    import MySQLdb
    from MySQLdb import cursors

    def run():
        made = []
        given = {**_given(address), "database": "mysql", "init_command": "SET lock_wait_timeout = 1"}
        with contextlib.closing(MySQLdb.connect(**given)) as connection:
            cursor = connection.cursor()
            made.append(cursor.execute(_TABLE))
            made.append(cursor.execute(_PROCEDURE))
            made.append(cursor.executemany("INSERT INTO pizzas VALUES (%s)", [("a",), ("b",)]))
            connection.commit()
            rows = connection.cursor(cursors.SSDictCursor)
            rows.execute("SELECT 'secret', name FROM pizzas ORDER BY name")
            made.append([list(row.values()) for row in rows])
            rows.close()
            cursor.callproc("thrice", (7,))
            made.append(cursor.fetchall())
            cursor.nextset()
            made.append(outcome(cursor.execute, "INSERT INTO pizzas VALUES ('a')"))
            connection.rollback()
            made.append(outcome(cursor.execute, "SELEKT"))
            made.append(outcome(cursor.execute, 7))
            connection.query("SELECT 1")
            connection.store_result()
        return made

    yield run
