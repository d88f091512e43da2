"""A query, or a GET of a cache, by one of many drivers, over one connection: ``python drivers.py DRIVER``.

No span is its parent.
"""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import islice

from chunks import numbers, serve, serve_async

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    Ask = Callable[[int], object]
    AskAsync = Callable[[int], Awaitable[object]]

_TABLE = "TABLE pizza (id INTEGER PRIMARY KEY, name TEXT)"
_OPEN: list[Any] = []  # connections that their cursors do not keep, or whose threads do not end by themselves
_CLICKHOUSE = "CREATE TABLE IF NOT EXISTS pizza (id UInt32, name String) ENGINE = Memory"


def _select(number: int) -> str:
    return f"SELECT name FROM pizza WHERE id = {number}"


def _at(name: str) -> dict[str, Any]:
    """Return where a service listens; of more ports than one, the first."""
    host, port, *_ = os.environ[f"BENCH_{name.upper()}"].split(":")
    return {"host": host, "port": int(port)}


def _mariadb() -> dict[str, Any]:
    return {**_at("mariadb"), "user": "autotrace"}


_PREPARED = ("CREATE DATABASE IF NOT EXISTS pizzeria", "USE pizzeria", f"CREATE TEMPORARY {_TABLE}")


def _by_cursor(cursor: Any, *prepared: str) -> Ask:
    """Return a query on a cursor of PEP 249."""
    for statement in prepared:
        cursor.execute(statement)
    return lambda number: cursor.execute(_select(number))


def mysqlclient() -> Ask:
    import MySQLdb

    return _by_cursor(MySQLdb.connect(**_mariadb()).cursor(), *_PREPARED)


def mysql_connector() -> Ask:
    import mysql.connector

    connection = mysql.connector.connect(**_mariadb())
    _OPEN.append(connection)
    return _by_cursor(connection.cursor(buffered=True), *_PREPARED)


def duckdb() -> Ask:
    import duckdb

    return _by_cursor(duckdb.connect(":memory:"), f"CREATE {_TABLE}")


def pyodbc() -> Ask:
    import pyodbc

    connection = pyodbc.connect("Driver=SQLite3;Database=:memory:", autocommit=True)
    return _by_cursor(connection.cursor(), f"CREATE {_TABLE}")


def clickhouse_driver() -> Ask:
    from clickhouse_driver import Client

    client = Client(**_at("clickhouse"))
    client.execute(_CLICKHOUSE)
    return lambda number: client.execute(_select(number))


def pylibmc() -> Ask:
    import pylibmc

    client = pylibmc.Client([f"127.0.0.1:{os.environ['BENCH_MEMCACHED']}"])
    return lambda number: client.get(f"pizza:{number}")


def valkey() -> Ask:
    import valkey

    client = valkey.Valkey(port=int(os.environ["BENCH_REDIS"]), protocol=2)
    return lambda number: client.get(f"pizza:{number}")


async def _by_async_cursor(cursor: Any, *prepared: str) -> AskAsync:
    for statement in prepared:
        await cursor.execute(statement)
    return lambda number: cursor.execute(_select(number))


async def aiomysql() -> AskAsync:
    import aiomysql

    connection = await aiomysql.connect(**_mariadb())
    return await _by_async_cursor(await connection.cursor(), *_PREPARED)


async def asyncmy() -> AskAsync:
    import asyncmy

    connection = await asyncmy.connect(**_mariadb())
    return await _by_async_cursor(connection.cursor(), *_PREPARED)


async def aiosqlite() -> AskAsync:
    import aiosqlite

    connection = await aiosqlite.connect(":memory:")
    _OPEN.append(connection)
    return await _by_async_cursor(await connection.cursor(), f"CREATE {_TABLE}")


async def aiomcache() -> AskAsync:
    import aiomcache

    client = aiomcache.Client("127.0.0.1", int(os.environ["BENCH_MEMCACHED"]), pool_size=1)
    return lambda number: client.get(b"pizza:%d" % number)


_SYNC = {
    "clickhouse-driver": clickhouse_driver,
    "duckdb": duckdb,
    "mysql-connector": mysql_connector,
    "mysqlclient": mysqlclient,
    "pylibmc": pylibmc,
    "pyodbc": pyodbc,
    "valkey": valkey,
}
_ASYNC = {"aiomcache": aiomcache, "aiomysql": aiomysql, "aiosqlite": aiosqlite, "asyncmy": asyncmy}


async def _serve_async(begin: Callable[[], Awaitable[AskAsync]]) -> None:
    ask, given = await begin(), numbers()

    async def run(count: int) -> None:
        for number in islice(given, count):
            await ask(number)

    await serve_async(run)
    for connection in _OPEN:
        await connection.close()


def _serve(ask: Ask) -> None:
    given = numbers()

    def run(count: int) -> None:
        for number in islice(given, count):
            ask(number)

    serve(run)


if sys.argv[1] in _ASYNC:
    asyncio.run(_serve_async(_ASYNC[sys.argv[1]]))
else:
    _serve(_SYNC[sys.argv[1]]())
