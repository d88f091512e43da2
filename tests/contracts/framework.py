"""What holds for every web framework: what it adds to the span of a request, and that it makes the span where no server did.

A subclass serves ``/items/<number>`` (within, a span ``work``), ``/fail`` (raises ``ValueError("broken")``), ``/refuse`` (the
framework's own error for 503), ``/handled`` (a ``KeyError`` that a handler of the program's answers with 409) and
``/stream`` (two pieces, with a span ``step`` before each).
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from functools import partial
from io import BytesIO, StringIO
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.util import setup_testing_defaults

import aiohttp

from autotrace.testing.contracts.http_server import Served, threaded
from contracts import uvicorn_server


def called_by_wsgi(application, target, method="GET"):
    """Call an application as a server does; returns status and body."""
    path, _, query = target.partition("?")
    environ = {"PATH_INFO": path, "SCRIPT_NAME": "", "QUERY_STRING": query, "REQUEST_METHOD": method}
    setup_testing_defaults(environ)
    environ["wsgi.input"], environ["wsgi.errors"] = BytesIO(), StringIO()
    started = []
    body = application(environ, lambda status, headers, exc_info=None: started.append(status))
    try:
        return int(started[-1][:3]), b"".join(body).decode()
    finally:
        getattr(body, "close", lambda: None)()


def called_by_asgi(application, target, method="GET"):
    """Call an application as a server does; returns status and body."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.0",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1")],
        "client": None,
        "server": ("127.0.0.1", 80),
    }
    sent = []

    async def call():
        asked, answered = [], asyncio.Event()

        async def receive():
            if not asked:
                asked.append(True)
                return {"type": "http.request", "body": b"", "more_body": False}
            await answered.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                answered.set()

        await application(scope, receive, send)

    asyncio.run(call())
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]).decode()


class Quiet(WSGIRequestHandler):
    """A handler that tells nobody of each request."""

    def log_message(self, *_args):
        """Say nothing."""


class FrameworkContract:
    """The suite; see the module."""

    scope = ""
    parts = ()  # instrumentors, where there are more than the scope says
    route = "/items/<number>"
    server = ("wsgiref",)
    views = ""  # the whole name of the view of /items, or what stands before `item`

    def ask(self, application, target, method="GET"):
        """Send a request without a server; returns status and body."""
        return called_by_wsgi(application, target, method)

    @contextmanager
    def serving(self, application):
        """Run a real server for the length of a block; gives its port."""
        server = make_server("127.0.0.1", 0, application, handler_class=Quiet)
        with server, threaded(partial(server.serve_forever, 0.01), server.shutdown):
            yield server.server_port

    def application(self):
        """Return an application."""
        raise NotImplementedError

    def traced(self, instrument, *more):
        """Return an application of a framework that is traced: it may keep bound methods of what is patched."""
        instrument(*(self.parts or (self.scope,)), *more)
        return self.application()

    def view(self):
        """Return the whole name of the view that answers /items."""
        return f"{type(self).__module__}.{self.views}"

    def test_a_whole_request(self, recorder, instrument):
        """Where no server made a span the framework makes it: with route and view, and what runs within beneath it."""
        application = self.traced(instrument)
        assert self.ask(application, "/items/7?size=large") == (200, "item 7")
        work, span = recorder.wait(2)
        assert span == {
            "name": f"GET {self.route}",
            "kind": "SERVER",
            "scope": self.scope,
            "trace_id": span["trace_id"],
            "span_id": span["span_id"],
            "parent_id": "",
            "attributes": {
                "http.request.method": "GET",
                "url.scheme": "http",
                "url.path": "/items/7",
                "url.query": "size=large",
                "server.address": "127.0.0.1",
                "server.port": 80,
                "network.protocol.version": "1.0",
                "http.route": self.route,
                "code.function.name": self.view(),
                "http.response.status_code": 200,
            },
            "status": "UNSET",
        }
        assert (work["name"], work["parent_id"]) == ("work", span["span_id"])

    def test_what_is_not_found_has_no_route(self, recorder, instrument):
        """And no view, and neither has a method that is not allowed."""
        application = self.traced(instrument)
        assert self.ask(application, "/nowhere")[0] == 404
        assert self.ask(application, "/items/7", "DELETE")[0] in (404, 405)
        for span, method in zip(recorder.wait(2), ("GET", "DELETE")):
            assert (span["name"], span["status"]) == (method, "UNSET")
            assert not {"http.route", "code.function.name"} & set(span["attributes"])

    def test_an_exception_that_became_a_500_is_told_once(self, recorder, instrument):
        """With its type and message; a refusal is none."""
        application = self.traced(instrument)
        assert self.ask(application, "/fail")[0] == 500
        assert self.ask(application, "/refuse")[0] == 503
        failed, refused = recorder.wait(2)
        assert (failed["status"], failed["exception"], failed.get("events")) == ("ERROR", "ValueError: broken", None)
        assert failed["attributes"]["error.type"] == "ValueError"
        assert failed["attributes"]["http.response.status_code"] == 500
        assert ("exception" in refused, refused["status"], refused["attributes"]["error.type"]) == (
            False,
            "ERROR",
            "503",
        )

    def test_an_exception_that_the_program_answered_is_none(self, recorder, instrument):
        """A handler made a 409 of it."""
        application = self.traced(instrument)
        assert self.ask(application, "/handled")[0] == 409
        (span,) = recorder.wait(1)
        assert (span["status"], "exception" in span, span["name"]) == ("UNSET", False, "GET /handled")

    def test_a_stream_is_within_the_request(self, recorder, instrument):
        """The span ends with the body."""
        application = self.traced(instrument)
        assert self.ask(application, "/stream") == (200, "one,two")
        *steps, span = recorder.wait(3)
        assert [step["parent_id"] for step in steps] == [span["span_id"]] * 2

    def test_behind_a_server_there_is_one_span(self, recorder, instrument):
        """The framework adds route and view to the span of the server."""
        application = self.traced(instrument, *self.server)
        with self.serving(application) as port:
            assert Served(port, recorder).ask("/items/7")[::2] == (200, b"item 7")
        work, span = recorder.wait(2)
        assert (span["name"], span["scope"]) == (f"GET {self.route}", self.server[0])
        assert span["attributes"]["code.function.name"] == self.view()
        assert work["parent_id"] == span["span_id"]


class AsgiFrameworkContract(FrameworkContract):
    """The suite, for a framework of ASGI."""

    server = uvicorn_server.INSTRUMENTORS

    def ask(self, application, target, method="GET"):
        """Send a request without a server; returns status and body."""
        return called_by_asgi(application, target, method)

    @contextmanager
    def serving(self, application):
        """Run a real server for the length of a block; gives its port."""
        with uvicorn_server.serving(application, lifespan="off") as port:
            yield port


def echoed(text):
    """Return what a websocket at ``/talk`` sends back for a text."""
    if text == "fail":
        raise ValueError("broken")
    return text


class WebsocketFrameworkContract(AsgiFrameworkContract):
    """What holds beyond that where the application echoes one text at ``/talk``, by `echoed`."""

    def talked(self, recorder, instrument, text):
        """Connect over a real server, send a text or go at once, and return the connection's span."""
        application = self.traced(instrument)
        instrument(*uvicorn_server.INSTRUMENTORS)

        async def talk(port):
            url = f"ws://127.0.0.1:{port}/talk"
            async with aiohttp.ClientSession() as session, session.ws_connect(url) as websocket:
                if text:
                    await websocket.send_str(text)
                    assert (await websocket.receive()).type is aiohttp.WSMsgType.CLOSE

        with uvicorn_server.serving(application) as port:
            asyncio.run(talk(port))
        (span,) = recorder.wait(1)
        assert span["name"] == "GET /talk"
        return span

    def test_a_websocket_whose_handler_raises_has_failed(self, recorder, instrument):
        """However the framework closes it: that is not a status."""
        span = self.talked(recorder, instrument, "fail")
        assert (span["status"], span.get("exception")) == ("ERROR", "ValueError: broken")

    def test_a_websocket_whose_client_goes_is_no_error(self, recorder, instrument):
        """Not even where the framework then closes it once more, and the server complains."""
        span = self.talked(recorder, instrument, None)
        assert (span["status"], span.get("exception")) == ("UNSET", None)
