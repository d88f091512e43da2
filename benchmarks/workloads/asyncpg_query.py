"""A query of asyncpg, of a server on this machine; no span is its parent."""

import asyncio
import os
from itertools import islice

import asyncpg
from chunks import numbers, serve_async

host, _, port = os.environ["BENCH_POSTGRESQL"].rpartition(":")
NUMBERS = numbers()


async def main() -> None:
    connection = await asyncpg.connect(host=host, port=int(port), user="autotrace", database="postgres")
    await connection.execute("CREATE TEMPORARY TABLE pizza (id INTEGER PRIMARY KEY, name TEXT)")

    async def run(count: int) -> None:
        for number in islice(NUMBERS, count):
            await connection.fetchval(f"SELECT name FROM pizza WHERE id = {number}")

    await serve_async(run)
    await connection.close()


asyncio.run(main())
