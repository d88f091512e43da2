"""A request to a FastAPI application, called as an ASGI server calls it."""

import asyncio
from itertools import islice

from chunks import numbers, serve_async
from fastapi import FastAPI

app = FastAPI()


@app.get("/menu/{name}")
async def menu(name: str) -> str:
    return name


SCOPE = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.3"},
    "http_version": "1.1",
    "server": ("127.0.0.1", 8000),
    "client": ("127.0.0.1", 50000),
    "scheme": "http",
    "method": "GET",
    "root_path": "",
    "query_string": b"size=large",
    "headers": [(b"host", b"127.0.0.1:8000"), (b"user-agent", b"benchmark"), (b"accept", b"*/*")],
}

NUMBERS = numbers()


async def receive() -> dict:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: dict) -> None:
    assert message.get("status", 200) == 200


async def run(count: int) -> None:
    for number in islice(NUMBERS, count):
        path = f"/menu/{number}"
        scope = {**SCOPE, "path": path, "raw_path": path.encode(), "headers": list(SCOPE["headers"])}
        await app(scope, receive, send)


asyncio.run(serve_async(run))
