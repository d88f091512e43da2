"""A GET by a client session of aiohttp, over one connection."""

import asyncio
import os

import aiohttp
from chunks import serve_async

URL = os.environ["BENCH_ORIGIN"] + "/menu/margherita"


async def main() -> None:
    async with aiohttp.ClientSession() as session:

        async def run(count: int) -> None:
            for _ in range(count):
                async with session.get(URL) as response:
                    assert response.status == 200
                    await response.read()

        await serve_async(run)


asyncio.run(main())
