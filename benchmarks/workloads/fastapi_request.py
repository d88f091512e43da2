"""A request to a FastAPI application, called as an ASGI server calls it."""

import asyncio
from itertools import islice

from asgi import ask
from chunks import numbers, serve_async
from fastapi import FastAPI

app = FastAPI()


@app.get("/menu/{name}")
async def menu(name: str) -> str:
    return name


NUMBERS = numbers()


async def run(count: int) -> None:
    for number in islice(NUMBERS, count):
        await ask(app, number)


asyncio.run(serve_async(run))
