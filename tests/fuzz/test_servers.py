"""Hostile bytes on the socket of a real server: it answers as without us, nothing of ours fails, and all is described.

What a server refuses by itself it still refuses; what it lets pass reaches us as it came.
"""

from __future__ import annotations

import asyncio
import random
import socket
import threading
from contextlib import contextmanager

import pytest

from contracts.uvicorn_server import INSTRUMENTORS as UVICORN
from contracts.uvicorn_server import serving as uvicorn_serving
from fuzz.mutation import Mutation
from fuzz.test_parsers import HEADERS

NAMES = (*HEADERS, "X-Forwarded-For", "Forwarded", "Host", "User-Agent", "Authorization", "Cookie")
GOOD = [text for texts in HEADERS.values() for text in texts]


def wsgi(environ, start_response):
    """Answer."""
    start_response("200 OK", [("Content-Length", "5")])
    return [b"pizza"]


async def asgi(scope, receive, send):
    """Answer."""
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"pizza"})


@contextmanager
def werkzeug_serving():
    """Run werkzeug's server."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log(self, *_):
            pass

    server = make_server("127.0.0.1", 0, wsgi, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def aiohttp_serving():
    """Run aiohttp's server in a thread."""
    from aiohttp import web

    async def answer(request):
        return web.Response(text="pizza")

    async def run():
        app = web.Application()
        app.router.add_route("*", "/{all:.*}", answer)
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        told.append((asyncio.get_running_loop(), ending, site._server.sockets[0].getsockname()[1]))
        ready.set()
        await ending.wait()
        await runner.cleanup()

    async def main():
        nonlocal ending
        ending = asyncio.Event()
        await run()

    told, ready, ending = [], threading.Event(), None
    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert ready.wait(20)
    loop, event, port = told[0]
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(event.set)
        thread.join()


SERVERS = {
    "werkzeug": werkzeug_serving,
    "uvicorn": lambda: uvicorn_serving(asgi),
    "aiohttp_server": aiohttp_serving,
}
INSTRUMENTORS = {"uvicorn": UVICORN}


def asked(port, request):
    """Send bytes; return the status of the answer, 0 where there is none."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        try:
            connection.sendall(request)
            answer = b""
            while piece := connection.recv(65_536):
                answer += piece
        except ConnectionError:
            return 0
    return int(answer[9:12]) if answer.startswith(b"HTTP/1") else 0


def request_of(path, *headers):
    """Return the bytes of a request."""
    lines = [b"GET " + path + b" HTTP/1.1", b"Connection: close", *headers]
    return b"\r\n".join([*lines, b"", b""])


HOST = b"Host: 127.0.0.1"
TRACEPARENT = f"traceparent: {HEADERS['traceparent'][0]}".encode()
ODD = {
    "thousands of members": (b"tracestate: " + b",".join(b"k%d=v" % n for n in range(4000)), TRACEPARENT),
    "thousands in the baggage": (b"baggage: " + b",".join(b"k%d=v" % n for n in range(4000)),),
    "repeated": (TRACEPARENT,) * 20,
    "repeated and different": tuple(f"traceparent: 00-{n:032x}-{n:016x}-01".encode() for n in range(1, 20)),
    "long": (b"traceparent: " + b"0" * 7000,),
    "wrong bytes": (b"traceparent: \xff\xfe\xc3\x28", b"baggage: a=\xe4", b"tracestate: \xf0\x9f"),
    "empty": (b"traceparent:", b"baggage: ", b"tracestate: ", b"b3:"),
    "a port that is none": (b"Host: example.com:99999999999999999999999999",),
    "a forward of nobody": (b"X-Forwarded-For: ,,,[::1", b'Forwarded: for="_";;;'),
    "user information": (b"Host: me:secret@example.com",),
}


@pytest.mark.parametrize("server", SERVERS)
def test_odd_headers_are_served(server, recorder, instrument):
    """The answer is the bare server's, there is a span wherever the request was served, and it can be described."""
    requests = {name: request_of(b"/", HOST, *headers) for name, headers in ODD.items()}
    requests["an odd path"] = request_of(b"/%00%ff/%zz?token=%00&\xe4=1;;", HOST)
    requests["no host"] = request_of(b"/")
    with SERVERS[server]() as port:
        bare = {name: asked(port, request) for name, request in requests.items()}
    assert bare["long"] == bare["repeated"] == 200
    instrument(*INSTRUMENTORS.get(server, (server,)))
    with SERVERS[server]() as port:
        assert {name: asked(port, request) for name, request in requests.items()} == bare
    spans = recorder.wait(sum(status == 200 for status in bare.values()))
    assert all(span["status"] == "UNSET" for span in spans)
    assert not any("secret" in str(span) for span in spans)


@pytest.mark.parametrize("server", SERVERS)
def test_random_bytes_in_headers(server, recorder, instrument):
    """A few hundred requests with hostile propagation headers; the server still serves afterwards."""
    instrument(*INSTRUMENTORS.get(server, (server,)))
    chance = random.Random(11)
    served = 0
    with SERVERS[server]() as port:
        for text in Mutation(seed=11).texts(*GOOD, share=2.5):
            value = text.encode("utf-8", "surrogatepass").translate(None, b"\r\n\x00")[:8000]
            name = chance.choice(NAMES).encode()
            headers = [name + b": " + value] * chance.choice((1, 1, 3))
            served += asked(port, request_of(b"/", HOST, *headers)) == 200
        assert asked(port, request_of(b"/last", HOST)) == 200
    assert served > 20
    assert len(recorder.wait(served + 1)) == served + 1
