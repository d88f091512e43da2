"""Tornado's server and its handlers, with the contract of HTTP servers and what is their own."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from contextlib import contextmanager
from typing import ClassVar

import pytest
from autotrace.instrumentors.tornado.handlers import template
from tornado import gen, httputil, web, websocket
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.routing import PathMatches, Rule, RuleRouter
from tornado.wsgi import WSGIContainer

from autotrace import api
from autotrace.testing.contracts.http_applications import CHUNKS, PIECE, headers_out, wsgi_application
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

PARTS = ("tornado_server", "tornado_web", "tornado_websocket")


class Hello(web.RequestHandler):
    """Something done within."""

    SUPPORTED_METHODS = (*web.RequestHandler.SUPPORTED_METHODS, "PROPFIND")

    def get(self):
        with api.span("work"):
            self.write("hello")

    propfind = get


class Echo(web.RequestHandler):
    """The body."""

    def post(self):
        self.write(self.request.body)


class Outgoing(web.RequestHandler):
    """The headers that would be sent from here."""

    async def get(self):
        await asyncio.sleep(0)
        with api.span("work"):
            self.write(headers_out())


class Fail(web.RequestHandler):
    """An exception."""

    def get(self):
        raise ValueError("broken")


class Unavailable(web.RequestHandler):
    """A refusal."""

    def get(self):
        self.set_status(503)


class Stream(web.RequestHandler):
    """A body in steps."""

    async def get(self):
        for chunk in CHUNKS:
            with api.span("step"):
                pass
            self.write(chunk)
            await self.flush()


class Endless(web.RequestHandler):
    """A body until the client has gone."""

    async def get(self):
        while True:
            self.write(PIECE)
            await self.flush()


class Base(web.RequestHandler):
    """A handler whose subclasses do not call it."""

    def prepare(self):
        raise AssertionError("overridden")

    on_finish = log_exception = prepare


class Order(Base):
    """All that a subclass may override, without ``super()``."""

    def initialize(self, say="order"):
        self.say = say

    async def prepare(self):
        await asyncio.sleep(0)
        with api.span("prepare"):
            pass

    def get_current_user(self):
        return "ann"

    @gen.coroutine
    def get(self, number):
        yield gen.moment
        with api.span("work"):
            said = f"{self.say} {number} of {self.current_user}"
        self.finish(said)

    def delete(self, number):
        raise KeyError(number)

    def put(self, number):
        raise web.HTTPError(int(number), "refused")

    def on_finish(self):
        with api.span("on_finish"):
            pass

    def log_exception(self, *_exc_info):
        pass


class Late(web.RequestHandler):
    """An exception when a part of the body is out."""

    async def get(self):
        self.write("some")
        await self.flush()
        raise ValueError("late")


class Afterwards(web.RequestHandler):
    """What goes on when the response is out."""

    done = threading.Event()

    async def get(self):
        self.finish("now")
        await asyncio.sleep(0.01)
        with api.span("afterwards"):
            pass
        self.done.set()
        raise ValueError("nobody hears this")


@web.stream_request_body
class Upload(web.RequestHandler):
    """A body as it comes."""

    def prepare(self):
        self.size = 0

    async def data_received(self, chunk):
        await asyncio.sleep(0)
        with api.span("chunk"):
            self.size += len(chunk)

    def post(self):
        self.write(str(self.size))


class Waiting(web.RequestHandler):
    """Waits until the client has gone."""

    here = threading.Event()

    async def get(self):
        self.gone = asyncio.Event()
        self.here.set()
        await self.gone.wait()
        with api.span("cleaned"):
            pass

    def on_connection_close(self):
        self.gone.set()


class Socket(websocket.WebSocketHandler):
    """An echo, to everybody who is there."""

    everybody: ClassVar[set] = set()

    async def open(self):
        await asyncio.sleep(0)
        self.everybody.add(self)

    def on_message(self, message):
        with api.span("message"):
            if message == "close":
                self.close(4002)
                return
        if message == "fail":
            raise ValueError("unwanted")
        for one in list(self.everybody):
            one.write_message(message)

    def on_close(self):
        self.everybody.discard(self)
        with api.span("closed"):
            pass


def application(**settings):
    """Return the application under test."""
    return web.Application(
        [
            ("/hello", Hello),
            ("/echo", Echo),
            ("/outgoing", Outgoing),
            ("/excluded", Outgoing),
            ("/fail", Fail),
            ("/unavailable", Unavailable),
            ("/stream", Stream),
            ("/endless", Endless),
            (r"/orders/(?P<number>\d+)/?", Order),
            (r"/orders/(\d+)/lines", Order, {"say": "lines"}, "lines"),
            ("/late", Late),
            ("/afterwards", Afterwards),
            ("/upload", Upload),
            ("/waiting", Waiting),
            ("/socket", Socket),
            ("/old", web.RedirectHandler, {"url": "/hello"}),
            ("/gone", web.ErrorHandler, {"status_code": 410}),
        ],
        **settings,
    )


@contextmanager
def serving(served, **options):
    """Run a server for the length of a block; gives its port."""
    loop, started, listening = asyncio.new_event_loop(), threading.Event(), socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)

    async def run():
        server = HTTPServer(served, **options)
        server.add_sockets([listening])
        started.stopping = asyncio.Event()
        started.set()
        await started.stopping.wait()
        server.stop()
        await server.close_all_connections()

    def work():
        asyncio.set_event_loop(loop)
        loop.run_until_complete(run())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    with threaded(work, lambda: loop.call_soon_threadsafe(started.stopping.set)):
        assert started.wait(10)
        yield listening.getsockname()[1]


@pytest.fixture(autouse=True)
def quiet(caplog):
    """Keep the server's log off the output."""
    for name in ("tornado.access", "tornado.application", "tornado.general"):
        caplog.set_level(logging.CRITICAL + 1, logger=name)


class TestTornadoServer(HttpServerContract):
    """The contract, with an application; and what is Tornado's own."""

    scope = "tornado_server"

    @pytest.fixture
    def served(self, recorder, instrument):
        """A running server."""
        instrument(*PARTS)
        with excluding("/excluded"), serving(application(), max_buffer_size=1 << 22) as port:
            yield Served(port, recorder)

    def expected(self, served, path, status=200, **attributes):
        """Return the attributes, with the view that belongs to a path."""
        view = {"/hello": "Hello.get", "/fail": "Fail.get"}.get(path)
        return super().expected(
            served, path, status, **{"code.function.name": view and f"{__name__}.{view}", **attributes}
        )

    def test_a_handler_with_everything(self, served):
        """Route, view, and all that the handler does within: also what a subclass overrides without calling ours."""
        assert served.ask("/orders/7/lines?token=abc")[2] == b"lines 7 of ann"
        *within, span = served.spans.wait(4)
        assert span == {
            "name": "GET /orders/{}/lines",
            "kind": "SERVER",
            "scope": "tornado_server",
            "trace_id": span["trace_id"],
            "span_id": span["span_id"],
            "parent_id": "",
            "attributes": self.expected(
                served,
                "/orders/7/lines",
                **{
                    "url.query": "token=REDACTED",
                    "http.route": "/orders/{}/lines",
                    "code.function.name": f"{__name__}.Order.get",
                },
            ),
            "status": "UNSET",
        }
        assert [(one["name"], one["parent_id"]) for one in within] == [
            (name, span["span_id"]) for name in ("prepare", "work", "on_finish")
        ]

    def test_an_exception_that_became_a_500_is_told_once(self, served):
        """With type, message and stack, whatever the program does with the log; an HTTPError below 500 is an answer."""
        assert served.ask("/orders/7/lines", "DELETE")[0] == 500
        assert served.ask("/orders/404/", "PUT")[0] == 404
        assert served.ask("/orders/502/lines", "PUT")[0] == 502
        assert served.ask("/orders/7/lines", "POST")[0] == 405
        spans = [span for span in served.spans.wait(12) if span["kind"] == "SERVER"]
        assert [(span["name"], span["status"], span.get("exception")) for span in spans] == [
            ("DELETE /orders/{}/lines", "ERROR", "KeyError: '7'"),
            ("PUT /orders/{number}", "UNSET", None),
            ("PUT /orders/{}/lines", "ERROR", "tornado.web.HTTPError: HTTP 502: Bad Gateway (refused)"),
            ("POST /orders/{}/lines", "UNSET", None),
        ]
        assert [span["attributes"].get("code.function.name") for span in spans] == [
            f"{__name__}.Order.delete",
            f"{__name__}.Order.put",
            f"{__name__}.Order.put",
            None,
        ]

    def test_an_exception_in_the_middle_of_a_body(self, served):
        """It is on the span, although the status was sent before."""
        assert served.ask("/late")[0] == 200
        span = self.one(served)
        assert (span["status"], span["exception"]) == ("ERROR", "ValueError: late")

    def test_what_goes_on_after_the_response(self, served):
        """It is beneath the request, which has ended with the response, and does not fail any more."""
        Afterwards.done.clear()
        assert served.ask("/afterwards")[2] == b"now"
        assert Afterwards.done.wait(10)
        span, afterwards = served.spans.wait(2)
        assert (span["name"], span["status"]) == ("GET /afterwards", "UNSET")
        assert afterwards["parent_id"] == span["span_id"]

    def test_a_body_that_is_taken_as_it_comes(self, served):
        """What is done with its parts is beneath the request."""
        assert served.ask("/upload", "POST", body=b"x" * 100_000)[2] == b"100000"
        *chunks, span = served.spans.wait(3)
        assert {chunk["parent_id"] for chunk in chunks} == {span["span_id"]}
        assert span["attributes"]["code.function.name"] == f"{__name__}.Upload.post"

    def test_a_client_that_does_not_wait(self, served):
        """The request lasts until its handler has noticed."""
        with socket.create_connection(("127.0.0.1", served.port), 10) as connection:
            connection.sendall(b"GET /waiting HTTP/1.1\r\nHost: x\r\n\r\n")
            assert Waiting.here.wait(10)
        cleaned, span = served.spans.wait(2)
        assert cleaned["parent_id"] == span["span_id"]
        assert (span["status"], span["attributes"]["autotrace.client.disconnected"]) == ("UNSET", True)

    def test_a_body_that_ends_too_early(self, served):
        """A request whose body does not come gets no answer, and is no error."""
        with socket.create_connection(("127.0.0.1", served.port), 10) as connection:
            connection.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
        span = self.one(served)
        assert (span["name"], span["status"]) == ("POST /echo", "UNSET")
        assert span["attributes"]["autotrace.client.disconnected"] is True

    def test_what_is_no_request_is_none(self, served):
        """A head that cannot be read is refused by the connection, and no span."""
        with socket.create_connection(("127.0.0.1", served.port), 10) as connection:
            connection.sendall(b"nonsense\r\n\r\n")
            assert connection.recv(99).startswith(b"HTTP/1.1 400")
        served.ask("/old")
        assert self.one(served)["name"] == "GET /old"

    def test_handlers_of_its_own(self, served):
        """Redirects and errors."""
        assert served.ask("/old")[0] == 301
        assert served.ask("/gone")[0] == 410
        assert [
            (span["name"], span["attributes"].get("code.function.name"), span["status"])
            for span in served.spans.wait(2)
        ] == [("GET /old", "tornado.web.RedirectHandler.get", "UNSET"), ("GET /gone", None, "UNSET")]

    def test_a_websocket_is_one_span(self, served):
        """From the handshake to its end, with what each message causes beneath it, counters, and the client's code."""

        async def talk():
            request = HTTPRequest(f"ws://127.0.0.1:{served.port}/socket", headers=REMOTE)
            connection = await websocket.websocket_connect(request)
            for word in ("one", "two"):
                await connection.write_message(word)
                assert await connection.read_message() == word
            connection.close(4001, "enough")
            assert await connection.read_message() is None
            connection.close()

        asyncio.run(talk())
        *within, span = served.spans.wait(4)
        assert [one["name"] for one in within] == ["message", "message", "closed"]
        assert {one["parent_id"] for one in within} == {span["span_id"]}
        assert (span["trace_id"], span["parent_id"], span["name"]) == (TRACE, PARENT, "GET /socket")
        assert span["status"] == "UNSET"
        attributes = span["attributes"]
        assert {
            name: attributes[name] for name in attributes if name.startswith(("autotrace", "http.resp", "code"))
        } == {
            "http.response.status_code": 101,
            "code.function.name": f"{__name__}.Socket.get",
            "autotrace.websocket.sent": 2,
            "autotrace.websocket.received": 2,
            "autotrace.websocket.close_code": 4001,
        }

    def test_messages_count_where_they_are_sent(self, served):
        """A message to everybody is one on each websocket, whoever caused it."""

        async def talk():
            url = f"ws://127.0.0.1:{served.port}/socket"
            first, second = await websocket.websocket_connect(url), await websocket.websocket_connect(url)
            await first.write_message("all")
            for connection in (first, second):
                assert await connection.read_message() == "all"
                connection.close()
                assert await connection.read_message() is None

        asyncio.run(talk())
        spans = [span["attributes"] for span in served.spans.wait(5) if span["kind"] == "SERVER"]
        assert [span["autotrace.websocket.sent"] for span in spans] == [1, 1]
        assert [span.get("autotrace.websocket.received") for span in spans] == [1, None]
        assert [span["autotrace.websocket.close_code"] for span in spans] == [1005, 1005]

    @pytest.mark.parametrize(("word", "code"), [("fail", 1006), ("close", 4002)])
    def test_a_websocket_that_the_handler_ends(self, served, word, code):
        """An exception while a message is handled is the connection's; a close is none."""

        async def talk():
            connection = await websocket.websocket_connect(f"ws://127.0.0.1:{served.port}/socket")
            await connection.write_message(word)
            assert await connection.read_message() is None
            connection.close()

        asyncio.run(talk())
        span = server_span(served.spans.wait(3))
        assert span.get("exception") == ("ValueError: unwanted" if word == "fail" else None)
        assert span["attributes"]["autotrace.websocket.close_code"] == code

    def test_a_websocket_whose_client_is_gone(self, served):
        """That is 1006, and nobody's error."""
        with socket.create_connection(("127.0.0.1", served.port), 10) as connection:
            connection.sendall(
                b"GET /socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            assert connection.recv(99).startswith(b"HTTP/1.1 101")
        span = server_span(served.spans.wait(2))
        assert (span["status"], span["attributes"]["autotrace.websocket.close_code"]) == ("UNSET", 1006)


def test_a_request_in_another_one(recorder, instrument):
    """What a handler asks of the same server is a request beneath its own, in tasks that run at the same time."""
    instrument(*PARTS, "tornado_client", "tornado_client_simple")

    class Front(web.RequestHandler):
        async def get(self):
            url = f"http://{self.request.host}/back"
            await asyncio.gather(*(AsyncHTTPClient().fetch(url) for _ in range(2)))

    with serving(web.Application([("/front", Front), ("/back", Hello)])) as port:
        assert Served(port, recorder).ask("/front")[0] == 200
    spans = {span["span_id"]: span for span in recorder.wait(7)}
    (front,) = [span for span in spans.values() if span["name"] == "GET /front"]
    backs = [span for span in spans.values() if span["name"] == "GET /back"]
    assert len(backs) == 2
    for back in backs:
        assert spans[back["parent_id"]]["scope"] == "tornado_client"
        assert spans[back["parent_id"]]["parent_id"] == front["span_id"]


def test_a_connection_does_not_remember(recorder, instrument):
    """The second request on a connection has nothing of the first one's trace."""
    instrument(*PARTS)
    with serving(application()) as port, socket.create_connection(("127.0.0.1", port), 10) as connection:
        for headers in (f"traceparent: {REMOTE['traceparent']}\r\n", ""):
            connection.sendall(f"GET /gone HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
            assert connection.recv(9999).startswith(b"HTTP/1.1 410")
        first, second = recorder.wait(2)
    assert (first["trace_id"], first["parent_id"]) == (TRACE, PARENT)
    assert second["trace_id"] != TRACE
    assert second["parent_id"] == ""


def test_applications_that_are_no_handlers(recorder, instrument):
    """A function, an application beneath a router, a WSGI application, and nobody at all."""
    instrument(*PARTS)

    def plain(request):
        with api.span("work"):
            request.connection.write_headers(
                httputil.ResponseStartLine("", 200, "OK"), httputil.HTTPHeaders({"Content-Length": "5"}), b"plain"
            )
            request.connection.finish()

    inner = web.Application([("/app/items/([a-z]+)", Echo)])
    routed = RuleRouter([Rule(PathMatches("/app/.*"), inner), Rule(PathMatches("/plain"), plain)])
    with serving(routed) as port:
        served = Served(port, recorder)
        assert served.ask("/plain")[2] == b"plain"
        assert served.ask("/app/items/x")[0] == 405
        assert served.ask("/app/nothing")[0] == 404
        assert served.ask("/nobody")[0] == 404
    with serving(plain) as port:
        assert Served(port, recorder).ask("/any")[2] == b"plain"
    with serving(WSGIContainer(wsgi_application)) as port:
        assert Served(port, recorder).ask("/unavailable")[0] == 503
    spans = [span for span in recorder.wait(8) if span["kind"] == "SERVER"]
    assert [(span["name"], span["attributes"]["http.response.status_code"]) for span in spans] == [
        ("GET /plain", 200),
        ("GET /app/items/{}", 405),
        ("GET", 404),
        ("GET", 404),
        ("GET", 200),
        ("GET", 503),
    ]


def test_static_files(recorder, instrument, tmp_path):
    """They are noise, and their route names no file."""
    instrument(*PARTS)
    (tmp_path / "app.css").write_text("p {}")
    with serving(application(static_path=str(tmp_path))) as port:
        served = Served(port, recorder)
        assert served.ask("/static/app.css")[2] == b"p {}"
        assert served.ask("/static/nothing.css")[0] == 404
        assert served.ask("/favicon.ico")[0] == 404
    first, second, third = recorder.wait(3)
    assert first["name"] == "GET /static/{}"
    assert first["attributes"]["code.function.name"] == "tornado.web.StaticFileHandler.get"
    assert second["status"] == "UNSET"
    assert third["name"] == "GET /favicon.ico"


def test_a_forged_form(recorder, instrument):
    """What XSRF protection refuses is an answer; nothing asks for the user, who is asked for where the program wants it."""
    instrument(*PARTS)

    class Form(web.RequestHandler):
        def get_current_user(self):
            raise AssertionError("nobody asked")

        def post(self):
            raise AssertionError("forged")

    with serving(web.Application([("/form", Form)], xsrf_cookies=True, cookie_secret="secret")) as port:
        assert Served(port, recorder).ask("/form", "POST", body=b"a=1")[0] == 403
    (span,) = recorder.wait(1)
    assert (span["name"], span["status"]) == ("POST /form", "UNSET")


def test_a_handler_that_lets_the_client_go(recorder, instrument):
    """Where it says itself that the stream was closed, that is the client's doing only if it was."""
    instrument(*PARTS)

    class Upstream(web.RequestHandler):
        def get(self):
            raise StreamClosedError

    with serving(web.Application([("/upstream", Upstream)])) as port:
        assert Served(port, recorder).ask("/upstream")[0] == 500
    (span,) = recorder.wait(1)
    assert span["exception"] == "tornado.iostream.StreamClosedError: Stream is closed"


@pytest.mark.parametrize(
    ("pattern", "readable"),
    [
        ("/", "/"),
        ("^/orders/$", "/orders/"),
        ("/?$", "/"),
        (r"/orders/(\d+)$", "/orders/{}"),
        (r"/orders/(?P<id>[^/()]+)/lines/(?P<line>\d+(?:-\d+)?)$", "/orders/{id}/lines/{line}"),
        (r"/(favicon\.ico)$", "/favicon.ico"),
        (r"/page(/.*)?$", "/page{}"),
        (r"/page/(\w{2,3}){1,2}/x", "/page/{}/x"),
        (r"/a\.b\-c/(?:x|y)/[a-z]+", "/a.b-c/(?:x|y)/[a-z]+"),
        (r"/cost\$", "/cost$"),
        (r"/open([)]/x", "/open{}"),
        (r"/(a)(b\()(?P<c>d)", "/ab(d"),
    ],
)
def test_patterns_are_made_readable(pattern, readable):
    """Groups are their names, everything else stays."""
    assert template(pattern) == readable
