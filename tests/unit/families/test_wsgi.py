"""The boundary of WSGI: what a server may expect of a traced application, and what runs beneath its span."""

from __future__ import annotations

import sys
from io import BytesIO
from wsgiref.util import FileWrapper, setup_testing_defaults

import pytest

from autotrace import api
from autotrace.families.http import wsgi
from autotrace.faults import faults
from autotrace.testing import frames
from autotrace.trace.context import get_current


class Server:
    """As much of a server as an application sees."""

    def __init__(self):
        self.calls = []
        self.written = []

    def start_response(self, status, headers, exc_info=None):
        """Note the call."""
        self.calls.append((status, headers, exc_info))
        return self.written.append

    def serve(self, application, **environ):
        """Call a traced application; returns the body as it is."""
        setup_testing_defaults(environ)
        return wsgi.application(outermost=True)(application, "test")(environ, self.start_response)


def names(recorder):
    """Return the names of the finished spans."""
    return [span["name"] for span in recorder.finished()]


@pytest.fixture
def server():
    """A server."""
    return Server()


@pytest.mark.parametrize("body", [[], [b"one"], (b"one", b"two")])
def test_lists_pass_unchanged(server, recorder, body):
    """A list or tuple is what the server gets; the span has ended."""

    def application(environ, start_response):
        start_response("204 No Content", [])
        return body

    assert server.serve(application) is body
    assert recorder.wait(1)[0]["attributes"]["http.response.status_code"] == 204


def test_what_a_file_wrapper_made_passes_unchanged(server, recorder):
    """What the server's class or function for files made is what it gets."""

    def application(environ, start_response):
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](BytesIO(b"content"))

    assert type(server.serve(application, **{"wsgi.file_wrapper": FileWrapper})) is FileWrapper
    assert type(server.serve(application, **{"wsgi.file_wrapper": lambda file: file})) is BytesIO
    recorder.wait(2)


def test_the_span_is_current_inside_only(server, recorder):
    """The span is current in the application, in each step and in `close`; never in between."""
    seen = []

    class Body:
        def __iter__(self):
            seen.append(get_current())
            return self

        def __next__(self):
            seen.append(get_current())
            if len(seen) == 5:
                raise StopIteration
            return b"x"

        def close(self):
            seen.append(get_current())

    def application(environ, start_response):
        seen.append(get_current())
        start_response("200 OK", [])
        return Body()

    body = server.serve(application)
    assert get_current() is None
    for _ in body:
        assert get_current() is None
    body.close()
    assert get_current() is None
    assert len(seen) == 6
    assert len(set(map(id, seen))) == 1
    assert recorder.wait(1)[0]["span_id"] == seen[0].span_id


def test_a_span_that_is_open_across_steps(server, recorder):
    """A span that the body opens in one step is the parent in the next, and of nobody else."""

    def application(environ, start_response):
        start_response("200 OK", [])
        with api.span("whole"):
            yield b"one"
            with api.span("within"):
                pass
            yield b"two"

    body = server.serve(application)
    for _ in body:
        with api.span("elsewhere"):
            pass
    elsewhere, within, _, whole, span = recorder.finished()
    assert [elsewhere["parent_id"], within["parent_id"], whole["parent_id"]] == ["", whole["span_id"], span["span_id"]]


def test_start_response_in_the_body(server, recorder):
    """A generator calls `start_response` when its first step runs; the status is known all the same."""

    def application(environ, start_response):
        start_response("203 Late", [])
        yield b"x"

    body = server.serve(application)
    assert server.calls == []
    assert list(body) == [b"x"]
    assert recorder.wait(1)[0]["attributes"]["http.response.status_code"] == 203


def test_start_response_twice(server, recorder):
    """An application that replaces its headers after an error has the later status; all arguments arrive."""

    def application(environ, start_response):
        start_response("200 OK", [])
        try:
            raise ValueError("broken")
        except ValueError:
            start_response("502 Bad Gateway", [("X", "y")], sys.exc_info())
        return [b"sorry"]

    server.serve(application)
    assert [call[0] for call in server.calls] == ["200 OK", "502 Bad Gateway"]
    assert server.calls[1][2][0] is ValueError
    assert recorder.wait(1)[0]["attributes"]["error.type"] == "502"


def test_write(server, recorder):
    """What `start_response` returned can be called; what follows it does not change the status that has gone out."""

    def application(environ, start_response):
        start_response("200 OK", [])(b"some")
        raise ValueError("late")

    with pytest.raises(ValueError, match="late"):
        server.serve(application)
    assert server.written == [b"some"]
    assert recorder.wait(1)[0]["attributes"]["http.response.status_code"] == 200


def test_a_client_that_goes_while_the_application_writes(server, recorder):
    """The server's own error about the client is not the application's."""

    def application(environ, start_response):
        start_response("200 OK", [])(b"some")

    def write(_data):
        raise BrokenPipeError

    server.written = type("Written", (), {"append": staticmethod(write)})
    with pytest.raises(BrokenPipeError):
        server.serve(application)
    assert recorder.wait(1)[0]["status"] == "UNSET"


@pytest.mark.parametrize("closable", [True, False])
def test_close_is_called_as_often_as_the_server_does(server, recorder, closable):
    """`close` reaches the body each time, and nothing is closed that cannot be; a body that was closed has ended."""
    closed = []

    class Body:
        def __iter__(self):
            return iter([b"one", b"two"])

    if closable:
        Body.close = lambda _self: closed.append(True)

    def application(environ, start_response):
        start_response("200 OK", [])
        return Body()

    body = server.serve(application)
    assert next(iter(body)) == b"one"
    assert recorder.finished() == []
    body.close()
    assert names(recorder) == ["GET"]
    body.close()
    assert len(closed) == (2 if closable else 0)
    assert names(recorder) == ["GET"]


def test_a_body_that_is_dropped(server, recorder):
    """A body that the server forgets ends its span when it goes."""

    def application(environ, start_response):
        start_response("200 OK", [])
        yield b"x"

    body = server.serve(application)
    assert names(recorder) == []
    del body
    assert names(recorder) == ["GET"]


def test_a_body_looks_as_before(server, recorder):
    """Length and attributes of a body are the body's; what has no length does not get one."""

    class Body(list):
        name = "mine"

    class Sized:
        name = "mine"

        def __iter__(self):
            return iter([b"x"])

        def __len__(self):
            return 1

    def application(environ, start_response):
        start_response("200 OK", [])
        return environ["body"]

    subclass = Body([b"x"])
    assert server.serve(application, body=subclass) is subclass
    sized = server.serve(application, body=Sized())
    assert (len(sized), sized.name) == (1, "mine")
    assert not hasattr(server.serve(application, body=iter([b"x"])), "__len__")
    assert not hasattr(sized, "other")


@pytest.mark.parametrize("step", ["call", "iter", "next", "close"])
def test_an_exception_is_told_and_passes(server, recorder, step):
    """An exception in any step is on the span, reaches the server, and has no frame of ours."""

    def fail(where):
        if where == step:
            raise ValueError(where)

    class Body:
        def __iter__(self):
            fail("iter")
            return self

        def __next__(self):
            fail("next")
            return b"x"

        def close(self):
            fail("close")

    def application(environ, start_response):
        start_response("200 OK", [])
        fail("call")
        return Body()

    def serve():
        body = server.serve(application)
        next(iter(body))
        body.close()

    with pytest.raises(ValueError, match=step) as caught:
        serve()
    assert get_current() is None
    (span,) = recorder.wait(1)
    assert span["exception"] == f"ValueError: {step}"
    assert span["attributes"]["http.response.status_code"] == (200 if step == "close" else 500)
    if sys.version_info >= (3, 11):
        assert not frames.ours(caught.value)


def test_what_ends_a_request_from_outside_is_no_error(server, recorder):
    """A worker that is told to exit in the middle of a request has no failed request."""

    def application(environ, start_response):
        start_response("200 OK", [])
        raise SystemExit(1)

    with pytest.raises(SystemExit):
        server.serve(application)
    assert recorder.wait(1)[0]["status"] == "UNSET"


def test_a_wrong_call_is_the_applications_to_refuse(recorder):
    """A call with other arguments than a server's goes through untraced."""
    traced = wsgi.application(outermost=True)(lambda *args, **kwargs: (args, kwargs), "test")
    assert traced() == ((), {})
    assert traced({}, None, None) == (({}, None, None), {})
    assert traced(environ={}, start_response=None) == ((), {"environ": {}, "start_response": None})
    assert recorder.finished() == []


def test_an_environ_that_is_none(server, recorder):
    """Where our own look at the environ fails the application gets it as it is, and the fault is counted."""
    traced = wsgi.application(outermost=True)(lambda environ, start_response: environ, "test")
    assert traced(7, server.start_response) == 7
    assert faults.pop("test") == 1


def test_a_status_that_is_none(server, recorder):
    """Where the status is no status the server decides; ours is counted."""

    def application(environ, start_response):
        start_response("OK", [])
        return []

    assert server.serve(application) == []
    assert faults.pop("test") == 1
