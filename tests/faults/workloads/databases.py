"""Databases, and Redis."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing, contextmanager

from .common import awaited, loop, outcome


@contextmanager
def sqlite():
    """Queries, batches, scripts, factories, errors, callbacks."""

    class Own(sqlite3.Connection):
        def cursor(self, *args, **kwargs):
            return super().cursor(*args, **kwargs)

    def run():
        with (
            closing(sqlite3.connect(":memory:")) as connection,
            closing(sqlite3.connect(":memory:", factory=Own)) as own,
        ):
            connection.create_function("twice", 1, lambda number: 2 * number)
            connection.executescript("CREATE TABLE pizzas (name TEXT UNIQUE); CREATE TABLE orders (id INTEGER)")
            made = [connection.executemany("INSERT INTO pizzas VALUES (?)", [("a",), ("b",)]).rowcount]
            made.append(connection.execute("SELECT twice(21), 'secret'").fetchall())
            made.append(connection.cursor().execute("SELECT name FROM pizzas ORDER BY name").fetchall())
            made.append(outcome(connection.execute, "INSERT INTO pizzas VALUES ('a')"))
            made.append(outcome(connection.execute, "SELEKT"))
            made.append(outcome(connection.execute, 7))
            made.append(own.execute("SELECT 1").fetchall())
            made.append(own.cursor().execute("SELECT 2").fetchone())
        return made

    yield run


@contextmanager
def sqlalchemy_():
    """Core and ORM-like use, batches, errors, over sqlite3."""
    from sqlalchemy import create_engine, text

    def run():
        engine = create_engine("sqlite://")
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE pizzas (name TEXT UNIQUE)"))
            connection.execute(text("INSERT INTO pizzas VALUES (:name)"), [{"name": "a"}, {"name": "b"}])
            made = [list(map(tuple, connection.execute(text("SELECT * FROM pizzas ORDER BY name"))))]
            made.append(connection.exec_driver_sql("SELECT 1").scalar())
            made.append(outcome(connection.execute, text("INSERT INTO pizzas VALUES ('a')")))
        engine.dispose()
        return made

    yield run


@contextmanager
def psycopg2_(dsn):
    """Queries, batches, parts, procedures, copies, factories, transactions, errors, connections."""
    import io

    import psycopg2
    from psycopg2 import extras, sql

    def run():
        made = []
        with closing(psycopg2.connect(dsn)) as connection:
            cursor = connection.cursor()
            cursor.execute("CREATE TEMPORARY TABLE pizzas (name TEXT UNIQUE)")
            cursor.executemany("INSERT INTO pizzas VALUES (%s)", [("a",), ("b",)])
            cursor.copy_from(io.StringIO("c\n"), "pizzas")
            connection.commit()
            connection.commit()
            rows = connection.cursor(cursor_factory=extras.RealDictCursor)
            rows.execute(sql.SQL("SELECT {}, name FROM {}").format(sql.Literal("secret"), sql.Identifier("pizzas")))
            made.append([list(row.values()) for row in rows])
            cursor.callproc("upper", ("x",))
            made.append(cursor.fetchall())
            made.append(outcome(cursor.execute, "INSERT INTO pizzas VALUES ('a')"))
            connection.rollback()
            made.append(outcome(cursor.execute, "SELEKT"))
            made.append(outcome(cursor.execute, 7))
            connection.rollback()
        made.append(outcome(psycopg2.connect, "nonsense"))
        return made

    yield run


@contextmanager
def psycopg_(dsn):
    """Queries, batches, parts, copies, transactions, errors, connections; awaited, too."""
    import psycopg
    from psycopg import sql

    def run():
        made = []
        with closing(psycopg.connect(dsn)) as connection:
            cursor = connection.execute("CREATE TEMPORARY TABLE pizzas (name TEXT UNIQUE)")
            cursor.executemany("INSERT INTO pizzas VALUES (%s)", [("a",), ("b",)])
            with cursor.copy("COPY pizzas FROM STDIN") as copy:
                copy.write_row(("c",))
            connection.commit()
            with connection.transaction():
                parts = sql.SQL("SELECT {}, {} FROM {}")
                cursor.execute(parts.format(sql.Literal("secret"), sql.Identifier("name"), sql.Identifier("pizzas")))
            made.append(cursor.fetchall())
            made.append(outcome(connection.execute, "INSERT INTO pizzas VALUES ('a')"))
            connection.rollback()
            made.append(outcome(connection.execute, "SELEKT"))
            connection.rollback()
        made.append(outcome(psycopg.connect, "nonsense"))
        return made

    async def work():
        async with await psycopg.AsyncConnection.connect(dsn) as connection, connection.cursor() as cursor:
            await cursor.execute("CREATE TEMPORARY TABLE pizzas (name TEXT UNIQUE)")
            await cursor.executemany("INSERT INTO pizzas VALUES (%s)", [("a",), ("b",)])
            async with cursor.copy("COPY pizzas FROM STDIN") as copy:
                await copy.write_row(("c",))
            await connection.commit()
            async with connection.transaction():
                await cursor.execute("SELECT * FROM pizzas")
            made = [await cursor.fetchall(), await awaited(cursor.execute, "SELEKT")]
            await connection.rollback()
            return made

    with loop() as wait:
        yield lambda: [run(), wait(work)]


@contextmanager
def asyncpg_(dsn):
    """Queries, batches, prepared statements, cursors, copies, transactions, errors, connections and pools."""
    import asyncpg

    told = dict(part.split("=") for part in dsn.split())
    where = {"database" if name == "dbname" else name: value for name, value in told.items()}

    async def use(connection):
        await connection.execute(
            "DROP TABLE IF EXISTS pg_temp.pizzas; CREATE TEMPORARY TABLE pizzas (name TEXT UNIQUE)"
        )
        await connection.executemany("INSERT INTO pizzas VALUES ($1)", [("a",), ("b",)])
        await connection.copy_records_to_table("pizzas", records=[("c",)])
        made = [await connection.fetch("SELECT * FROM pizzas WHERE name < $1", "c")]
        async with connection.transaction():
            made.append([row async for row in connection.cursor("SELECT * FROM pizzas", prefetch=1)])
            statement = await connection.prepare("INSERT INTO pizzas VALUES ($1) RETURNING name")
            made.append(await statement.fetchval("d"))
            await statement.executemany([("e",)])
        made.append(await awaited(connection.execute, "INSERT INTO pizzas VALUES ('a')"))
        made.append(await awaited(connection.prepare, "SELEKT"))
        return made

    async def work():
        connection = await asyncpg.connect(**where)
        made = [await use(connection), await awaited(asyncpg.connect, nonsense=1)]
        await connection.close()
        async with asyncpg.create_pool(**where, min_size=0, max_size=1) as pool, pool.acquire() as connection:
            return [*made, await use(connection)]

    with loop() as wait:
        yield lambda: wait(work)


@contextmanager
def redis_(port):
    """Commands, pipelines, transactions and their errors, sync and async."""
    import redis
    import redis.asyncio

    with closing(redis.Redis(port=int(port))) as client:

        async def waiting():
            async with redis.asyncio.Redis(port=int(port)) as other:
                made = [await other.set("faults", "1"), await other.get("faults")]
                async with other.pipeline() as pipeline:
                    pipeline.set("faults", "2").get("faults")
                    made.append(await pipeline.execute())
                try:
                    await other.lpush("faults", "x")
                except redis.ResponseError as error:
                    made.append(str(error))
            return made

        def run():
            made = [client.set("faults", "text"), client.get("faults"), outcome(client.incr, "faults")]
            made.append(client.pipeline(transaction=False).set("faults", "3").get("faults").execute())
            made.append(outcome(client.pipeline().set("faults", "t").incr("faults").execute))
            return [*made, asyncio.run(waiting())]

        yield run


@contextmanager
def redis_asyncio(port):
    """One client and one loop for all runs: commands, pipelines, their errors, tasks that share it, nobody there."""
    import redis.asyncio
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    async def opened(place):
        return redis.asyncio.Redis(port=place, retry=Retry(NoBackoff(), 0))

    async def all_of_it():
        made = [await client.set("faults", "text"), await client.get("faults"), await awaited(client.incr, "faults")]
        for transaction in (True, False):
            async with client.pipeline(transaction=transaction) as pipeline:
                pipeline.set("faults", "t").incr("faults")
                made.append(await awaited(pipeline.execute))
        async with client.pubsub() as told:
            await told.subscribe("faults-channel")
            await client.publish("faults-channel", "x")
            made += [(await told.get_message(timeout=5))["type"] for _ in range(2)]
        made += await asyncio.gather(*(client.get(f"faults{number}") for number in range(3)))
        return [*made, await awaited(nobody.get, "faults")]

    async def closed():
        await client.close()

    with loop() as loops:
        client, nobody = loops(opened, int(port)), loops(opened, 9)
        yield lambda: loops(all_of_it)
        loops(closed)


@contextmanager
def aiosqlite_():
    """A connection for all runs, and one for each."""
    import aiosqlite

    async def opened():
        return await aiosqlite.connect(":memory:")

    async def all_of_it():
        async with aiosqlite.connect(":memory:") as own:
            async with own.execute("CREATE TABLE pizzas (name TEXT UNIQUE)"):
                pass
            await own.executemany("INSERT INTO pizzas VALUES (?)", [("a",), ("b",)])
            await own.commit()
            made = list(await own.execute_fetchall("SELECT name FROM pizzas ORDER BY name"))
            made.append(await awaited(own.execute_fetchall, "INSERT INTO pizzas VALUES ('a')"))
        queries = (connection.execute_fetchall(f"SELECT {number}") for number in range(3))
        return [*made, await asyncio.gather(*queries)]

    with loop() as loops:
        connection = loops(opened)
        yield lambda: loops(all_of_it)
        loops(connection.close)
