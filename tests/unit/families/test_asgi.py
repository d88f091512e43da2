"""The boundary of ASGI: which message ends a request, and what becomes of exceptions and of clients that go."""

from __future__ import annotations

import asyncio
import inspect
import sys

import pytest

from autotrace import api
from autotrace.families.http import applications, asgi
from autotrace.testing import frames
from autotrace.trace.context import get_current

START = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b"x"}


def scope(**changes):
    """Return the scope of a request."""
    return {
        "type": "http",
        "method": "GET",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"",
        "headers": [(b"host", b"shop.example")],
        **changes,
    }


class Server:
    """As much of a server as an application sees."""

    def __init__(self, *messages):
        self.messages = list(messages)
        self.sent = []

    async def receive(self):
        """Hand out the next message."""
        return self.messages.pop(0)

    async def send(self, message):
        """Take a message; an exception in it is raised."""
        if "error" in message:
            raise message["error"]
        self.sent.append(message)

    def serve(self, application, **changes):
        """Call a traced application, to its end."""
        traced = asgi.bare(application, "test")
        return asyncio.run(self._serve(traced, scope(**changes)))

    async def _serve(self, traced, asked):
        result = await traced(asked, self.receive, self.send)
        assert get_current() is None
        return result


def sending(*messages):
    """Return an application that sends messages, or raises the exceptions among them."""

    async def application(scope, receive, send):
        for message in messages:
            if isinstance(message, BaseException):
                raise message
            await send(message)

    return application


def test_messages_pass_unchanged(recorder):
    """What the application sends is what the server gets."""
    server = Server()
    messages = [START, {**BODY, "more_body": True}, BODY]
    server.serve(sending(*messages))
    assert [id(message) for message in server.sent] == [id(message) for message in messages]
    assert recorder.wait(1)[0]["attributes"]["url.path"] == "/a%20b"


@pytest.mark.parametrize(
    "last",
    [
        [BODY],
        [{**START, "trailers": True}, BODY, {"type": "http.response.trailers", "headers": []}],
        [{"type": "http.response.pathsend", "path": "/file"}],
        [{"type": "http.response.zerocopysend", "file": 1}],
    ],
)
def test_the_last_message_ends_the_span(recorder, last):
    """With the last message of a response its span has ended; what comes then is beneath it."""

    async def application(scope, receive, send):
        await send(START)
        for message in last:
            assert recorder.finished() == []
            await send(message)
        assert len(recorder.finished()) == 1
        with api.span("afterwards"):
            pass

    Server().serve(application)
    span, afterwards = recorder.finished()
    assert afterwards["parent_id"] == span["span_id"]


def test_an_exception_before_the_response(recorder):
    """The server answers with 500 in the application's stead."""
    with pytest.raises(ValueError, match="broken") as caught:
        Server().serve(sending(ValueError("broken")))
    (span,) = recorder.wait(1)
    assert (span["attributes"]["http.response.status_code"], span["exception"]) == (500, "ValueError: broken")
    if sys.version_info >= (3, 11):
        assert not frames.ours(caught.value)


def test_an_exception_within_the_response(recorder):
    """The status that has gone out stays, and the span is an error."""
    with pytest.raises(ValueError, match="broken"):
        Server().serve(sending(START, {**BODY, "more_body": True}, ValueError("broken")))
    (span,) = recorder.wait(1)
    assert (span["attributes"]["http.response.status_code"], span["status"]) == (200, "ERROR")


def test_an_exception_after_the_response(recorder):
    """What fails after a good response is not the request's failure."""
    with pytest.raises(ValueError, match="broken"):
        Server().serve(sending(START, BODY, ValueError("broken")))
    assert recorder.wait(1)[0]["status"] == "UNSET"


def test_an_exception_after_an_error_response(recorder):
    """The exception that follows an error response explains it; the span ends where the body did."""

    async def application(scope, receive, send):
        await send({**START, "status": 500})
        await send(BODY)
        for _ in range(9):
            with api.span("handling"):
                pass
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        Server().serve(application)
    span = recorder.spans[-1]
    assert recorder.finished()[-1]["exception"] == "ValueError: broken"
    assert span.end == span.start + 1000


@pytest.mark.parametrize("error", [OSError("gone"), type("ClientDisconnect", (Exception,), {})()])
@pytest.mark.parametrize("told", ["receive", "send"])
def test_a_client_that_goes_is_no_error(recorder, error, told):
    """What is raised because the client has gone is no error, whether the application heard of it or ran into it."""

    async def application(scope, receive, send):
        await send(START)
        if told == "receive":
            await receive()
            raise error
        await send({**BODY, "error": error})

    with pytest.raises(type(error)):
        Server({"type": "http.disconnect"}).serve(application)
    assert recorder.wait(1)[0]["status"] == "UNSET"


def test_other_exceptions_are_errors_though_the_client_has_gone(recorder):
    """A bug stays a bug."""

    async def application(scope, receive, send):
        await receive()
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        Server({"type": "http.disconnect"}).serve(application)
    assert recorder.wait(1)[0]["status"] == "ERROR"


def test_a_cancelled_request_is_no_error(recorder):
    """A task that the server cancels ends the span with what is known."""

    async def main():
        started = asyncio.Event()

        async def application(scope, receive, send):
            await send(START)
            started.set()
            await asyncio.Event().wait()

        server = Server()
        task = asyncio.ensure_future(asgi.bare(application, "test")(scope(), server.receive, server.send))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    (span,) = recorder.wait(1)
    assert (span["attributes"]["http.response.status_code"], span["status"]) == (200, "UNSET")


@pytest.mark.parametrize(
    ("messages", "status"),
    [
        ([{"type": "websocket.accept"}, {"type": "websocket.close"}], 101),
        ([{"type": "websocket.close"}], 403),
        ([{"type": "websocket.http.response.start", "status": 401}, {"type": "websocket.http.response.body"}], 401),
    ],
)
def test_a_websockets_status_is_its_handshakes(recorder, messages, status):
    """The status of a websocket is what its handshake was answered with."""
    Server().serve(sending(*messages), type="websocket", method=None)
    assert recorder.wait(1)[0]["attributes"]["http.response.status_code"] == status


def test_lifespan_passes(recorder):
    """The messages of start and stop go to the application as they are."""

    async def application(scope, receive, send):
        return scope, receive, send

    async def main():
        server = Server()
        asked = {"type": "lifespan"}
        passed = await asgi.bare(application, "test")(asked, server.receive, server.send)
        assert passed == (asked, server.receive, server.send)

    asyncio.run(main())
    assert recorder.finished() == []


def test_headers(recorder):
    """A header that comes twice counts as one; headers that can be read once are left to the application."""
    parent = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = [(b"traceparent", parent), (b"tracestate", b"a=1"), (b"tracestate", b"b=2")]
    Server().serve(sending(START, BODY), headers=headers)
    once = iter(headers)
    Server().serve(sending(START, BODY), headers=once)
    assert len(list(once)) == 3
    first, second = recorder.wait(2)
    assert (first["tracestate"], second["parent_id"]) == ("a=1,b=2", "")


def test_a_path_without_its_raw_form(recorder):
    """Where the server does not say what the path looked like it is encoded."""
    Server().serve(sending(START, BODY), raw_path=None, path="/a b/\xe9")
    assert recorder.wait(1)[0]["attributes"]["url.path"] == "/a%20b/%C3%A9"


@pytest.mark.parametrize("query", [b"page=2", "page=2"])
def test_a_query_may_be_text(recorder, query):
    """As tests give it that call an application themselves; the request is traced like another."""
    Server().serve(sending(START, BODY), query_string=query)
    assert recorder.wait(1)[0]["attributes"]["url.query"] == "page=2"


def test_a_wrong_call_is_refused_at_once():
    """A server that calls without arguments, to see whether it has a factory, gets the TypeError before any await."""

    class Application:
        async def __call__(self, scope, receive, send):
            """Do nothing."""

    traced = asgi.application()(Application.__call__, "test")
    with pytest.raises(TypeError):
        traced(Application())
    with pytest.raises(TypeError):
        asgi.bare(Application(), "test")()
    with pytest.raises(TypeError):
        applications.either(Application(), "test")()


def test_an_application_that_is_an_object_looks_like_one(recorder):
    """Servers look at its ``__call__`` to tell which ASGI it speaks, and call it to see whether it makes one."""

    class Application:
        async def __call__(self, scope, receive, send):
            """Answer."""
            await sending(START, BODY)(scope, receive, send)

    application = Application()
    got = applications.returned(applications.either)(lambda: application, "test")()
    assert (got, type(got) is Application, isinstance(got, Application)) == (application, False, True)
    for call in (got.__call__, getattr(got, "__call__")):  # noqa: B004, B009 - as uvicorn and asgiref do
        assert inspect.iscoroutinefunction(call)
        assert inspect.signature(call) == inspect.signature(application.__call__)
    assert not inspect.isfunction(got)
    for wrong in (got, got.__call__):
        with pytest.raises(TypeError):
            wrong()
    server = Server()
    asyncio.run(got(scope(), server.receive, server.send))
    asyncio.run(got.__call__(scope(), server.receive, server.send))
    assert server.sent == [START, BODY] * 2
    assert [span["attributes"]["url.path"] for span in recorder.wait(2)] == ["/a%20b"] * 2


def test_only_the_call_tells_what_an_application_is(recorder):
    """A server that takes both kinds has a span for either."""

    def of_wsgi(environ, start_response):
        start_response("200 OK", [])
        return []

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/sync"}
    assert applications.either(of_wsgi, "test")(environ, lambda status, headers: None) == []
    server = Server()
    asyncio.run(applications.either(sending(START, BODY), "test")(scope(), server.receive, server.send))
    assert [span["attributes"]["url.path"] for span in recorder.wait(2)] == ["/sync", "/a%20b"]


def test_another_server_within_makes_no_second_span(recorder):
    """Where the same request passes two servers' boundaries the outer one has the span."""
    server = Server()
    inner = asgi.bare(sending(START, BODY), "inner")
    asyncio.run(asgi.bare(inner, "outer")(scope(), server.receive, server.send))
    assert recorder.wait(1)[0]["scope"] == "outer"
