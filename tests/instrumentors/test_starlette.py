"""Starlette: routes through mounts, exceptions, streams and background tasks, under its test client and behind a server."""

from __future__ import annotations

from contextlib import suppress

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from autotrace import api
from autotrace.testing import frames
from autotrace.testing.contracts.http_applications import CHUNKS
from autotrace.testing.contracts.http_server import REMOTE, TRACE, Served
from contracts.uvicorn_server import INSTRUMENTORS, serving

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


async def item(request):
    """Answer within a span."""
    with api.span("work"):
        return PlainTextResponse(f"item {request.path_params['number']}")


def threaded_item(request):
    """Answer in a thread."""
    with api.span("work"):
        return PlainTextResponse("from a thread")


class Endpoint(HTTPEndpoint):
    """Answer from a class."""

    async def get(self, _request):
        """Answer."""
        return PlainTextResponse("from a class")


async def fail(_request):
    """Raise."""
    raise ValueError("broken")


async def stream(_request):
    """Answer in steps."""

    async def steps():
        for chunk in CHUNKS:
            with api.span("step"):
                pass
            yield chunk

    return StreamingResponse(steps())


async def later(_request):
    """Answer, then do something."""

    async def afterwards():
        with api.span("afterwards"):
            pass

    return PlainTextResponse("done", background=BackgroundTask(afterwards))


async def talk(websocket):
    """Echo one text."""
    await websocket.accept()
    with api.span("message"):
        await websocket.send_text(await websocket.receive_text())
    await websocket.close()


async def listen(websocket):
    """Listen until the client goes, and do not mind the exception."""
    await websocket.accept()
    while True:
        await websocket.receive_text()


class Named:
    """A middleware with a span of its own."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        """Pass on."""
        async with api.span("middleware"):
            await self.app(dict(scope), receive, send)


def application(directory="."):
    """Return the application under test."""
    items = [Route("/items/{number:int}", item), Route("/thread", threaded_item), WebSocketRoute("/talk", talk)]
    return Starlette(
        routes=[
            *items,
            Route("/class", Endpoint),
            Route("/fail", fail),
            Route("/stream", stream),
            Route("/later", later),
            WebSocketRoute("/listen", listen),
            Mount("/api", routes=[Mount("/{version}", Starlette(routes=items))]),
            Mount("/static", StaticFiles(directory=directory)),
            Mount("/named", Starlette(routes=items, middleware=[Middleware(Named)])),
        ]
    )


@pytest.fixture
def client(tmp_path, instrument, recorder):
    """A client of the application; `/static` is an empty directory with one file in it."""
    (tmp_path / "file.txt").write_text("content")
    instrument("starlette")
    return TestClient(application(str(tmp_path)), raise_server_exceptions=False)


def test_the_test_client_makes_the_span(client, recorder):
    """Where no server made a span Starlette makes it, with the route."""
    assert client.get("/items/7?q=1", headers=REMOTE).text == "item 7"
    work, span = recorder.wait(2)
    assert (span["name"], span["scope"], span["trace_id"]) == ("GET /items/{number}", "starlette", TRACE)
    attributes = span["attributes"]
    assert (attributes["url.path"], attributes["url.query"], attributes["http.route"]) == (
        "/items/7",
        "q=1",
        "/items/{number}",
    )
    assert work["parent_id"] == span["span_id"]


@pytest.mark.parametrize(
    ("path", "name", "view"),
    [
        ("/api/v2/items/7", "GET /api/{version}/items/{number}", "item"),
        ("/thread", "GET /thread", "threaded_item"),
        ("/class", "GET /class", "Endpoint"),
        ("/api/v2/nothing", "GET", None),
        ("/nothing", "GET", None),
        ("/static/file.txt", "GET /static/{path}", None),
        ("/static/nothing", "GET", None),
    ],
)
def test_the_route_is_whole(client, recorder, path, name, view):
    """The route has every mount in it; what is not found has none.  The view is the program's function or class."""
    client.get(path)
    span = next(span for span in [*recorder.finished()][::-1] if span["kind"] == "SERVER")
    assert (span["name"], span["attributes"].get("code.function.name")) == (name, view and f"{__name__}.{view}")


def test_a_method_that_is_not_allowed_has_no_route(client, recorder):
    """What answers 405 is not the route."""
    assert client.post("/items/7").status_code == 405
    assert recorder.wait(1)[0]["name"] == "POST"


def test_a_span_of_the_program_in_between(client, recorder):
    """A middleware's own span between server and route does not hide the one from the other."""
    client.get("/named/items/7")
    work, span, middleware = recorder.wait(3)
    assert span["name"] == "GET /named/items/{number}"
    assert (work["parent_id"], middleware["parent_id"]) == (middleware["span_id"], span["span_id"])


def test_an_exception_that_became_a_500_is_told(client, recorder):
    """Starlette answers with 500 and raises again: the span has status, route and exception."""
    assert client.get("/fail").status_code == 500
    (span,) = recorder.wait(1)
    assert (span["name"], span["status"], span["exception"]) == ("GET /fail", "ERROR", "ValueError: broken")
    assert span["attributes"]["http.response.status_code"] == 500


def test_the_traceback_is_the_programs(recorder, instrument):
    """The exception that a caller gets has no frame of ours."""
    instrument("starlette")
    with pytest.raises(ValueError, match="broken") as caught:
        TestClient(application()).get("/fail")
    if hasattr(caught.value, "add_note"):  # Python 3.11
        assert not frames.ours(caught.value)
    recorder.wait(1)


def test_a_stream_is_covered(client, recorder):
    """Each step of a stream runs beneath the request."""
    assert client.get("/stream").content == b"".join(CHUNKS)
    *steps, span = recorder.wait(4)
    assert {step["parent_id"] for step in steps} == {span["span_id"]}


def test_what_runs_afterwards_is_beneath(client, recorder):
    """A background task runs beneath the request that has ended."""
    client.get("/later")
    span, afterwards = recorder.wait(2)
    assert (afterwards["name"], afterwards["parent_id"]) == ("afterwards", span["span_id"])


def test_a_websocket(client, recorder):
    """A websocket has its route, and what it causes beneath it."""
    with client.websocket_connect("/api/v1/talk") as websocket:
        websocket.send_text("hello")
        assert websocket.receive_text() == "hello"
    message, span = recorder.wait(2)
    assert (span["name"], message["parent_id"]) == ("GET /api/{version}/talk", span["span_id"])
    assert span["attributes"]["code.function.name"] == f"{__name__}.talk"


def test_a_websocket_whose_client_goes_is_no_error(client, recorder):
    """What a framework raises when the client goes away is not the program's error."""
    with suppress(WebSocketDisconnect), client.websocket_connect("/listen") as websocket:
        websocket.send_text("hello")
    (span,) = recorder.wait(1)
    assert (span["status"], span["name"]) == ("UNSET", "GET /listen")


def test_behind_a_server_there_is_one_span(recorder, instrument):
    """Where the server made the span Starlette only names it."""
    instrument(*INSTRUMENTORS, "starlette")
    with serving(application(), lifespan="off") as port:
        assert Served(port, recorder).ask("/api/v2/items/7")[2] == b"item 7"
        assert Served(port, recorder).ask("/fail")[0] == 500
    _, span, failed = recorder.wait(3)
    assert (span["scope"], span["name"]) == ("uvicorn", "GET /api/{version}/items/{number}")
    assert (failed["name"], failed["exception"]) == ("GET /fail", "ValueError: broken")


def test_the_root_of_the_application_is_part_of_the_route(recorder, instrument):
    """A root path that is in the URL is in the route; one that a proxy took away is not."""
    instrument("starlette")
    with TestClient(application(), root_path="/shop", raise_server_exceptions=False) as client:
        client.get("/items/7")
        client.get("/shop/items/7")
    routes = {span["attributes"]["url.path"]: span["name"] for span in recorder.finished() if span["kind"] == "SERVER"}
    assert routes["/items/7"] == "GET /items/{number}"
    assert routes["/shop/items/7"] in ("GET", "GET /shop/items/{number}")  # before 0.35 the root is not looked for
