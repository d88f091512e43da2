"""Litestar: routes, handlers, controllers, mounts, errors, streams and websockets."""

from __future__ import annotations

import litestar
import pytest
from litestar.exceptions import ImproperlyConfiguredException, ServiceUnavailableException
from litestar.response import Stream
from litestar.testing import TestClient

from autotrace import api
from contracts.framework import WebsocketFrameworkContract, echoed

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@litestar.get("/items/{number:int}", media_type="text/plain")
async def item(number: int) -> str:
    """Answer within a span."""
    with api.span("work"):
        return f"item {number}"


@litestar.get("/fail")
async def fail() -> None:
    """Raise."""
    raise ValueError("broken")


@litestar.get("/refuse")
async def refuse() -> None:
    """Refuse."""
    raise ServiceUnavailableException


@litestar.get("/handled")
async def handled() -> None:
    """Raise what the program handles."""
    raise KeyError("handled")


@litestar.get("/stream")
async def stream() -> Stream:
    """Answer in steps."""

    def steps():
        for piece in ("one,", "two"):
            with api.span("step"):
                pass
            yield piece

    return Stream(steps())


@litestar.websocket("/talk")
async def talk(socket: litestar.WebSocket) -> None:
    """Echo one text."""
    await socket.accept()
    await socket.send_text(echoed(await socket.receive_text()))
    await socket.close()


@litestar.asgi("/mounted", is_mount=True)
async def mounted(scope: litestar.types.Scope, receive: litestar.types.Receive, send: litestar.types.Send) -> None:
    """Answer everything beneath a path."""
    status = 404 if "nothing" in scope["path"] else 200
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"mounted"})


@litestar.asgi("/bare")
async def bare(scope: litestar.types.Scope, receive: litestar.types.Receive, send: litestar.types.Send) -> None:
    """Answer at a path."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"bare"})


@litestar.get("/thread", sync_to_thread=True)
def from_thread() -> str:
    """Answer from a thread."""
    return "thread"


@litestar.get("/wrong")
async def wrong() -> None:
    """Raise what Litestar raises where it is not set up as it should be."""
    raise ImproperlyConfiguredException("wrong")


class Orders(litestar.Controller):
    """Handlers in a class."""

    path = "/orders"

    @litestar.get("/{order:str}")
    async def one(self, order: str) -> str:
        """Answer."""
        return order


def conflict(_request: litestar.Request, _error: KeyError) -> litestar.Response:
    """Answer a KeyError."""
    return litestar.Response("conflict", status_code=409)


def shop():
    """Return an application with what there is to trace."""
    handlers = [item, fail, refuse, handled, stream, talk, mounted, bare, from_thread, wrong, Orders]
    return litestar.Litestar(
        handlers, exception_handlers={KeyError: conflict}, logging_config=None, openapi_config=None
    )


class TestLitestar(WebsocketFrameworkContract):
    """The contract."""

    scope = "litestar"
    parts = ("litestar",)
    route = "/items/{number}"
    views = "item"

    def application(self):
        """An application."""
        return shop()


@pytest.mark.parametrize(
    ("path", "name", "view"),
    [
        ("/orders/a7", "GET /orders/{order}", "Orders.one"),
        ("/thread", "GET /thread", "from_thread"),
        ("/mounted/a/b", "GET /mounted/{path}", None),
        ("/bare", "GET /bare", None),
    ],
)
def test_other_handlers(recorder, instrument, path, name, view):
    """One of a controller, and an application that is mounted."""
    instrument("litestar")
    assert TestLitestar().ask(shop(), path)[0] == 200
    (span,) = recorder.wait(1)
    assert (span["name"], span["attributes"].get("code.function.name")) == (name, view and f"{__name__}.{view}")


def test_a_fault_of_the_frameworks_is_told(recorder, instrument):
    """An exception of Litestar's own with status 500 is no answer that somebody meant; one beneath a mount has no route."""
    instrument("litestar")
    assert [TestLitestar().ask(shop(), path)[0] for path in ("/wrong", "/mounted/nothing")] == [500, 404]
    wrong, missing = recorder.wait(2)
    assert wrong["attributes"]["error.type"] == "litestar.exceptions.http_exceptions.ImproperlyConfiguredException"
    assert "exception" in wrong
    assert missing["name"] == "GET"


def test_a_websocket(recorder, instrument):
    """One span, with route and handler."""
    instrument("litestar")
    with TestClient(shop()) as client, client.websocket_connect("/talk") as websocket:
        websocket.send_text("hello")
        assert websocket.receive_text() == "hello"
    (span,) = recorder.wait(1)
    assert (span["name"], span["attributes"]["code.function.name"]) == ("GET /talk", f"{__name__}.talk")
