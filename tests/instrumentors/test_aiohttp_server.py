"""aiohttp's server: routes, sub-applications, streams, websockets, and what becomes of exceptions."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import contextmanager
from http.client import HTTPException

import aiohttp
import pytest
from aiohttp import web

from autotrace import api
from autotrace.testing.contracts.http_applications import CHUNKS, PIECE, headers_out
from autotrace.testing.contracts.http_server import (
    PARENT,
    REMOTE,
    TRACE,
    HttpServerContract,
    Served,
    excluding,
    threaded,
)


async def hello(_request):
    """Answer with something done within."""
    with api.span("work"):
        return web.Response(text="hello")


async def echo(request):
    """Answer with the body."""
    return web.Response(body=await request.read())


async def out(_request):
    """Answer with the headers that would be sent from here."""
    with api.span("work"):
        return web.Response(body=headers_out())


async def fail(_request):
    """Raise."""
    raise ValueError("broken")


async def unavailable(_request):
    """Refuse."""
    raise web.HTTPServiceUnavailable


async def stream(request):
    """Send a body in steps."""
    response = web.StreamResponse()
    await response.prepare(request)
    for chunk in CHUNKS:
        with api.span("step"):
            pass
        await response.write(chunk)
    await response.write_eof()
    return response


async def endless(request):
    """Send until the client has gone."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(PIECE)
        await asyncio.sleep(0)


async def item(request):
    """Answer with what was asked for."""
    return web.Response(text=request.match_info["id"])


async def late(request):
    """Raise when a part of the body is out."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"some")
    raise ValueError("late")


async def slow(_request):
    """Take longer than allowed."""
    raise asyncio.TimeoutError


async def talk(request):
    """Echo text over a websocket."""
    websocket = web.WebSocketResponse()
    await websocket.prepare(request)
    async for message in websocket:
        with api.span("message"):
            await websocket.send_str(message.data)
    return websocket


def application():
    """Return the application under test."""
    made = web.Application(client_max_size=1 << 22)
    for path, handler in {
        "/hello": hello,
        "/outgoing": out,
        "/excluded": out,
        "/fail": fail,
        "/unavailable": unavailable,
        "/stream": stream,
        "/endless": endless,
        "/late": late,
        "/slow": slow,
        "/talk": talk,
    }.items():
        made.router.add_get(path, handler)
    made.router.add_post("/echo", echo)
    made.router.add_route("PROPFIND", "/hello", hello)
    made.router.add_get("/items/{id}", item)
    return made


def mounted():
    """Return the application mounted beneath another."""
    made = web.Application()
    made.add_subapp("/api", application())
    return made


@contextmanager
def serving(made):
    """Run a server for the length of a block; gives its port."""
    loop = asyncio.new_event_loop()
    started = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))
    stopping = []

    async def run():
        stopping.append(asyncio.Event())
        runner = web.AppRunner(made, access_log=None, handle_signals=False)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        started.set()
        await stopping[0].wait()
        await runner.cleanup()

    def work():
        asyncio.set_event_loop(loop)
        loop.run_until_complete(run())
        loop.close()

    with threaded(work, lambda: loop.call_soon_threadsafe(stopping[0].set)):
        assert started.wait(10)
        yield listening.getsockname()[1]


@pytest.fixture(autouse=True)
def quiet(caplog):
    """Keep the server's log off the output."""
    caplog.set_level("CRITICAL", logger="aiohttp.server")


class TestAiohttpServer(HttpServerContract):
    """The contract, with an application; and what is aiohttp's own."""

    scope = "aiohttp_server"

    @pytest.fixture
    def served(self, recorder, instrument):
        """A running server."""
        instrument(self.scope)
        with excluding("/excluded"), serving(application()) as port:
            yield Served(port, recorder)

    def test_the_route_names_the_span(self, served):
        """The route is the resource's."""
        assert served.ask("/items/7")[2] == b"7"
        span = self.one(served)
        assert span["name"] == "GET /items/{id}"
        routed = {"http.route": "/items/{id}", "code.function.name": f"{__name__}.item"}
        assert span["attributes"] == self.expected(served, "/items/7", **routed)

    def test_a_method_that_is_not_allowed_has_no_route(self, served):
        """What answers 405 is not the route."""
        assert served.ask("/items/7", "POST")[0] == 405
        assert self.one(served)["name"] == "POST"

    def test_an_exception_in_the_middle_of_a_body(self, served):
        """An exception after the start of the body is the one on the span, not how the server gives up."""
        with pytest.raises((OSError, HTTPException)):
            served.ask("/late")
        span = self.one(served)
        assert (span["status"], span["exception"]) == ("ERROR", "ValueError: late")

    def test_a_time_out(self, served):
        """A time-out in a handler is answered as such, and is an error with its exception."""
        assert served.ask("/slow")[0] == 504
        span = self.one(served)
        assert span["attributes"]["http.response.status_code"] == 504
        assert span["attributes"]["error.type"].endswith("TimeoutError")

    def test_a_websocket_is_one_span(self, served):
        """A websocket is one span from the handshake to its end, with what each message causes beneath it."""

        async def converse():
            url = f"ws://127.0.0.1:{served.port}/talk"
            async with aiohttp.ClientSession() as session, session.ws_connect(url, headers=REMOTE) as websocket:
                for word in ("one", "two"):
                    await websocket.send_str(word)
                    assert await websocket.receive_str() == word

        asyncio.run(converse())
        *messages, span = served.spans.wait(3)
        assert {message["parent_id"] for message in messages} == {span["span_id"]}
        assert (span["trace_id"], span["parent_id"], span["name"]) == (TRACE, PARENT, "GET /talk")
        assert (span["attributes"]["http.response.status_code"], span["status"]) == (101, "UNSET")


def test_the_route_of_a_mounted_application_is_whole(recorder, instrument):
    """The route of a sub-application has the path in it that it is mounted beneath."""
    instrument("aiohttp_server")
    with serving(mounted()) as port:
        assert Served(port, recorder).ask("/api/items/7", headers={"Host": "shop"})[2] == b"7"
        assert Served(port, recorder).ask("/api/nothing", headers={"Host": "shop"})[0] == 404
    assert [span["name"] for span in recorder.wait(2)] == ["GET /api/items/{id}", "GET"]


def test_a_websocket_counts_its_messages(recorder, instrument):
    """One span, with the messages of both directions; pings are none."""
    instrument("aiohttp_server")

    async def handle(request):
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        async for message in websocket:
            await websocket.send_str(message.data)
            await websocket.send_bytes(b"more")
        return websocket

    async def main():
        application = web.Application()
        application.router.add_get("/socket", handle)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        async with aiohttp.ClientSession() as session, session.ws_connect(f"ws://127.0.0.1:{port}/socket") as websocket:
            for word in ("one", "two"):
                await websocket.ping()
                await websocket.send_str(word)
                assert await websocket.receive_str() == word
                assert await websocket.receive_bytes() == b"more"
        await runner.cleanup()

    asyncio.run(main())
    (span,) = recorder.wait(1)
    attributes = span["attributes"]
    assert (attributes["autotrace.websocket.sent"], attributes["autotrace.websocket.received"]) == (4, 2)
