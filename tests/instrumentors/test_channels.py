"""channels: a websocket is one span, with the route and the consumer, under a real server and in tests."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from asgiref.testing import ApplicationCommunicator

from autotrace.testing.contracts.http_server import PARENT, REMOTE, TRACE
from contracts.django import USUAL
from contracts.uvicorn_server import INSTRUMENTORS, serving

pytestmark = [*USUAL, pytest.mark.usefixtures("shop")]
pytest_plugins = ["contracts.django"]
NAMES = "channels_routing", "channels_consumer", "django", "django_asgi", "sqlite3", "django_sqlite3"


@pytest.fixture
def application(recorder, instrument, monkeypatch):
    """The shop with its websockets, whose routers are made while it is traced."""
    instrument(*NAMES)
    from channels.routing import ProtocolTypeRouter, URLRouter

    from django_shop import sockets

    shelf = sockets.routes[1]
    monkeypatch.setattr(shelf, "callback", URLRouter([*shelf.callback.routes]))
    return ProtocolTypeRouter({"http": sockets.pages, "websocket": URLRouter(sockets.routes)})


def told(span):
    """Return what is told of a connection: name, view, status, exception."""
    attributes = span["attributes"]
    return (
        span["name"],
        attributes.get("code.function.name"),
        attributes.get("http.response.status_code"),
        span.get("exception"),
    )


async def said(communicator):
    """Return what an application sends next; where it ends by an exception, raise that."""
    message = asyncio.ensure_future(communicator.output_queue.get())
    await asyncio.wait({message, communicator.future}, return_when=asyncio.FIRST_COMPLETED)
    if not message.done():
        message.cancel()
        communicator.future.result()
    return await message


async def talk(application, path, *words):
    """Connect as channels' tests do, say something, and return the answers."""
    scope = {"type": "websocket", "path": path, "headers": [], "query_string": b"", "subprotocols": []}
    communicator = ApplicationCommunicator(application, scope)
    await communicator.send_input({"type": "websocket.connect"})
    assert (await said(communicator))["type"] == "websocket.accept"
    answers = []
    for word in words:
        await communicator.send_input({"type": "websocket.receive", "text": word})
        answers.append((await said(communicator))["text"])
    await communicator.send_input({"type": "websocket.disconnect", "code": 1000})
    await communicator.wait(10)
    return answers


def test_a_websocket_behind_a_server_is_one_span(application, recorder, instrument):
    """The server's, with route and consumer, its messages counted, and the query of a message beneath."""
    instrument(*INSTRUMENTORS)

    async def ask(port):
        url = f"ws://127.0.0.1:{port}/shelf/3/titles/"
        async with aiohttp.ClientSession() as session, session.ws_connect(url, headers=REMOTE) as websocket:
            await websocket.send_str("2")
            return await websocket.receive_str()

    with serving(application) as port:
        assert asyncio.run(ask(port)) == "Two"
        query, span = recorder.wait(2)
    assert span["scope"] == "uvicorn"
    assert (span["trace_id"], span["parent_id"], span["status"]) == (TRACE, PARENT, "UNSET")
    assert told(span) == ("GET /shelf/<int:shelf>/titles/", "django_shop.sockets.Titles", 101, None)
    attributes = span["attributes"]
    assert (attributes["autotrace.websocket.sent"], attributes["autotrace.websocket.received"]) == (1, 1)
    assert (query["name"], query["parent_id"]) == ("SELECT django_shop_book", span["span_id"])


@pytest.mark.parametrize(
    ("path", "route", "view"),
    [
        ("/echo/", "/echo/", "Echo"),
        ("/shelf/3/nothing/", "/shelf/<int:shelf>/nothing/", "Echo"),
        ("/shelf/3/other/", "/shelf/<int:shelf>/other/", "Echo"),  # after a router that had nothing for it
    ],
)
def test_a_websocket_in_tests_makes_the_span(application, recorder, path, route, view):
    """Where no server made it."""
    assert asyncio.run(talk(application, path, "hello")) == ["hello"]
    (span,) = recorder.wait(1)
    assert told(span) == (f"GET {route}", f"django_shop.sockets.{view}", 101, None)
    assert span["scope"] == "channels_routing"


def test_a_consumer_without_a_router_makes_the_span(application, recorder):
    """It has no route."""
    from django_shop.sockets import Echo

    assert asyncio.run(talk(Echo.as_asgi(), "/anything", "hello")) == ["hello"]
    (span,) = recorder.wait(1)
    assert told(span) == ("GET", "django_shop.sockets.Echo", 101, None)


def test_a_consumer_that_fails_is_told(application, recorder):
    """The exception passes, and is on the connection's span."""
    with pytest.raises(ValueError, match="invalid literal"):
        asyncio.run(talk(application, "/shelf/3/titles/", "seven"))
    (span,) = recorder.wait(1)
    assert span["exception"].startswith("ValueError: invalid literal")
    assert told(span)[:2] == ("GET /shelf/<int:shelf>/titles/", "django_shop.sockets.Titles")


def test_what_no_route_fits_has_none(application, recorder):
    """The router says so by an exception."""
    with pytest.raises(ValueError, match="No route found"):
        asyncio.run(talk(application, "/nowhere/"))
    (span,) = recorder.wait(1)
    assert told(span)[:2] == ("GET", None)


def test_pages_are_unchanged(application, recorder):
    """A page of the same application has Django's route and view."""

    async def ask():
        scope = {"type": "http", "method": "GET", "path": "/books/1/", "headers": [], "query_string": b""}
        communicator = ApplicationCommunicator(application, scope)
        await communicator.send_input({"type": "http.request", "body": b""})
        await said(communicator)
        return await said(communicator)

    assert asyncio.run(ask())["body"] == b"One"
    query, span = recorder.wait(2)
    assert told(span) == ("GET /books/<int:number>/", "django_shop.views.sync", 200, None)
    assert query["parent_id"] == span["span_id"]


def test_the_routes_look_as_before(application):
    """They are what the program gave: equal, of the same class as far as can be asked, and changed where it changes them."""
    from channels.routing import URLRouter

    given = [*application.application_mapping["websocket"].routes]
    router = URLRouter(given)
    assert isinstance(router.routes, list)
    assert router.routes == given == [*router.routes]
    given.append(given[0])
    assert len(router.routes) == len(given)
