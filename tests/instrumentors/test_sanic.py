"""Sanic: its own server with the contract of HTTP servers, and as an ASGI application."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from contextlib import contextmanager

import aiohttp
import pytest
from sanic import Blueprint, Sanic
from sanic.exceptions import NotFound, ServerError
from sanic.response import raw, redirect, text
from sanic.views import HTTPMethodView
from sanic_testing.testing import SanicASGITestClient

from autotrace import api
from autotrace.testing.contracts.http_applications import CHUNKS, PIECE, headers_out
from autotrace.testing.contracts.http_server import (
    PARENT,
    REMOTE,
    TRACE,
    HttpServerContract,
    Served,
    excluding,
    server_span,
    threaded,
)

# Old versions ask for what newer websockets call by another name.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


async def hello(_request):
    """Answer with something done within."""
    with api.span("work"):
        return text("hello")


async def echo(request):
    """Answer with the body."""
    return raw(request.body)


async def out(_request):
    """Answer with the headers that would be sent from here."""
    with api.span("work"):
        return raw(headers_out())


async def fail(_request):
    """Raise."""
    raise ValueError("broken")


def unavailable(_request):
    """Refuse."""
    return text("", 503)


async def stream(request):
    """Send a body in steps."""
    response = await request.respond()
    for chunk in CHUNKS:
        with api.span("step"):
            pass
        await response.send(chunk)
    await response.eof()


async def endless(request):
    """Send until the client has gone."""
    response = await request.respond()
    while True:
        await response.send(PIECE)
        await asyncio.sleep(0)


async def late(request):
    """Raise when a part of the body is out."""
    response = await request.respond()
    await response.send("some")
    raise ValueError("late")


async def order(_request, number):
    """Answer with what was asked for."""
    if number == 4:
        raise NotFound("sold out")
    if number == 5:
        raise ServerError("closed")
    if number == 6:
        raise KeyError("mapped")
    return text(str(number))


async def elsewhere(_request):
    """Lead somewhere else."""
    return redirect("/hello")


class Lines(HTTPMethodView):
    """A view with a method for each of HTTP's."""

    async def get(self, _request, number):
        return text(f"lines of {number}")


async def talk(_request, websocket):
    """Echo text over a websocket."""
    async for message in websocket:
        with api.span("message"):
            await websocket.send(message)
        if message == "fail":
            raise ValueError("unwanted")


async def mapped(_request, _error):
    """Turn an exception into an answer."""
    return text("mapped", 409)


async def gate(request):
    """Answer in the place of a handler."""
    return text("closed", 401) if request.path == "/closed" else None


def application():
    """Return the application under test."""
    Sanic._app_registry.clear()
    made = Sanic("shop", configure_logging=False)
    made.config.ACCESS_LOG = False
    made.config.RESPONSE_TIMEOUT = 60
    for path, handler in {
        "/hello": hello,
        "/outgoing": out,
        "/excluded": out,
        "/fail": fail,
        "/unavailable": unavailable,
        "/stream": stream,
        "/endless": endless,
        "/late": late,
        "/elsewhere": elsewhere,
        "/closed": hello,
    }.items():
        made.add_route(handler, path, name=path[1:])
    made.add_route(echo, "/echo", methods=["POST"])
    made.add_websocket_route(talk, "/talk")
    orders = Blueprint("orders", url_prefix="/orders")
    orders.add_route(order, "/<number:int>")
    orders.add_route(Lines.as_view(), "/<number:int>/lines")
    made.blueprint(orders)
    made.exception(KeyError)(mapped)
    made.middleware(gate, "request")
    Sanic.test_mode = True  # else a second server in one process finds no source of what the first one compiled
    return made


@contextmanager
def serving(made):
    """Run Sanic's own server for the length of a block; gives its port."""
    loop, started, listening = asyncio.new_event_loop(), threading.Event(), socket.create_server(("127.0.0.1", 0))
    stopping = []

    async def run():
        stopping.append(asyncio.Event())
        server = await made.create_server(sock=listening, return_asyncio_server=True, access_log=False)
        await server.startup()
        await server.start_serving()
        started.set()
        await stopping[0].wait()
        await server.close()
        for connection in list(server.connections):
            connection.abort()
        await asyncio.sleep(0.01)

    def work():
        asyncio.set_event_loop(loop)
        loop.run_until_complete(run())
        loop.close()

    with threaded(work, lambda: loop.call_soon_threadsafe(stopping[0].set)):
        assert started.wait(5)
        yield listening.getsockname()[1]


@pytest.fixture(autouse=True)
def quiet(caplog):
    """Keep Sanic's log off the output."""
    for name in ("sanic.root", "sanic.error", "sanic.access", "sanic.server"):
        caplog.set_level(logging.CRITICAL + 1, logger=name)


class TestSanic(HttpServerContract):
    """The contract, with Sanic's own server; and what is Sanic's own."""

    scope = "sanic"

    @pytest.fixture
    def served(self, recorder, instrument):
        """A running server."""
        instrument(self.scope)
        with excluding("/excluded"), serving(application()) as port:
            yield Served(port, recorder)

    def expected(self, served, path, status=200, **attributes):
        """Return the attributes, with the view that belongs to a path."""
        view = {"/hello": "hello", "/fail": "fail"}.get(path)
        return super().expected(
            served, path, status, **{"code.function.name": view and f"{__name__}.{view}", **attributes}
        )

    def test_a_whole_request(self, served):
        """Sanic's own server has the span, with the route as the program wrote it, and the handler."""
        assert served.ask("/orders/7?token=abc")[2] == b"7"
        span = self.one(served)
        assert span == {
            "name": "GET /orders/<number:int>",
            "kind": "SERVER",
            "scope": "sanic",
            "trace_id": span["trace_id"],
            "span_id": span["span_id"],
            "parent_id": "",
            "attributes": self.expected(
                served,
                "/orders/7",
                **{
                    "url.query": "token=REDACTED",
                    "http.route": "/orders/<number:int>",
                    "code.function.name": f"{__name__}.order",
                },
            ),
            "status": "UNSET",
        }

    def test_an_exception_that_became_a_500_is_told_once(self, served):
        """Not one below 500, nor one of which the program's handler made another answer."""
        for number, status in ((4, 404), (5, 500), (6, 409)):
            assert served.ask(f"/orders/{number}")[0] == status
        assert served.ask("/orders/7", "DELETE")[0] == 405
        assert [(span["name"], span["status"], span.get("exception")) for span in served.spans.wait(4)] == [
            ("GET /orders/<number:int>", "UNSET", None),
            ("GET /orders/<number:int>", "ERROR", "sanic.exceptions.ServerError: closed"),
            ("GET /orders/<number:int>", "UNSET", None),
            ("DELETE", "UNSET", None),
        ]

    def test_views_middleware_and_redirects(self, served):
        """A view of classes is its method."""
        assert served.ask("/orders/7/lines")[2] == b"lines of 7"
        assert served.ask("/closed")[0] == 401
        assert served.ask("/elsewhere")[0] == 302
        first, *rest = served.spans.wait(3)
        assert first["attributes"]["code.function.name"] == f"{__name__}.Lines.get"
        assert [span["name"] for span in rest] == ["GET /closed", "GET /elsewhere"]

    def test_an_exception_in_the_middle_of_a_body(self, served):
        """It is on the span, although the status was sent before."""
        with socket.create_connection(("127.0.0.1", served.port), 10) as connection:
            connection.sendall(b"GET /late HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(99)
        span = self.one(served)
        assert (span["status"], span["exception"]) == ("ERROR", "ValueError: late")

    def test_a_websocket_is_one_span(self, served):
        """From the handshake to its end, with what each message causes beneath it, counters, and the client's code."""

        async def converse():
            url = f"ws://127.0.0.1:{served.port}/talk"
            async with aiohttp.ClientSession() as session, session.ws_connect(url, headers=REMOTE) as websocket:
                for word in ("one", "two"):
                    await websocket.send_str(word)
                    assert await websocket.receive_str() == word
                await websocket.close(code=4001)

        asyncio.run(converse())
        *messages, span = served.spans.wait(3)
        assert {message["parent_id"] for message in messages} == {span["span_id"]}
        assert (span["trace_id"], span["parent_id"], span["name"]) == (TRACE, PARENT, "GET /talk")
        assert (span["attributes"]["http.response.status_code"], span["status"]) == (101, "UNSET")
        assert span["attributes"]["code.function.name"] == f"{__name__}.talk"
        assert [span["attributes"][f"autotrace.websocket.{name}"] for name in ("sent", "received", "close_code")] == [
            2,
            2,
            4001,
        ]

    def test_an_exception_of_a_websocket(self, served):
        """It is the connection's."""

        async def converse():
            url = f"ws://127.0.0.1:{served.port}/talk"
            async with aiohttp.ClientSession() as session, session.ws_connect(url) as websocket:
                await websocket.send_str("fail")
                await websocket.receive_str()
                await websocket.receive()

        asyncio.run(converse())
        span = server_span(served.spans.wait(2))
        assert (span["status"], span["exception"]) == ("ERROR", "ValueError: unwanted")


def test_an_asgi_application(recorder, instrument, monkeypatch):
    """Where no server made the span Sanic does, as under its test client."""
    monkeypatch.setattr(Sanic, "__call__", Sanic.__call__)  # the test client leaves another one there
    instrument("sanic")

    async def main():
        client = SanicASGITestClient(application())
        for path, status in (("/orders/7", 200), ("/fail", 500), ("/stream", 200), ("/nothing", 404)):
            _, response = await client.get(path)
            assert response.status == status

    asyncio.run(main())
    spans = recorder.wait(7)
    first, failed, streamed, missing = [span for span in spans if span["kind"] == "SERVER"]
    assert (first["name"], first["attributes"]["code.function.name"]) == (
        "GET /orders/<number:int>",
        f"{__name__}.order",
    )
    assert (failed["status"], failed["exception"]) == ("ERROR", "ValueError: broken")
    assert [span["parent_id"] for span in spans if span["name"] == "step"] == [streamed["span_id"]] * 3
    assert (missing["name"], missing["status"]) == ("GET", "UNSET")
