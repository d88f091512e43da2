"""A GET by a client session of aiohttp, over one connection."""

import asyncio
import itertools
import os

import aiohttp
from chunks import numbers, serve_async

URL = os.environ["BENCH_ORIGIN"] + "/menu/"
NUMBERS = numbers()


async def main() -> None:
    async with aiohttp.ClientSession() as session:

        async def run(count: int) -> None:
            for number in itertools.islice(NUMBERS, count):
                async with session.get(f"{URL}{number}") as response:
                    assert response.status == 200
                    await response.read()

        await serve_async(run)


asyncio.run(main())
