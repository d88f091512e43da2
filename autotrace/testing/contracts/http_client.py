"""The contract of the HTTP client family: what every instrumentor of an HTTP client keeps, on real connections.

A library's tests subclass ``HttpClientContract`` (or ``AsyncHttpClientContract``) and say how a request is sent with it.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor

import pytest

from autotrace.conventions import http
from autotrace.testing import recorder as recording
from autotrace.testing.contracts.http_client_base import CALLER, TRACE, caller
from autotrace.testing.contracts.http_client_wall import HttpClientWall
from autotrace.testing.contracts.http_origin import refusing
from autotrace.trace.context import get_current
from autotrace.trace.sampling import Sampler
from autotrace.trace.tracer import tracer


class HttpClientContract(HttpClientWall):
    """What a user of any HTTP client sees; the attributes to set, and ``send``, are ``HttpClientBase``'s."""

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
        mine = self.instrumentor, *self.parts
        for order in ((*mine, *self.layers), (*self.layers, *mine)):
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
