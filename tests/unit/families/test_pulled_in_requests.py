"""Messages that a web request pulls, with a library of this test's own: they last no longer than the request."""

from __future__ import annotations

import asyncio

import flask
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from autotrace.api import span
from autotrace.families.messaging.stream import Messaging
from autotrace.trace.context import get_current
from autotrace.trace.sampling import Sampler
from autotrace.trace.tracer import tracer

ACME = Messaging("acme")


class Consumer:
    """A library's consumer, with messages without end."""

    def pull(self):
        """Return a message, and put nothing on record."""
        return object()

    def poll(self):
        """Return several."""
        return [object(), object()]


@pytest.fixture
def consumer():
    """A consumer, traced, which is there before the first request and after the last."""

    def received(_message):
        return "replies", None, None, None, False, -1, ()

    def client(_consumer):
        return None, None, None, None, ()

    class Traced(Consumer):
        pull = ACME.one(received, client)(Consumer.pull, "acme")
        poll = ACME.batches(received, client)(Consumer.poll, "acme")

    return Traced()


def names(recorder):
    """Return the names of the spans that have ended, in that order."""
    return [one["name"] for one in recorder.finished()]


def test_a_reply_ends_with_the_request_and_is_no_obstacle_to_it(instrument, consumer, recorder):
    """Under Flask: the next request has nothing of the last one's, and the failure of a view is still the request's."""
    instrument("flask")
    app = flask.Flask(__name__)

    @app.route("/ask/<int:number>")
    def ask(number):
        consumer.pull()
        with span("work"):
            pass
        return str(1 // number)

    client = app.test_client()
    for number, status in ((1, 200), (0, 500), (2, 200)):
        recorder.clear()
        with client.get(f"/ask/{number}") as response:
            assert response.status_code == status
        assert get_current() is None
        polled, work, reply, request = recorder.wait(4)
        assert (polled["name"], reply["name"], request["name"]) == (
            "poll replies",
            "process replies",
            "GET /ask/<int:number>",
        )
        assert (polled["parent_id"], reply["parent_id"], work["parent_id"]) == (
            request["span_id"],
            request["span_id"],
            reply["span_id"],
        )
        assert request.get("exception", "").startswith("ZeroDivisionError") is (number == 0)
        assert reply["status"] == "UNSET"


@pytest.mark.parametrize("awaits", [True, False])
def test_a_reply_ends_with_the_request_whichever_thread_or_task_pulled_it(instrument, consumer, recorder, awaits):
    """Under Starlette: an endpoint that is a function runs in a pool's thread, and its request ends elsewhere."""
    instrument("starlette", "threads", "futures")

    def work():
        consumer.pull()
        assert len(names(recorder)) == 1

    async def awaiting(_request):
        await asyncio.get_running_loop().create_task(asyncio.sleep(0))
        work()
        return PlainTextResponse("done")

    def plain(_request):
        work()
        return PlainTextResponse("done")

    app = Starlette(routes=[Route("/ask", awaiting if awaits else plain)])
    with TestClient(app) as client:
        for _ in range(3):
            recorder.clear()
            assert client.get("/ask").text == "done"
            assert [name.split(" ")[0] for name in names(recorder)] == ["poll", "process", "GET"]


def test_a_batch_that_a_request_pulls_ends_with_it(consumer, recorder):
    """Also what was only looked at, and what is open deep inside."""
    with span("request"), span("inner"):
        for _message in consumer.poll():
            pass
        assert names(recorder) == ["poll replies"]
        consumer.poll()[0]
        assert len(names(recorder)) == 4
    assert names(recorder)[4:] == ["process replies", "inner", "request"]
    assert get_current() is None


def test_a_message_outlives_no_request_that_is_not_recorded(consumer, recorder):
    """A root that is not sampled ends what was pulled in it, too."""
    tracer.sampler = Sampler(0.0)
    with span("request"):
        consumer.pull()
        assert get_current().operation.family == "messaging.process"
    assert get_current() is None
    assert names(recorder) == []


def test_a_consumer_that_goes_on_after_the_request_that_began_it_is_not_disturbed(consumer, recorder):
    """A task that a request leaves behind: its message has ended with the request, its work is still beneath it."""

    async def consume(answered):
        consumer.pull()
        await answered.wait()
        with span("work"):
            pass
        consumer.pull()
        with span("later"):
            pass

    async def program():
        answered = asyncio.Event()
        with span("request"):
            task = asyncio.get_running_loop().create_task(consume(answered))
            await asyncio.sleep(0)
        answered.set()
        await task

    asyncio.run(program())
    found = {one["name"]: one for one in recorder.finished()}
    messages = [one["span_id"] for one in recorder.finished() if one["kind"] == "CONSUMER"]
    assert names(recorder)[:3] == ["poll replies", "process replies", "request"]
    assert found["work"]["parent_id"] == messages[0]
    assert found["later"]["parent_id"] not in ("", *messages[:1])


def test_one_span_around_many_pulls_keeps_nothing_of_them(consumer, recorder):
    """A worker's whole life may be a span."""
    with span("worker"):
        around = get_current()
        for _ in range(100):
            consumer.pull()
        assert len(around.notes["before end"]) == 1
    assert names(recorder)[-2:] == ["process replies", "worker"]
