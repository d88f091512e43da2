"""Falcon, WSGI and ASGI: templates, responders, sinks, error handlers, streams and websockets."""

from __future__ import annotations

import asyncio

import falcon
import falcon.asgi
from falcon import testing

from autotrace import api
from contracts.framework import FrameworkContract, WebsocketFrameworkContract, echoed


class Resource:
    """Responders that say who answers."""

    def on_get_item(self, _request, response, number):
        """Answer within a span."""
        with api.span("work"):
            response.text = f"item {number}"

    def on_get_fail(self, _request, _response):
        """Raise."""
        raise ValueError("broken")

    def on_get_refuse(self, _request, _response):
        """Refuse."""
        raise falcon.HTTPServiceUnavailable

    def on_get_handled(self, _request, _response):
        """Raise what the program handles."""
        raise KeyError("handled")

    def on_get_stream(self, _request, response):
        """Answer in steps."""

        def steps():
            for piece in (b"one,", b"two"):
                with api.span("step"):
                    pass
                yield piece

        response.stream = steps()


class AsyncResource:
    """The same, for ASGI."""

    async def on_get_item(self, _request, response, number):
        """Answer within a span."""
        with api.span("work"):
            response.text = f"item {number}"

    async def on_get_fail(self, _request, _response):
        """Raise."""
        raise ValueError("broken")

    async def on_get_refuse(self, _request, _response):
        """Refuse."""
        raise falcon.HTTPServiceUnavailable

    async def on_get_handled(self, _request, _response):
        """Raise what the program handles."""
        raise KeyError("handled")

    async def on_get_stream(self, _request, response):
        """Answer in steps."""

        async def steps():
            for piece in (b"one,", b"two"):
                with api.span("step"):
                    pass
                yield piece

        response.stream = steps()

    async def on_websocket(self, _request, websocket):
        """Echo one text."""
        await websocket.accept()
        await websocket.send_text(echoed(await websocket.receive_text()))
        await websocket.close()


def routed(made, resource):
    """Add the routes to an application."""
    made.add_route("/items/{number}", resource, suffix="item")
    for suffix in ("fail", "refuse", "handled", "stream"):
        made.add_route(f"/{suffix}", resource, suffix=suffix)
    return made


class TestFalcon(FrameworkContract):
    """The contract."""

    scope = "falcon"
    route = "/items/{number}"
    views = "Resource.on_get_item"

    def application(self):
        """An application."""

        def conflict(_request, response, _error, _params):
            response.status = falcon.HTTP_409

        made = routed(falcon.App(), Resource())
        made.add_error_handler(KeyError, conflict)
        return made


class TestFalconAsgi(WebsocketFrameworkContract):
    """The contract, with ASGI."""

    scope = "falcon"
    parts = ("falcon", "falcon_asgi")
    route = "/items/{number}"
    views = "AsyncResource.on_get_item"

    def application(self):
        """An application."""

        async def conflict(_request, response, _error, _params):
            response.status = falcon.HTTP_409

        made = routed(falcon.asgi.App(), AsyncResource())
        made.add_route("/talk", AsyncResource())
        made.add_error_handler(KeyError, conflict)
        return made


def sink(_request, response):
    """Answer everything beneath a prefix."""
    response.text = "sunk"


def test_sinks_and_static_files(recorder, instrument, tmp_path):
    """A sink is a view without a template; a directory of files is the other way round."""
    (tmp_path / "file.txt").write_text("content")
    made = falcon.App()
    made.add_sink(sink, "/sink")
    made.add_static_route("/static", str(tmp_path))
    instrument("falcon")
    client = testing.TestClient(made)
    assert client.simulate_get("/sink/a/b").text == "sunk"
    assert client.simulate_get("/static/file.txt").text == "content"
    assert client.simulate_get("/static/nothing").status_code == 404
    sunk, static, missing = recorder.wait(3)
    assert (sunk["name"], sunk["attributes"]["code.function.name"]) == ("GET", f"{__name__}.sink")
    assert (static["name"], static["attributes"].get("code.function.name")) == ("GET /static/{path}", None)
    assert missing["name"] == "GET"


def test_a_websocket(recorder, instrument):
    """One span, with its template and responder."""
    made = falcon.asgi.App()
    made.add_route("/talk", AsyncResource())
    instrument("falcon", "falcon_asgi")

    async def talk():
        async with testing.ASGIConductor(made) as conductor, conductor.simulate_ws("/talk") as websocket:
            await websocket.send_text("hello")
            assert await websocket.receive_text() == "hello"

    asyncio.run(talk())
    (span,) = recorder.wait(1)
    assert (span["name"], span["attributes"]["code.function.name"]) == (
        "GET /talk",
        f"{__name__}.AsyncResource.on_websocket",
    )
