"""Flask: under its test client, behind servers, mounted, failing, streaming."""

from __future__ import annotations

import logging

import flask
import flask.views
import pytest
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server

from autotrace import api
from autotrace.faults import faults
from autotrace.testing import frames
from autotrace.testing.contracts.http_applications import CHUNKS
from autotrace.testing.contracts.http_server import REMOTE, TRACE, Served, excluding, threaded


@pytest.fixture
def application():
    """An application with what there is to trace."""
    made = flask.Flask("shop")
    logging.getLogger("shop").setLevel(logging.CRITICAL + 1)

    @made.route("/items/<int:number>")
    def item(number):
        with api.span("work"):
            return f"item {number}"

    @made.route("/fail")
    def fail():
        raise ValueError("broken")

    @made.route("/handled")
    def handled():
        raise KeyError("handled")

    @made.errorhandler(KeyError)
    def answer(error):
        return "that went wrong", 500

    @made.route("/refuse")
    def refuse():
        flask.abort(503)

    @made.route("/stream")
    def stream():
        def steps():
            for chunk in CHUNKS:
                with api.span("step"):
                    pass
                yield chunk

        return flask.Response(flask.stream_with_context(steps()))

    @made.route("/file")
    def file():
        return flask.send_file(__file__)

    return made


def ask(application, path, method="GET"):
    """Send a request by the test client and read the response; returns its status."""
    with application.test_client().open(path, method=method, buffered=True) as response:
        return response.status_code


def test_the_test_client_makes_the_span(application, recorder, instrument):
    """Where no server made a span Flask makes it, with the route."""
    instrument("flask")
    assert application.test_client().get("/items/7?q=1", headers=REMOTE).get_data(as_text=True) == "item 7"
    work, span = recorder.wait(2)
    assert span == {
        "name": "GET /items/<int:number>",
        "kind": "SERVER",
        "scope": "flask",
        "trace_id": TRACE,
        "span_id": span["span_id"],
        "parent_id": "b7ad6b7169203331",
        "attributes": {
            "http.request.method": "GET",
            "url.scheme": "http",
            "url.path": "/items/7",
            "url.query": "q=1",
            "server.address": "localhost",
            "server.port": 80,
            "client.address": "127.0.0.1",
            "user_agent.original": span["attributes"]["user_agent.original"],
            "network.protocol.version": "1.1",
            "http.route": "/items/<int:number>",
            "code.function.name": f"{__name__}.application.<locals>.item",
            "http.response.status_code": 200,
        },
        "status": "UNSET",
    }
    assert work["parent_id"] == span["span_id"]


def test_a_call_from_a_span_of_the_program_is_beneath_it(application, recorder, instrument):
    """A request that comes from within this process, without context, is beneath what made it."""
    instrument("flask")
    with api.span("test"):
        application.test_client().get("/items/7")
    _, span, outer = recorder.wait(3)
    assert (span["trace_id"], span["parent_id"]) == (outer["trace_id"], outer["span_id"])


@pytest.mark.parametrize("path", ["/nothing", "/items/seven"])
def test_what_is_not_found_has_no_route(application, recorder, instrument, path):
    """What no route matches is named by its method alone."""
    instrument("flask")
    assert ask(application, path) == 404
    assert ask(application, "/items/7", "DELETE") == 405
    assert [span["name"] for span in recorder.wait(2)] == ["GET", "DELETE"]


def test_an_exception_that_became_a_500_is_told(application, recorder, instrument):
    """Flask answers an exception with a 500: its type, message and stack are on the span, without our frames."""
    instrument("flask")
    application.config["PROPAGATE_EXCEPTIONS"] = False
    assert ask(application, "/fail") == 500
    (span,) = recorder.wait(1)
    assert (span["status"], span["exception"], span["message"]) == ("ERROR", "ValueError: broken", "broken")
    assert span["attributes"]["http.response.status_code"] == 500
    assert span["name"] == "GET /fail"
    seen = recorder.spans[0].failure.frames
    assert seen[-1][2] == "fail"
    assert not [frame for frame in seen if frames.is_ours(frame[0])]


def test_an_exception_that_a_handler_answered_with_500_is_told(application, recorder, instrument):
    """So it is where the program's own error handler answers with a server error."""
    instrument("flask")
    assert ask(application, "/handled") == 500
    (span,) = recorder.wait(1)
    assert span["exception"] == "KeyError: 'handled'"


def test_an_exception_that_passes_is_told_once(application, recorder, instrument):
    """An exception that Flask lets through is recorded once, and its traceback has no frame of ours."""
    instrument("flask")
    application.testing = True
    with pytest.raises(ValueError, match="broken") as caught:
        application.test_client().get("/fail")
    (span,) = recorder.wait(1)
    assert span["exception"] == "ValueError: broken"
    assert "events" not in span
    if hasattr(caught.value, "add_note"):  # Python 3.11
        assert not frames.ours(caught.value)


def test_a_deliberate_refusal_is_no_exception(application, recorder, instrument):
    """An HTTP exception is an answer: the status says what it is."""
    instrument("flask")
    assert ask(application, "/refuse") == 503
    (span,) = recorder.wait(1)
    assert (span["status"], span["attributes"]["error.type"]) == ("ERROR", "503")
    assert "exception" not in span


def test_a_stream_is_covered(application, recorder, instrument):
    """Each step of a stream runs beneath the request."""
    instrument("flask")
    assert application.test_client().get("/stream").data == b"".join(CHUNKS)
    *steps, span = recorder.wait(4)
    assert {step["parent_id"] for step in steps} == {span["span_id"]}
    assert span["attributes"]["http.route"] == "/stream"


def test_a_file_is_the_same(application, recorder, instrument):
    """A file that is sent has the file's bytes."""
    instrument("flask")
    with open(__file__, "rb") as file, application.test_client().get("/file") as response:
        assert response.data == file.read()
    assert recorder.wait(1)[0]["attributes"]["http.response.status_code"] == 200


def test_behind_a_server_there_is_one_span(application, recorder, instrument):
    """Where the server made the span Flask only names it, with what the application is mounted beneath."""
    instrument("werkzeug", "flask")
    mounted = DispatcherMiddleware(lambda environ, start_response: [], {"/api": application})
    server = make_server("127.0.0.1", 0, mounted, threaded=True)
    server.RequestHandlerClass.log = lambda *_: None
    with threaded(lambda: server.serve_forever(0.02), server.shutdown):
        assert Served(server.port, recorder).ask("/api/items/7")[2] == b"item 7"
    work, span = recorder.wait(2)
    assert (span["scope"], span["name"]) == ("werkzeug", "GET /api/items/<int:number>")
    assert span["attributes"]["url.path"] == "/api/items/7"
    assert work["parent_id"] == span["span_id"]


def test_excluded(application, recorder, instrument):
    """An excluded URL records nothing, nor does what is beneath."""
    instrument("flask")
    with excluding(r"/items/\d"):
        assert application.test_client().get("/items/7").get_data(as_text=True) == "item 7"
    assert recorder.finished() == []


def test_our_own_failure_is_not_noticed(application, recorder, instrument, monkeypatch):
    """Where our own code fails the request is answered, and the fault is counted."""

    def fail(*_args):
        raise RuntimeError("ours")

    monkeypatch.setattr("autotrace.families.http.http_server.begin", fail)
    instrument("flask")
    assert application.test_client().get("/items/7").get_data(as_text=True) == "item 7"
    assert faults.pop("flask") == 1


def test_the_application_looks_as_before(application, instrument):
    """The application is what it was: nothing of it is replaced but functions of its class."""
    before = type(application), dict(vars(application))
    instrument("flask")
    assert (type(application), dict(vars(application))) == before


class Listed(flask.views.MethodView):
    """A view that is a class."""

    def get(self):
        """Answer."""
        return "listed"


def test_a_view_that_is_a_class_is_told_by_its_name(application, recorder, instrument):
    """Not by that of the function which Flask makes of it; what has no view has none."""
    instrument("flask")
    application.add_url_rule("/listed", view_func=Listed.as_view("listed"))
    assert ask(application, "/listed") == 200
    assert ask(application, "/nowhere") == 404
    views = [span["attributes"].get("code.function.name") for span in recorder.wait(2)]
    assert views == [f"{__name__}.Listed", None]
