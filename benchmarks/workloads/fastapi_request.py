"""A request to a FastAPI application, called as an ASGI server calls it."""

import asyncio

from chunks import serve_async
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
    "path": "/menu/margherita",
    "raw_path": b"/menu/margherita",
    "query_string": b"size=large",
    "headers": [(b"host", b"127.0.0.1:8000"), (b"user-agent", b"benchmark"), (b"accept", b"*/*")],
}


async def receive() -> dict:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: dict) -> None:
    assert message.get("status", 200) == 200


async def run(count: int) -> None:
    for _ in range(count):
        await app({**SCOPE, "headers": list(SCOPE["headers"])}, receive, send)


asyncio.run(serve_async(run))
