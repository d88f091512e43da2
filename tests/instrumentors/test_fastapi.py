"""FastAPI: routes of included routers and of mounted applications, and what its dependencies cause."""

from __future__ import annotations

import fastapi
import pytest
from fastapi.testclient import TestClient

from autotrace import api
from autotrace.testing.contracts.http_server import Served
from contracts.uvicorn_server import INSTRUMENTORS, serving

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def counted():
    """Return something, in a thread."""
    with api.span("dependency"):
        return 1


def application():
    """Return the application under test."""
    made, mounted = fastapi.FastAPI(), fastapi.FastAPI()
    router, within = fastapi.APIRouter(prefix="/items"), fastapi.APIRouter()

    @within.get("/{number}/parts/{part:path}")
    def part(number: int, part: str, count: int = fastapi.Depends(counted)):  # noqa: FAST002 - the oldest version has nothing else
        return {"number": number, "part": part, "count": count}

    @router.get("/{number}")
    async def item(number: int):
        with api.span("work"):
            return {"number": number}

    @router.websocket("/talk")
    async def talk(websocket: fastapi.WebSocket):
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close()

    @made.get("/fail")
    async def fail():
        raise ValueError("broken")

    router.include_router(within, prefix="")
    made.include_router(router, prefix="/v1")
    mounted.include_router(router)
    made.mount("/shop", mounted)
    return made


@pytest.fixture
def client(instrument, recorder):
    """A client of the application."""
    instrument("starlette", "fastapi")
    return TestClient(application(), raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("path", "name", "view"),
    [
        ("/v1/items/7", "GET /v1/items/{number}", "item"),
        ("/v1/items/7/parts/a/b", "GET /v1/items/{number}/parts/{part}", "part"),
        ("/shop/items/7", "GET /shop/items/{number}", "item"),
        ("/v1/nothing", "GET", None),
    ],
)
def test_the_route_is_whole(client, recorder, path, name, view):
    """The route has all prefixes in it, and what the application is mounted beneath."""
    client.get(path)
    span = next(span for span in recorder.finished() if span["kind"] == "SERVER")
    view = view and f"{__name__}.application.<locals>.{view}"
    assert (span["name"], span["attributes"].get("code.function.name")) == (name, view)


def test_the_documentation_is_fastapis(client, recorder):
    """It has a route, and a view of FastAPI's own."""
    client.get("/docs")
    (span,) = recorder.wait(1)
    assert (span["name"], span["attributes"]["code.function.name"].split(".")[0]) == ("GET /docs", "fastapi")


def test_what_is_within_is_beneath(client, recorder):
    """Handlers and dependencies, in the loop or in threads, run beneath the request."""
    assert client.get("/v1/items/7/parts/wheel").json() == {"number": 7, "part": "wheel", "count": 1}
    dependency, span = recorder.wait(2)
    assert dependency["parent_id"] == span["span_id"]


def test_what_is_not_valid_is_the_clients_error(client, recorder):
    """A request that does not validate has its route and is no error of the server."""
    assert client.get("/v1/items/seven").status_code == 422
    (span,) = recorder.wait(1)
    assert (span["name"], span["status"]) == ("GET /v1/items/{number}", "UNSET")


def test_a_method_that_is_not_allowed_has_no_route(client, recorder):
    """What answers 405 is not the route."""
    assert client.delete("/v1/items/7").status_code == 405
    assert recorder.wait(1)[0]["name"] == "DELETE"


def test_an_exception_that_became_a_500_is_told(client, recorder):
    """An exception is on the span of the request that it made fail."""
    assert client.get("/fail").status_code == 500
    (span,) = recorder.wait(1)
    assert (span["name"], span["exception"]) == ("GET /fail", "ValueError: broken")


def test_a_websocket(client, recorder):
    """A websocket of an included router has its whole route."""
    with client.websocket_connect("/v1/items/talk") as websocket:
        assert websocket.receive_text() == "hello"
    assert recorder.wait(1)[0]["name"] == "GET /v1/items/talk"


def test_behind_a_server_there_is_one_span(recorder, instrument):
    """Where the server made the span FastAPI only names it."""
    instrument(*INSTRUMENTORS, "starlette", "fastapi")
    with serving(application()) as port:
        assert Served(port, recorder).ask("/v1/items/7")[2] == b'{"number":7}'
    _, span = recorder.wait(2)
    assert (span["scope"], span["name"]) == ("uvicorn", "GET /v1/items/{number}")
