"""What holds for every HTTP server: the contract suite of the family.

A subclass sets ``scope`` and has a fixture ``served``: a running server whose application is one of
``http_applications`` (or answers the same), with ``/excluded`` excluded.
"""

from __future__ import annotations

import inspect
import json
import pickle
import socket
import threading
import time
from contextlib import contextmanager
from http.client import HTTPConnection

from autotrace.conventions import http
from autotrace.families.http import http_server
from autotrace.faults import faults
from autotrace.patching.apply import _resolve
from autotrace.testing import recorder as recording
from autotrace.testing.contracts.http_applications import CHUNKS, PIECE, PIECES

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
REMOTE = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


class Served:
    """A server that runs.

    Attributes:
        port: where it listens on loopback.
        spans: the recorder of what it traces.
    """

    def __init__(self, port, spans):
        self.port = port
        self.spans = spans

    def ask(self, path, method="GET", headers=None, body=None):
        """Send one request; returns status, headers in lower case, and body."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, {"User-Agent": "tester", **(headers or {})})
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()


@contextmanager
def threaded(run, stop):
    """Run a server in a thread for the length of a block."""
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join(10)
        assert not thread.is_alive(), "the server did not stop within 10 s"


@contextmanager
def excluding(*patterns):
    """Exclude URLs for the length of a block."""
    http.configure(excluded_urls=patterns)
    try:
        yield
    finally:
        http.configure()


def server_span(spans):
    """Return the one span of a server out of several."""
    (span,) = [span for span in spans if span["kind"] == "SERVER"]
    return span


class HttpServerContract:
    """The suite; see the module."""

    scope = ""
    after = 0  # spans of `/hello` that end after the server's
    holds_back = True  # whether an application waits where the client does not read
    sees_disconnects = True  # whether the server tells the application, while it sends, that nobody is there any more
    streams = True  # whether the server sends a body piece by piece, as the application makes it

    def expected(self, served, path, status=200, **attributes):
        """Return the attributes of a request that ``Served.ask`` sent."""
        made = {
            "http.request.method": "GET",
            "url.scheme": "http",
            "url.path": path,
            "server.address": "127.0.0.1",
            "server.port": served.port,
            "client.address": "127.0.0.1",
            "user_agent.original": "tester",
            "network.protocol.version": "1.1",
            "http.response.status_code": status,
            **attributes,
        }
        return {name: value for name, value in made.items() if value is not None}

    @staticmethod
    def routed(span):
        """Return what a framework, if the server is one, says of a request beyond the server's part."""
        return {name: span["attributes"].get(name) for name in ("http.route", "code.function.name")}

    def one(self, served):
        """Return the only span."""
        (span,) = served.spans.wait(1)
        return span

    def test_a_request_is_a_root_with_what_runs_within_beneath_it(self, served):
        """A request without context is a new root; secrets in its query are redacted; what runs within is its child."""
        assert served.ask("/hello?q=1&token=abc")[::2] == (200, b"hello")
        spans = served.spans.wait(2 + self.after)
        span = server_span(spans)
        assert span == {
            "name": span["name"],
            "kind": "SERVER",
            "scope": self.scope,
            "trace_id": span["trace_id"],
            "span_id": span["span_id"],
            "parent_id": "",
            "attributes": self.expected(
                served,
                "/hello",
                **{"url.query": "q=1&token=REDACTED", **self.routed(span)},
            ),
            "status": "UNSET",
        }
        assert [other["parent_id"] for other in spans if other is not span] == [span["span_id"]] * (1 + self.after)

    def test_the_caller_is_the_parent(self, served):
        """A request with context continues the caller's trace, and hands on tracestate and baggage."""
        _, _, body = served.ask("/outgoing", headers={**REMOTE, "tracestate": "a=1,b=2", "baggage": "user=7"})
        work, span = served.spans.wait(2)
        assert (span["trace_id"], span["parent_id"]) == (TRACE, PARENT)
        assert json.loads(body) == {
            "traceparent": f"00-{TRACE}-{work['span_id']}-01",
            "tracestate": "a=1,b=2",
            "baggage": "user=7",
        }

    def test_the_wait_before_the_server(self, served):
        """A proxy in front says when it got the request; how long ago that was is on the span."""
        for count, (header, ago) in enumerate([("X-Request-Start", 0.5), ("X-Queue-Start", 2)], 1):
            served.ask("/unavailable", headers={header: f"t={time.time() - ago:.3f}"})
            waited = served.spans.wait(count)[-1]["attributes"]["autotrace.http.wait_ms"]
            assert ago * 1000 - 1 < waited < 60_000

    def test_unsampled_is_handed_on(self, served):
        """A caller that does not sample has nothing recorded, and whoever is called from here is told."""
        _, _, body = served.ask("/outgoing", headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
        sent = json.loads(body)["traceparent"]
        assert sent.startswith(f"00-{TRACE}-")
        assert sent.endswith("-00")
        served.ask("/missing")
        assert self.one(served)["attributes"]["url.path"] == "/missing"

    def test_excluded_is_silent_and_handed_on(self, served):
        """An excluded URL records nothing, nor does what is beneath, and whoever is called from here is told."""
        _, _, body = served.ask("/excluded", headers=REMOTE)
        sent = json.loads(body)["traceparent"]
        assert sent.startswith(f"00-{TRACE}-")
        assert sent.endswith("-00")
        served.ask("/missing")
        assert self.one(served)["attributes"]["url.path"] == "/missing"

    def test_an_exception_is_an_error(self, served):
        """An exception in the application is on the span, and the client gets what it gets without us."""
        assert served.ask("/fail")[0] == 500
        span = self.one(served)
        assert span["status"] == "ERROR"
        assert span["message"] == "broken"
        assert span["exception"] == "ValueError: broken"
        assert span["attributes"] == self.expected(
            served,
            "/fail",
            500,
            **{"error.type": "ValueError", **self.routed(span)},
        )

    def test_a_server_error_is_an_error(self, served):
        """A status of 500 or more is an error with the status as its type."""
        assert served.ask("/unavailable")[0] == 503
        span = self.one(served)
        assert (span["status"], span["attributes"]["error.type"]) == ("ERROR", "503")
        assert "exception" not in span

    def test_a_client_error_is_not_the_servers(self, served):
        """A status of 404 is no error of the server, and has no route."""
        assert served.ask("/missing")[::2][0] == 404
        span = self.one(served)
        assert (span["name"], span["status"]) == ("GET", "UNSET")
        assert span["attributes"] == self.expected(served, "/missing", 404)

    def test_an_unknown_method(self, served):
        """A method that nobody knows is kept apart from the known ones."""
        status = served.ask("/hello", method="PROPFIND")[0]
        span = server_span(served.spans.wait(2 + self.after if status == 200 else 1))
        assert span["name"].partition(" ")[0] == "HTTP"
        assert span["attributes"]["http.request.method"] == "_OTHER"
        assert span["attributes"]["http.request.method_original"] == "PROPFIND"

    def test_the_path_is_as_it_was_asked_for(self, served):
        """The path is written as in the request line; what a proxy says of the client counts."""
        served.ask("/a%20b/%C3%A9", headers={"X-Forwarded-For": "203.0.113.9, 10.0.0.1", "Host": "shop.example"})
        attributes = self.one(served)["attributes"]
        assert attributes["url.path"] == "/a%20b/%C3%A9"
        assert (attributes["server.address"], attributes["server.port"]) == ("shop.example", 80)
        assert (attributes["client.address"], attributes["network.peer.address"]) == ("203.0.113.9", "127.0.0.1")

    def test_bodies_are_the_same(self, served):
        """A body of a megabyte goes in and comes out unchanged."""
        body = bytes(range(256)) * 4096
        assert served.ask("/echo", "POST", body=body)[2] == body
        assert self.one(served)["name"].startswith("POST")

    def test_a_stream_is_covered(self, served):
        """Each step of a streamed body runs beneath the request, one span that ends after the last and counts them."""
        assert served.ask("/stream")[2] == b"".join(CHUNKS)
        *steps, span = served.spans.wait(4)
        assert [step["name"] for step in steps] == ["step"] * 3
        assert {step["parent_id"] for step in steps} == {span["span_id"]}
        assert span["attributes"].get("autotrace.response.pieces") == (3 if self.streams else None)
        assert "autotrace.client.disconnected" not in span["attributes"]

    def test_a_client_that_goes_away_is_no_error(self, served):
        """A client that hangs up in the middle of a body ends the span, and that is nobody's error."""
        with socket.create_connection(("127.0.0.1", served.port), 10) as connection:
            connection.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(len(PIECE))
        span = self.one(served)
        assert (span["status"], span.get("exception")) == ("UNSET", None)
        assert span["attributes"].get("autotrace.client.disconnected", False) is self.sees_disconnects
        assert not self.holds_back or span["attributes"].get("autotrace.response.pieces", 1) <= PIECES

    def test_requests_at_the_same_time(self, served):
        """Requests at the same time do not see each other."""
        answers = {}

        def ask(number):
            trace = f"{number + 1:032x}"
            answers[trace] = served.ask("/outgoing", headers={"traceparent": f"00-{trace}-{PARENT}-01"})[2]

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        spans = served.spans.wait(16)
        parents = {span["trace_id"]: span["span_id"] for span in spans if span["kind"] == "SERVER"}
        assert len(parents) == 8
        for work in spans:
            if work["kind"] == "INTERNAL":
                assert work["parent_id"] == parents[work["trace_id"]]
                assert work["span_id"] in json.loads(answers[work["trace_id"]])["traceparent"]

    def test_requests_one_after_the_other(self, served):
        """Requests on one connection, the second sent before the first is answered, are each a root of their own."""
        ask = b"GET /missing HTTP/1.1\r\nHost: x\r\n"
        with socket.create_connection(("127.0.0.1", served.port), 10) as connection:
            connection.sendall(ask + b"\r\n" + ask + b"Connection: close\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        count = answer.count(b"HTTP/1.")
        assert count >= 1  # some servers close the connection after each response
        spans = served.spans.wait(count)
        assert [span["parent_id"] for span in spans] == [""] * count
        assert len({span["trace_id"] for span in spans}) == count

    def test_our_own_failure_is_not_noticed(self, served, monkeypatch):
        """Where our own code fails the request is answered, and the fault is counted."""

        def fail(*_args, **_kwargs):
            raise RuntimeError("ours")

        monkeypatch.setattr(http_server, "begin", fail)
        assert served.ask("/stream")[2] == b"".join(CHUNKS)
        monkeypatch.undo()
        assert faults.pop(self.scope) == 1
        assert [span["name"] for span in served.spans.wait(3)] == ["step"] * 3

    def test_patched_functions_look_as_before(self):
        """Name, module, signature, kind and pickling of each patched function are what they were."""
        undo = recording.instrument(self.scope)
        undo()
        for patch in recording.part_named(self.scope).instrumentor().patches:
            place = _resolve(patch)
            if place is None:
                continue
            owner, name, original = place
            before = _looks(_plain(original))
            undo = recording.instrument(self.scope)
            try:
                replacement = _plain(vars(owner)[name])
                assert replacement is not _plain(original)
                assert _looks(replacement) == before, patch.target
                assert pickle.loads(pickle.dumps(replacement)) is replacement
            finally:
                undo()


def _plain(function):
    return function.__func__ if isinstance(function, staticmethod) else function


def _looks(function):
    return (
        function.__name__,
        function.__qualname__,
        function.__module__,
        function.__doc__,
        inspect.signature(function),
        inspect.iscoroutinefunction(function),
    )
