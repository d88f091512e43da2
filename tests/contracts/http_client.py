"""The contract of the HTTP client family: what every instrumentor of an HTTP client keeps, on real connections.

A library's tests subclass ``HttpClientContract`` (or ``AsyncHttpClientContract``) and say how a request is sent with it.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
import pickle
import sys
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

import autotrace
import recorder as recording
from autotrace.conventions import http
from autotrace.families.http import http_client, http_connection
from autotrace.faults import faults
from autotrace.trace.context import get_current, set_current
from autotrace.trace.sampling import Sampler
from autotrace.trace.span import SERVER, UNSET, Operation
from autotrace.trace.tracer import Remote, tracer
from contracts.http_origin import refusing, serving

TRACE, CALLER = "ab" * 16, "cd" * 8
_OPERATION = Operation("test", SERVER, "test", lambda facts, outcome, failure: (facts[0], {}, UNSET, ""))
_OURS = os.path.dirname(os.path.abspath(autotrace.__file__)) + os.sep


@contextmanager
def caller(name="caller", flags=1, tracestate="", baggage=""):
    """Make a span current whose parent came from elsewhere, as a server does for a request."""
    remote = Remote(TRACE, CALLER, flags, tracestate, baggage)
    span = tracer.enter(_OPERATION, (name,), remote, get_current())
    set_current(span)
    try:
        yield span
    finally:
        tracer.finish(span)


def frames_of(error):
    """Return file and function of each frame of an exception and of all that led to it."""
    frames, seen = [], set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        traceback = error.__traceback__
        while traceback is not None:
            code = traceback.tb_frame.f_code
            frames.append((code.co_filename, code.co_name))
            traceback = traceback.tb_next
        error = error.__cause__ or error.__context__
    return frames


class HttpClientContract(ABC):
    """What a user of any HTTP client sees.

    Attributes:
        instrumentor: by its name, which is also the scope of its spans.
        parts: the instrumentors of the same library that belong to it.
        layers: the instrumentors of the libraries beneath it that are of the same family.
        follows: whether it is told to follow redirects, each hop being a request of its own.
        refused: what the program gets when nobody listens.
        timed_out: what the program gets when the answer takes too long.
    """

    instrumentor = ""
    parts = ()
    layers = ()
    follows = True
    refused: type[BaseException] = OSError
    timed_out: type[BaseException] = OSError

    @abstractmethod
    def send(self, method, url, headers=None, body=None, timeout=None):
        """Send a request with the library, read the answer, close everything; return the status."""

    @pytest.fixture
    def origin(self):
        """A server."""
        with serving() as origin:
            yield origin

    @pytest.fixture
    def traced(self, recorder, instrument):
        """The recorder, with the instrumentor in place."""
        instrument(self.instrumentor, *self.parts)
        yield recorder
        http.configure()

    def expected(self, origin, path, status, number=1, **attributes):
        """Return the whole span of an answered GET that is a root."""
        failed = {"error.type": str(status)} if status >= 400 else {}
        return {
            "name": "GET",
            "kind": "CLIENT",
            "scope": self.instrumentor,
            "trace_id": f"{number:032x}",
            "span_id": f"{number:016x}",
            "parent_id": "",
            "attributes": {
                "http.request.method": "GET",
                "url.full": origin.url + path,
                "server.address": "127.0.0.1",
                "server.port": origin.port,
                "http.response.status_code": status,
                "network.protocol.version": "1.1",
                **failed,
                **attributes,
            },
            "status": "ERROR" if failed else "UNSET",
        }

    @pytest.mark.parametrize("status", [200, 204, 304, 404, 500])
    def test_answer(self, traced, origin, status):
        """A request is one CLIENT span; 4xx and 5xx are errors, named by the status."""
        assert self.send("GET", f"{origin.url}/status/{status}?q=1") == status
        assert traced.wait(1) == [self.expected(origin, f"/status/{status}?q=1", status)]

    def test_context_is_sent(self, traced, origin):
        """The server gets exactly one traceparent, which names the span of the request."""
        self.send("GET", origin.url + "/")
        (span,) = traced.wait(1)
        (asked,) = origin.asked
        assert asked.all("traceparent") == [f"00-{span['trace_id']}-{span['span_id']}-03"]
        assert asked.all("tracestate") == asked.all("baggage") == []

    def test_parent(self, traced, origin):
        """The span is a child of the current one, which is current again afterwards; tracestate and baggage travel."""
        with caller(tracestate="vendor=1", baggage="user=7") as parent:
            self.send("GET", origin.url + "/")
            assert get_current() is parent
        span, outer = traced.wait(2)
        assert (span["trace_id"], span["parent_id"]) == (TRACE, outer["span_id"])
        (asked,) = origin.asked
        assert asked.all("traceparent") == [f"00-{TRACE}-{span['span_id']}-01"]
        assert asked.all("tracestate") == ["vendor=1"]
        assert asked.all("baggage") == ["user=7"]

    def test_context_of_the_program_beneath_a_span(self, traced, origin):
        """A context of another trace that the program set stays, whatever its case, and the span links to it."""
        mine = {"TraceParent": f"00-{'1' * 32}-{'2' * 16}-01", "TRACESTATE": "a=b", "Baggage": "mine=1", "X-Other": "x"}
        given = dict(mine)
        with caller(baggage="ours=1"):
            self.send("GET", origin.url + "/", headers=given)
        (asked,) = origin.asked
        assert asked.all("traceparent") == [mine["TraceParent"]]
        assert asked.all("tracestate") == ["a=b"]
        assert asked.all("baggage") == ["mine=1"]
        assert asked.all("x-other") == ["x"]
        assert given == mine
        span, outer = traced.wait(2)
        assert (span["trace_id"], span["parent_id"]) == (TRACE, outer["span_id"])
        assert span["links"] == [("1" * 32, "2" * 16)]

    def test_context_of_the_program_of_the_same_trace(self, traced, origin):
        """Where the program hands on what came in, ours is nearer, and its baggage stays."""
        mine = {"Traceparent": f"00-{TRACE}-{CALLER}-01", "Tracestate": "old=1", "Baggage": "mine=1"}
        with caller(tracestate="new=1", baggage="ours=1"):
            self.send("GET", origin.url + "/", headers=mine)
        (asked,) = origin.asked
        span, _ = traced.wait(2)
        assert asked.all("traceparent") == [f"00-{TRACE}-{span['span_id']}-01"]
        assert asked.all("tracestate") == ["new=1"]
        assert asked.all("baggage") == ["mine=1"]
        assert "links" not in span

    def test_context_of_the_program_where_no_span_is_current(self, traced, origin):
        """It is the parent of the span, and its tracestate and decision go on with ours."""
        mine = {"Traceparent": f"00-{'1' * 32}-{'2' * 16}-03", "TraceState": "a=b", "Baggage": "mine=1"}
        assert self.send("GET", origin.url + "/status/200", headers=mine) == 200
        (asked,) = origin.asked
        (span,) = traced.wait(1)
        assert (span["trace_id"], span["parent_id"], span["tracestate"]) == ("1" * 32, "2" * 16, "a=b")
        assert asked.all("traceparent") == [f"00-{'1' * 32}-{span['span_id']}-03"]
        assert asked.all("tracestate") == ["a=b"]
        assert asked.all("baggage") == ["mine=1"]
        traced.clear()
        self.send("GET", origin.url + "/", headers={"traceparent": f"00-{'1' * 32}-{'2' * 16}-00"})
        assert traced.finished() == []
        assert origin.asked[1].all("traceparent")[0].startswith(f"00-{'1' * 32}-")
        assert origin.asked[1].all("traceparent")[0].endswith("-00")

    @pytest.mark.parametrize("broken", ["rubbish", f"00-{'0' * 32}-{'2' * 16}-01", f"ff-{'1' * 32}-{'2' * 16}-01"])
    def test_broken_context_of_the_program(self, traced, origin, broken):
        """What nobody can read is replaced, with the tracestate that belongs to it."""
        self.send("GET", origin.url + "/", headers={"traceparent": broken, "tracestate": "a=b"})
        (asked,) = origin.asked
        (span,) = traced.wait(1)
        assert span["parent_id"] == ""
        assert asked.all("traceparent") == [f"00-{span['trace_id']}-{span['span_id']}-03"]
        assert asked.all("tracestate") == []

    def test_context_of_the_program_to_an_excluded_url(self, traced, origin):
        """A request that the user excluded passes on what the program has put there."""
        http.configure(excluded_urls=["status"])
        mine = f"00-{'1' * 32}-{'2' * 16}-01"
        self.send("GET", origin.url + "/status/200", headers={"traceparent": mine})
        assert origin.asked[0].all("traceparent") == [mine]
        assert traced.finished() == []

    def test_body(self, traced, origin):
        """A body arrives as it was sent."""
        assert self.send("POST", origin.url + "/", headers={"Content-Type": "text/plain"}, body=b"x" * 100_000) == 200
        assert origin.asked[0].body == b"x" * 100_000
        assert len(origin.asked[0].all("traceparent")) == 1
        assert traced.wait(1)[0]["name"] == "POST"

    def test_unknown_method(self, traced, origin):
        """A method that the standard does not know is told beside _OTHER."""
        assert self.send("PURGE", origin.url + "/") == 200
        (span,) = traced.wait(1)
        assert span["name"] == "HTTP"
        assert span["attributes"]["http.request.method"] == "_OTHER"
        assert span["attributes"]["http.request.method_original"] == "PURGE"

    def test_secrets(self, traced, origin):
        """The value of a secret key is sent, but not kept."""
        self.send("GET", origin.url + "/?access_token=abc&x=1")
        assert origin.asked[0].path == "/?access_token=abc&x=1"
        (span,) = traced.wait(1)
        assert span["attributes"]["url.full"] == origin.url + "/?access_token=REDACTED&x=1"

    def test_redirect(self, traced, origin):
        """Each hop of a redirect is a span beside the others, with a context of its own."""
        if not self.follows:
            return
        with caller():
            assert self.send("GET", origin.url + "/redirect") == 200
        first, second, outer = traced.wait(3)
        assert [(asked.path, asked.all("traceparent")) for asked in origin.asked] == [
            ("/redirect", [f"00-{TRACE}-{first['span_id']}-01"]),
            ("/status/200", [f"00-{TRACE}-{second['span_id']}-01"]),
        ]
        assert first["parent_id"] == second["parent_id"] == outer["span_id"]
        assert first["attributes"]["http.response.status_code"] == 302
        assert second["attributes"]["http.response.status_code"] == 200
        assert "http.request.resend_count" not in first["attributes"]
        assert second["attributes"]["http.request.resend_count"] == 1

    def test_redirect_where_no_span_is_current(self, traced, origin):
        """The hops are beside each other in one trace, and the next request has a trace of its own."""
        if not self.follows:
            return
        assert self.send("GET", origin.url + "/redirect") == 200
        assert self.send("GET", origin.url + "/") == 200
        first, second, next_ = traced.wait(3)
        assert first["trace_id"] == second["trace_id"] != next_["trace_id"]
        assert {span["parent_id"] for span in (first, second, next_)} == {""}
        assert [span["attributes"].get("http.request.resend_count") for span in (first, second, next_)] == [
            None,
            1,
            None,
        ]
        assert [asked.all("traceparent")[0] for asked in origin.asked] == [
            f"00-{span['trace_id']}-{span['span_id']}-03" for span in (first, second, next_)
        ]

    def test_redirect_beneath_a_context_of_the_program(self, traced, origin):
        """Each hop that carries it is beneath it."""
        if not self.follows:
            return
        self.send("GET", origin.url + "/redirect", headers={"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"})
        spans = traced.wait(2)
        assert {(span["trace_id"], span["parent_id"]) for span in spans} == {("1" * 32, "2" * 16)}
        assert [asked.all("traceparent")[0] for asked in origin.asked] == [
            f"00-{'1' * 32}-{span['span_id']}-01" for span in spans
        ]

    def test_redirect_that_is_not_sampled(self, traced, origin, monkeypatch):
        """What is decided for the first hop holds for the others."""
        if not self.follows:
            return
        drawn = iter(["f" * 32, "0" * 32])
        monkeypatch.setattr(tracer, "sampler", Sampler(0.5))
        monkeypatch.setattr(tracer, "new_trace_id", lambda: next(drawn))
        self.send("GET", origin.url + "/redirect")
        assert traced.finished() == []
        assert [asked.all("traceparent")[0][-3:] for asked in origin.asked] == ["-02", "-02"]

    def test_connection_refused(self, traced):
        """A connection that cannot be made is a span with the exception that the program gets."""
        with refusing() as url, pytest.raises(self.refused):
            self.send("GET", url + "/?token=abc")
        (span,) = traced.wait(1)
        assert span["status"] == "ERROR"
        assert span["attributes"] == {
            "http.request.method": "GET",
            "url.full": url + "/?token=REDACTED",
            "server.address": "127.0.0.1",
            "server.port": int(url.rpartition(":")[2]),
            "error.type": span["exception"].partition(":")[0],
        }
        assert "token=abc" not in span.get("message", "")
        assert get_current() is None

    def test_connection_dropped(self, traced, origin):
        """A server that goes away without an answer is an error; every attempt that was made is a span."""
        with pytest.raises(Exception):  # noqa: B017
            self.send("GET", origin.url + "/drop")
        spans = traced.wait(len(origin.asked))
        for span in spans:
            assert span["status"] == "ERROR"
            assert span["attributes"]["error.type"] == span["exception"].partition(":")[0]
            assert "http.response.status_code" not in span["attributes"]

    def test_time_out(self, traced, origin):
        """An answer that takes too long is an error."""
        with pytest.raises(self.timed_out):
            self.send("GET", origin.url + "/slow", timeout=0.2)
        (span,) = traced.wait(1)
        assert span["status"] == "ERROR"
        assert span["attributes"]["error.type"] == span["exception"].partition(":")[0]
        assert "imeout" in span["exception"] or "timed out" in span["exception"]
        assert get_current() is None

    def test_tracebacks(self, recorder, instrument):
        """An exception's traceback reads as without us (from Python 3.11 on, where that can be had)."""
        with refusing() as url:
            errors = []
            for names in ((), (self.instrumentor, *self.layers)):
                for name in names:
                    instrument(name)
                with pytest.raises(self.refused) as caught:
                    self.send("GET", url + "/")
                errors.append(caught.value)
        assert type(errors[0]) is type(errors[1])
        if sys.version_info >= (3, 11):
            assert not [name for name, _ in frames_of(errors[1]) if name.startswith(_OURS)]
            assert frames_of(errors[0]) == frames_of(errors[1])

    def test_concurrency(self, traced, origin):
        """Requests of several threads at once are each beneath their own caller."""

        def work(number):
            with caller(f"caller {number}"):
                return self.send("GET", f"{origin.url}/?n={number}")

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(work, range(24))) == [200] * 24
        self.check_concurrent(traced, origin)

    def check_concurrent(self, traced, origin):
        """Compare each request with its caller, here and at the server."""
        spans = traced.wait(48)
        parents = {span["span_id"]: span["name"] for span in spans if span["name"] != "GET"}
        sent = {asked.path: asked.all("traceparent") for asked in origin.asked}
        requests = [span for span in spans if span["name"] == "GET"]
        assert len(requests) == len(sent) == 24
        for span in requests:
            number = span["attributes"]["url.full"].rpartition("=")[2]
            assert parents[span["parent_id"]] == f"caller {number}"
            assert sent[f"/?n={number}"] == [f"00-{TRACE}-{span['span_id']}-01"]

    def test_unsampled(self, traced, origin, monkeypatch):
        """A trace that is not sampled leaves no span, and says so to the server."""
        monkeypatch.setattr(tracer, "sampler", Sampler(0.0))
        assert self.send("GET", origin.url + "/") == 200
        with refusing() as url, pytest.raises(self.refused):
            self.send("GET", url + "/")
        assert traced.finished() == []
        (header,) = origin.asked[0].all("traceparent")
        assert header.endswith("-02")

    def test_excluded(self, traced, origin, instrument):
        """A URL that the user excluded leaves no span, nor does anything beneath, and the server is told so."""
        for name in self.layers:
            instrument(name)
        http.configure(excluded_urls=("/healthz",))
        with caller():
            assert self.send("GET", origin.url + "/healthz") == 200
            assert self.send("GET", origin.url + "/") == 200
        names = [span["name"] for span in traced.wait(2)]
        assert names == ["GET", "caller"]
        first, second = (asked.all("traceparent") for asked in origin.asked)
        assert first[0].startswith(f"00-{TRACE}-")
        assert [header[-3:] for header in first + second] == ["-00", "-01"]

    def test_one_request_is_one_span(self, recorder, origin, instrument):
        """With every layer beneath instrumented too, in any order, there is one span and one traceparent."""
        for order in ((self.instrumentor, *self.layers), (*self.layers, self.instrumentor)):
            undo = recording.instrument(*order)
            try:
                recorder.clear()
                origin.asked.clear()
                assert self.send("POST", origin.url + "/", body=b"x") == 200
            finally:
                undo()
            (span,) = recorder.wait(1)
            assert span["scope"] == self.instrumentor
            assert origin.asked[0].all("traceparent") == [f"00-{span['trace_id']}-{span['span_id']}-03"]

    @pytest.mark.parametrize("broken", ["start", "put", "end", "clock"])
    def test_our_faults_stay_ours(self, traced, origin, monkeypatch, broken):
        """Whatever fails on our side, the request goes through, nothing stays current, and the fault is counted."""

        def fail(*args):
            raise RuntimeError("broken")

        if broken == "start":
            monkeypatch.setattr(tracer, "take_id", fail)
        elif broken == "clock":
            monkeypatch.setattr(tracer, "clock", fail)
        elif broken == "put":
            monkeypatch.setattr(http_client, "outgoing", fail)
            monkeypatch.setattr(http_connection, "outgoing", fail)
        else:
            monkeypatch.setattr(tracer, "submit", fail)
        assert self.send("GET", origin.url + "/", headers={"X-Other": "x"}) == 200
        assert len(origin.asked) == 1
        assert origin.asked[0].all("x-other") == ["x"]
        assert get_current() is None
        assert faults.pop(self.instrumentor) >= 1

    def test_failing_request_with_our_faults(self, traced, monkeypatch):
        """The program gets its own exception also when we fail on the way out."""

        def fail(*args):
            raise RuntimeError("broken")

        monkeypatch.setattr(tracer, "submit", fail)
        with refusing() as url, pytest.raises(self.refused):
            self.send("GET", url + "/")
        assert get_current() is None
        assert faults.pop(self.instrumentor) >= 1

    def test_functions_stay_what_they_are(self, recorder, instrument):
        """Patched functions have the name, the signature and the kind that they had, and are pickled by reference."""
        targets = [patch.target for patch in recording.KNOWN[self.instrumentor].instrumentor().patches]
        before = [_looks(target) for target in targets]
        originals = [_resolve(target) for target in targets]
        instrument(self.instrumentor)
        assert [_looks(target) for target in targets] == before
        for target, original in zip(targets, originals):
            function = _resolve(target)
            assert function is not original
            assert pickle.loads(pickle.dumps(function)) is function


class AsyncHttpClientContract(HttpClientContract):
    """The same for a library with coroutines; ``asend`` is what ``send`` is elsewhere."""

    @abstractmethod
    async def asend(self, method, url, headers=None, body=None, timeout=None):
        """Send a request with the library, read the answer, close everything; return the status."""

    def send(self, method, url, headers=None, body=None, timeout=None):
        """Run ``asend`` in an event loop of its own."""
        return asyncio.run(self._then_none_is_left(self.asend(method, url, headers, body, timeout)))

    @staticmethod
    async def _then_none_is_left(sending):
        before = get_current()
        try:
            return await sending
        finally:
            assert get_current() is before

    def test_tasks(self, traced, origin):
        """Requests of several tasks at once are each beneath their own caller."""

        async def work(number):
            with caller(f"caller {number}"):
                return await self.asend("GET", f"{origin.url}/?n={number}")

        async def main():
            return await asyncio.gather(*(work(number) for number in range(24)))

        assert asyncio.run(main()) == [200] * 24
        self.check_concurrent(traced, origin)

    def test_cancelled(self, traced, origin):
        """A request that the program cancels is no error: it has no status and no error.type."""

        async def main():
            with caller():
                task = asyncio.ensure_future(self.asend("GET", origin.url + "/slow"))
                assert await asyncio.to_thread(origin.arrived.wait, 10)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task

        asyncio.run(main())
        span, outer = traced.wait(2)
        assert span["status"] == "UNSET"
        assert span["parent_id"] == outer["span_id"]
        assert span["attributes"] == {
            "http.request.method": "GET",
            "url.full": origin.url + "/slow",
            "server.address": "127.0.0.1",
            "server.port": origin.port,
        }
        assert "exception" not in span


def _resolve(target):
    module, _, path = target.partition(":")
    owner = importlib.import_module(module)
    for name in path.split("."):
        owner = getattr(owner, name)
    return owner


def _looks(target):
    function = _resolve(target)
    return (
        inspect.signature(function),
        function.__name__,
        function.__qualname__,
        function.__module__,
        function.__doc__,
        type(function),
        inspect.iscoroutinefunction(function),
        pickle.dumps(function),
    )
