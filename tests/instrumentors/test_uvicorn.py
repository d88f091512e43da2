"""uvicorn: its HTTP and websocket protocols, and its three interfaces."""

from __future__ import annotations

import ast
import socket
import time
from pathlib import Path

import pytest
import uvicorn

from autotrace.patching.catalog import parts
from autotrace.testing.contracts.http_applications import CHUNKS, asgi_application, wsgi_application
from autotrace.testing.contracts.http_server import REMOTE, HttpServerContract, Served, excluding
from contracts.asgi_server import AsgiServerContract
from contracts.uvicorn_server import INSTRUMENTORS, serving

OLD = tuple(map(int, uvicorn.__version__.split(".")[:2])) < (0, 20)
pytestmark = [
    pytest.mark.filterwarnings("ignore:Uvicorn's native WSGI implementation is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:websockets"),
]


class TestUvicorn(AsgiServerContract):
    """The contract, with ASGI 3."""

    scope = "uvicorn"
    tells_lost_websockets = not OLD  # uvicorn 0.18 lets a websocket wait for ever

    @pytest.fixture
    def served(self, recorder, instrument):
        """A running server."""
        instrument(*INSTRUMENTORS)
        with excluding("/excluded"), serving(asgi_application) as port:
            yield Served(port, recorder)


class TestUvicornWsgi(HttpServerContract):
    """The contract, with a WSGI application; it runs in threads."""

    scope = "uvicorn"
    sees_disconnects = False

    @pytest.fixture
    def served(self, recorder, instrument):
        """A running server."""
        instrument(*INSTRUMENTORS)
        with excluding("/excluded"), serving(wsgi_application, interface="wsgi") as port:
            yield Served(port, recorder)


def test_the_older_interface(recorder, instrument):
    """An application of ASGI 2 is traced like any other."""

    def application(scope):
        async def answer(receive, send):
            await asgi_application(scope, receive, send)

        return answer

    instrument(*INSTRUMENTORS)
    with serving(application, lifespan="off") as port:
        assert Served(port, recorder).ask("/stream")[2] == b"".join(CHUNKS)
    assert recorder.wait(4)[-1]["scope"] == "uvicorn"


def test_the_loaded_application_is_still_the_programs(instrument):
    """What the configuration keeps is what the program has given to it."""
    instrument(*INSTRUMENTORS)
    config = uvicorn.Config(asgi_application, log_config=None, log_level="critical", proxy_headers=False)
    config.load()
    assert config.loaded_app is asgi_application


def test_each_protocol_of_the_installed_version_is_known():
    """A class that runs the application has a part in the catalog, and keeps the application where it is looked for."""
    known = {part.trigger: part for part in parts() if part.library == "uvicorn"}
    seen = set()
    for file in Path(uvicorn.__file__).parent.glob("protocols/*/*_impl.py"):
        text = file.read_text(encoding="utf-8")
        if "config.loaded_app" not in text:
            continue  # it chooses among others
        part = known[f"uvicorn.protocols.{file.parent.name}.{file.stem}"]
        name = part.instrumentor().patches[0].target.partition(":")[2].partition(".")[0]
        (protocol,) = (one for one in ast.parse(text).body if isinstance(one, ast.ClassDef) and one.name == name)
        (begun,) = (one for one in protocol.body if getattr(one, "name", "") == "__init__")
        assert "self.app = " in ast.unparse(begun)
        seen.add(part.name)
    assert seen >= {"uvicorn_h11", "uvicorn_httptools", "uvicorn_websockets", "uvicorn_wsproto"}


def test_the_next_request_of_a_connection_is_not_beneath_the_first(recorder, instrument):
    """A request that waits in the connection while the first fails late is a request of its own."""

    async def application(scope, receive, send):
        await send({"type": "http.response.start", "status": 500, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
        raise ValueError("late")

    instrument(*INSTRUMENTORS)
    with serving(application, lifespan="off") as port, socket.create_connection(("127.0.0.1", port), 10) as connection:
        ask = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n"
        connection.sendall(ask % 1 + ask % 2)
        spans = recorder.wait(2)
    assert [span["parent_id"] for span in spans] == ["", ""]
    assert [span["exception"] for span in spans] == ["ValueError: late"] * 2


def test_an_error_response_ends_where_its_body_did(recorder, instrument):
    """The exception that follows an error response is on its span, and the span is not longer for it."""

    async def application(scope, receive, send):
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        ended.append(time.perf_counter_ns())
        raise ValueError("late")

    ended = []
    instrument(*INSTRUMENTORS)
    with serving(application, lifespan="off") as port:
        Served(port, recorder).ask("/", headers=REMOTE)
        recorder.wait(1)
    (span,) = recorder.spans
    assert span.failure.type == "ValueError"
    assert span.end == span.start + 1000  # one look at the recorder's clock later
