"""Quart: routes, views in the loop and in threads, errors, streams and websockets."""

from __future__ import annotations

import asyncio
import logging

import pytest

from autotrace import api
from contracts.framework import WebsocketFrameworkContract, echoed

quart = pytest.importorskip("quart", reason="it wants werkzeug 2.2, and this Python has the oldest that Flask supports")
MethodView = pytest.importorskip("quart.views").MethodView

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Listed(MethodView):
    """A view that is a class."""

    async def get(self):
        """Answer."""
        return "listed"


def shop():
    """Return an application with what there is to trace."""
    made = quart.Quart("shop")
    logging.getLogger("shop").setLevel(logging.CRITICAL + 1)
    made.add_url_rule("/listed", view_func=Listed.as_view("listed"))

    @made.get("/items/<number>")
    async def item(number):
        with api.span("work"):
            return f"item {number}"

    @made.get("/thread")
    def threaded():
        with api.span("work"):
            return "from a thread"

    @made.get("/fail")
    async def fail():
        raise ValueError("broken")

    @made.get("/refuse")
    async def refuse():
        quart.abort(503)

    @made.get("/handled")
    async def handled():
        raise KeyError("handled")

    @made.errorhandler(KeyError)
    async def conflict(_error):
        return "conflict", 409

    @made.get("/stream")
    async def stream():
        async def steps():
            for piece in ("one,", "two"):
                with api.span("step"):
                    pass
                yield piece

        return steps()

    @made.websocket("/talk")
    async def talk():
        await quart.websocket.send(echoed(await quart.websocket.receive()))

    return made


class TestQuart(WebsocketFrameworkContract):
    """The contract."""

    scope = "quart"
    views = "shop.<locals>.item"

    def application(self):
        """An application."""
        return shop()


def test_views_of_other_kinds(recorder, instrument):
    """A function that runs in a thread, and a class."""
    instrument("quart")
    ask = TestQuart().ask
    assert ask(shop(), "/thread") == (200, "from a thread")
    assert ask(shop(), "/listed") == (200, "listed")
    work, threaded, listed = recorder.wait(3)
    assert work["parent_id"] == threaded["span_id"]
    views = [span["attributes"]["code.function.name"] for span in (threaded, listed)]
    assert views == [f"{__name__}.shop.<locals>.threaded", f"{__name__}.Listed"]


def test_a_websocket(recorder, instrument):
    """One span, with route and view."""
    instrument("quart")

    async def talk():
        async with shop().test_client().websocket("/talk") as websocket:
            await websocket.send("hello")
            assert await websocket.receive() == "hello"

    asyncio.run(talk())
    (span,) = recorder.wait(1)
    assert (span["name"], span["attributes"]["code.function.name"]) == ("GET /talk", f"{__name__}.shop.<locals>.talk")
