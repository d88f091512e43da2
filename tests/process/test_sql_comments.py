"""Comments in statements: what a server gets of the statements of a traced program, and what is told of them."""

from __future__ import annotations

import json

import pytest

from contracts.mariadb import database, songs

# A server tells the statement that it runs; each way is asked as a program asks, and what came is printed by its name.
POSTGRESQL = """
import asyncio, json, os, sys

import asyncpg, psycopg, psycopg2, sqlalchemy
from psycopg import sql

ASK = "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()"
BY_NAME = ASK + " AND %s = 'x'"
dsn, told = sys.argv[1], {}

def first(cursor):
    return cursor.fetchone()[0]

connection = psycopg2.connect(dsn)
connection.autocommit = True  # in a transaction the server tells the same all the time
cursor = connection.cursor()
for name, arguments in {"psycopg2": (ASK,), "psycopg2 with a value": (BY_NAME, ("x",)), "psycopg2 bytes": (ASK.encode(),),
                        "semicolon": (ASK + " ; ",), "a comment of its own": ("/*mine*/ " + ASK,)}.items():
    cursor.execute(*arguments)
    told[name] = first(cursor)
cursor.execute(query=ASK)
told["psycopg2 by name"] = first(cursor)
told["psycopg2 keeps"] = cursor.query.decode()
cursor.execute("CREATE TEMPORARY TABLE seen (what TEXT)")
cursor.executemany("INSERT INTO seen " + BY_NAME, [("x",), ("x",)])
cursor.execute("SELECT what FROM seen")
told["psycopg2 batch"] = first(cursor)
connection.autocommit = False
named = connection.cursor("named")
named.execute(ASK)
told["psycopg2 named"] = named.query.decode()
connection.close()

with psycopg.connect(dsn, autocommit=True) as connection:
    connection.prepare_threshold = None
    told["psycopg"] = first(connection.execute(ASK))
    told["psycopg with a value"] = first(connection.execute(BY_NAME, ("x",)))
    told["psycopg composed"] = first(connection.execute(sql.SQL(ASK)))
with psycopg.connect(dsn, autocommit=True) as connection:
    for _ in range(7):
        told["psycopg prepared"] = first(connection.execute(BY_NAME, ("x",)))
    prepared = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%stat_activity%'"
    told["prepared"] = first(connection.execute(prepared))
    told["psycopg not to prepare"] = first(connection.execute(ASK, prepare=False))
    if hasattr(psycopg, "ClientCursor"):
        told["psycopg by client"] = first(psycopg.ClientCursor(connection).execute(ASK))

async def ask():
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        connection.prepare_threshold = None
        told["psycopg async"] = (await (await connection.execute(ASK)).fetchone())[0]
    address = {key: psycopg.conninfo.conninfo_to_dict(dsn)[key] for key in ("host", "port", "user", "dbname")}
    address["database"] = address.pop("dbname")
    connection = await asyncpg.connect(**address)
    told["asyncpg prepared"] = await connection.fetchval(ASK)
    await connection.execute("CREATE TEMPORARY TABLE seen (what TEXT)")
    await connection.execute("INSERT INTO seen " + ASK)
    told["asyncpg"] = await connection.fetchval("SELECT what FROM seen")
    await connection.execute("UPDATE seen SET what = query FROM pg_stat_activity WHERE pid = pg_backend_pid() AND $1 = 'x'", "x")
    told["asyncpg with a value"] = await connection.fetchval("SELECT what FROM seen")
    await connection.close()
    connection = await asyncpg.connect(**address, statement_cache_size=0)
    told["asyncpg without a cache"] = await connection.fetchval(ASK)
    await connection.close()

asyncio.run(ask())
engine = sqlalchemy.create_engine("postgresql+psycopg2://", creator=lambda: psycopg2.connect(dsn))
with engine.connect() as connection:
    told["sqlalchemy"] = connection.execute(sqlalchemy.text(ASK)).scalar()
print(json.dumps(told))
"""
MARIADB = """
import asyncio, json, sqlite3, sys

import aiomysql, mysql.connector, pymysql

ASK = "SELECT info FROM information_schema.processlist WHERE id = connection_id()"
WITH_VALUE = ASK + " AND %s = 'x'"
given, told = json.loads(sys.argv[1]), {}

connection = pymysql.connect(**given)
cursor = connection.cursor()
for name, arguments in {"pymysql": (ASK,), "pymysql with a value": (WITH_VALUE, ("x",)), "semicolon": (ASK + ";",),
                        "a comment of its own": (ASK + " /* mine */",)}.items():
    cursor.execute(*arguments)
    told[name] = cursor.fetchone()[0]
cursor.execute(query=ASK)
told["pymysql by name"] = cursor.fetchone()[0]
cursor.execute("CREATE TEMPORARY TABLE seen (what TEXT)")
rows = [("a",), ("b",)]
cursor.executemany("INSERT INTO seen VALUES (%s)", rows)
told["pymysql batch"] = cursor._executed.decode()
connection.query(ASK)
told["pymysql connection"] = connection._result.rows[0][0]
connection.close()

connection = mysql.connector.connect(**given)
cursor = connection.cursor()
cursor.execute(ASK)
told["connector"] = cursor.fetchone()[0]
cursor.close()
cursor = connection.cursor(prepared=True)
cursor.execute(ASK)
told["connector prepared"] = cursor.fetchone()[0]
connection.close()

async def ask():
    connection = await aiomysql.connect(host=given["host"], port=given["port"], user=given["user"], db=given["database"])
    cursor = await connection.cursor()
    await cursor.execute(ASK)
    told["aiomysql"] = (await cursor.fetchone())[0]
    connection.close()

asyncio.run(ask())
connection, seen = sqlite3.connect(":memory:"), []
connection.set_trace_callback(seen.append)
connection.execute("SELECT 1")
told["sqlite3"] = seen[-1]
print(json.dumps(told))
"""
__all__ = ["database", "songs"]


@pytest.fixture(params=["true", "false"], ids=["on", "off"])
def told(request, machine):
    """A function that runs a program and returns what was sent, by how it was, with COMMENT for the comment of its span."""

    def run(program, argument):
        done = machine.python("-c", program, argument, environ={"AUTOTRACE_SQL_COMMENTS": request.param})
        assert done.returncode == 0, done.stderr
        assert done.stderr == b""
        texts = json.loads(done.stdout)
        comments = []
        for span in machine.spans():
            attributes = {item.key: item.value.string_value for item in span.attributes}
            assert "traceparent" not in attributes.get("db.query.text", "")
            comments.append(f"/*traceparent='00-{span.trace_id.hex()}-{span.span_id.hex()}-03'*/")
        if request.param == "false":
            assert "traceparent" not in repr(texts)
            assert "/*mine*/" in repr(texts) or "/* mine */" in repr(texts)
            return None
        for name, text in texts.items():
            for comment in comments:
                if isinstance(text, str) and comment in text:
                    texts[name] = text.replace(comment, "COMMENT")
        return texts

    return run


FROM = "pg_stat_activity WHERE pid = pg_backend_pid()"
ACTIVITY = f"SELECT query FROM {FROM}"
PROCESSES = "SELECT info FROM information_schema.processlist WHERE id = connection_id()"


def test_postgresql_is_told_of_the_span(told, postgresql):
    """By each driver, but where a statement is prepared, or one of a batch, or has a comment."""
    texts = told(POSTGRESQL, postgresql.dsn())
    if texts is None:
        return
    assert texts.pop("psycopg by client", f"{ACTIVITY} COMMENT") == f"{ACTIVITY} COMMENT"  # not before 3.1
    assert texts == {
        "psycopg2": f"{ACTIVITY} COMMENT",
        "psycopg2 with a value": f"{ACTIVITY} AND 'x' = 'x' COMMENT",
        "psycopg2 bytes": f"{ACTIVITY} COMMENT",
        "psycopg2 by name": f"{ACTIVITY} COMMENT",
        "psycopg2 keeps": f"{ACTIVITY} COMMENT",
        "psycopg2 named": f'DECLARE "named" CURSOR WITHOUT HOLD FOR {ACTIVITY} COMMENT',
        "psycopg2 batch": f"INSERT INTO seen {ACTIVITY} AND 'x' = 'x'",
        "semicolon": f"{ACTIVITY}  COMMENT;",
        "a comment of its own": f"/*mine*/ {ACTIVITY}",
        "psycopg": f"{ACTIVITY} COMMENT",
        "psycopg with a value": f"{ACTIVITY} AND $1 = 'x' COMMENT",
        "psycopg composed": ACTIVITY,
        "psycopg prepared": f"{ACTIVITY} AND $1 = 'x'",
        "prepared": 1,
        "psycopg not to prepare": f"{ACTIVITY} COMMENT",
        "psycopg async": f"{ACTIVITY} COMMENT",
        "asyncpg": f"INSERT INTO seen {ACTIVITY} COMMENT",
        "asyncpg with a value": f"UPDATE seen SET what = query FROM {FROM} AND $1 = 'x'",
        "asyncpg prepared": ACTIVITY,
        "asyncpg without a cache": f"{ACTIVITY} COMMENT",
        "sqlalchemy": f"{ACTIVITY} COMMENT",
    }


def test_mariadb_is_told_of_the_span(told, songs):
    """By each driver, but where a statement is prepared, or of a batch, or has a comment; sqlite3 has no server."""
    texts = told(MARIADB, json.dumps(songs))
    if texts is None:
        return
    assert texts == {
        "pymysql": f"{PROCESSES} COMMENT",
        "pymysql with a value": f"{PROCESSES} AND 'x' = 'x' COMMENT",
        "pymysql by name": f"{PROCESSES} COMMENT",
        "pymysql batch": "INSERT INTO seen VALUES ('a'),('b')",
        "pymysql connection": f"{PROCESSES} COMMENT",
        "semicolon": f"{PROCESSES} COMMENT",
        "a comment of its own": f"{PROCESSES} /* mine */",
        "connector": f"{PROCESSES} COMMENT",
        "connector prepared": PROCESSES,
        "aiomysql": f"{PROCESSES} COMMENT",
        "sqlite3": "SELECT 1",
    }
