"""The application that every HTTP server under test serves, once for WSGI and once for ASGI.

It has no framework; ``/excluded`` is meant to be excluded by the settings.
"""

from __future__ import annotations

import asyncio
import json

from autotrace import api
from autotrace.propagation import outgoing
from autotrace.trace.context import get_current

CHUNKS = [b"one,", b"two,", b"three"]
PIECE = b"x" * 65536
PIECES = 400  # of `/endless`: more than any buffer on the way holds, less than memory


def headers_out():
    """Return, as JSON, the headers that a request sent from here would carry."""
    current = get_current()
    return json.dumps(dict(outgoing(current)) if current is not None else None).encode()


def wsgi_application(environ, start_response):
    """Serve all paths; a body that is streamed is a generator."""
    path = environ["PATH_INFO"]
    text = [("Content-Type", "text/plain")]
    if path == "/fail":
        raise ValueError("broken")
    if path in ("/stream", "/endless"):
        start_response("200 OK", text)
        return _steps() if path == "/stream" else _pieces()
    status, body = "200 OK", b""
    if path == "/hello":
        with api.span("work"):
            body = b"hello"
    elif path == "/echo":
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    elif path in ("/outgoing", "/excluded"):
        with api.span("work"):
            body = headers_out()
    elif path == "/unavailable":
        status = "503 Service Unavailable"
    else:
        status, body = "404 Not Found", b"not here"
    start_response(status, [*text, ("Content-Length", str(len(body)))])
    return [body]


def _steps():
    for chunk in CHUNKS:
        with api.span("step"):
            pass
        yield chunk


def _pieces():
    for _ in range(PIECES):
        yield PIECE


async def asgi_application(scope, receive, send):
    """Serve all paths, and as a websocket an echo of text."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    if scope["type"] == "websocket":
        await _echo_websocket(receive, send)
        return
    path = scope["path"]
    if path == "/fail":
        raise ValueError("broken")
    if path == "/stream":
        await _send_stream(send)
        return
    if path == "/endless":
        await _send_endless(receive, send)
        return
    status, body = 200, b""
    if path == "/hello":
        with api.span("work"):
            body = b"hello"
    elif path == "/echo":
        body = await _whole_body(receive)
    elif path in ("/outgoing", "/excluded"):
        with api.span("work"):
            body = headers_out()
    elif path == "/unavailable":
        status = 503
    else:
        status, body = 404, b"not here"
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body})
    if path == "/hello":
        with api.span("afterwards"):
            pass


async def _whole_body(receive):
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def _send_stream(send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    for chunk in CHUNKS:
        with api.span("step"):
            pass
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _send_endless(receive, send):
    await _whole_body(receive)
    gone = asyncio.ensure_future(receive())
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    try:
        while not gone.done():
            await send({"type": "http.response.body", "body": PIECE, "more_body": True})
            await asyncio.sleep(0)
    finally:
        gone.cancel()


async def _lifespan(receive, send):
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _echo_websocket(receive, send):
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        with api.span("message"):
            await send({"type": "websocket.send", "text": message["text"]})
