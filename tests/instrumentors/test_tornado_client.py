"""Tornado's clients, with the contract of HTTP clients and what is their own."""

from __future__ import annotations

import asyncio

import pytest
from tornado.curl_httpclient import CurlAsyncHTTPClient, CurlError
from tornado.httpclient import HTTPClient, HTTPClientError, HTTPRequest
from tornado.httputil import HTTPHeaders
from tornado.simple_httpclient import HTTPTimeoutError, SimpleAsyncHTTPClient, _HTTPConnection
from tornado.websocket import WebSocketHandler, websocket_connect

from autotrace.testing.contracts.http_client import AsyncHttpClientContract
from autotrace.testing.contracts.http_client_base import TRACE, caller


class Tidy(SimpleAsyncHTTPClient):
    """A client that closes the connections that are open when it is closed; Tornado's leaves them to garbage collection."""

    def initialize(self, **options):
        super().initialize(**options)
        self.made = []

    def _connection_class(self):
        return self.connect

    def connect(self, *args):
        made = _HTTPConnection(*args)
        self.made.append(made)
        return made

    def close(self):
        super().close()
        for one in self.made:
            if hasattr(one, "stream"):
                one.stream.close()


async def fetch(kind, method, url, headers, body, timeout):
    """Send a request with a client of its own; return the status."""
    client = kind(force_instance=True)
    try:
        options = {} if timeout is None else {"connect_timeout": timeout, "request_timeout": timeout}
        request = HTTPRequest(
            url, method, headers, body, decompress_response=False, allow_nonstandard_methods=True, **options
        )
        return (await client.fetch(request, raise_error=False)).code
    finally:
        client.close()


class TestSimple(AsyncHttpClientContract):
    """The contract, with the client that is the default."""

    instrumentor = "tornado_client"
    parts = ("tornado_client_simple",)
    refused = ConnectionRefusedError
    timed_out = HTTPTimeoutError

    async def asend(self, method, url, headers=None, body=None, timeout=None):
        return await fetch(Tidy, method, url, headers, body, timeout)

    def run(self, main, **options):
        """Run a coroutine function with a client."""

        async def with_client():
            client = SimpleAsyncHTTPClient(force_instance=True, **options)
            try:
                return await main(client)
            finally:
                client.close()

        return asyncio.run(with_client())

    def test_a_request_of_the_programs_stays_its_own(self, traced, origin):
        """It is the response's, its headers have nothing of ours, and sent once more it has a context of its own."""
        request = HTTPRequest(origin.url + "/redirect", headers={"X-Other": "x"})

        async def main(client):
            for _ in range(2):
                response = await client.fetch(request)
                assert response.request is request
                assert response.effective_url == origin.url + "/status/200"
            assert type(request.headers) is HTTPHeaders
            assert "traceparent" not in request.headers

        self.run(main)
        spans = traced.wait(4)
        sent = [asked.all("traceparent") for asked in origin.asked]
        assert sent == [[f"00-{span['trace_id']}-{span['span_id']}-03"] for span in spans]
        assert [span["attributes"].get("http.request.resend_count") for span in spans] == [None, 1, None, 1]
        assert len({span["trace_id"] for span in spans}) == 2

    def test_what_waits_in_the_queue_knows_whose_it_is(self, traced, origin):
        """A client that is busy sends a request later, when another one's ends; its parent is who asked for it."""

        async def ask(client, name):
            with caller(name):
                await client.fetch(origin.url + "/redirect")

        async def main(client):
            await asyncio.gather(*(ask(client, name) for name in "abc"))

        self.run(main, max_clients=1)
        spans = traced.wait(9)
        callers = {span["span_id"] for span in spans if span["kind"] == "SERVER"}
        parents = [span["parent_id"] for span in spans if span["kind"] == "CLIENT"]
        assert sorted(parents) == sorted([*callers, *callers])
        assert {span["trace_id"] for span in spans} == {TRACE}

    def test_a_request_that_does_not_leave_the_queue(self, traced, origin):
        """It fails with what the program gets."""

        async def main(client):
            first = asyncio.ensure_future(client.fetch(origin.url + "/slow", request_timeout=1, raise_error=False))
            with pytest.raises(HTTPTimeoutError, match="in request queue"):
                await client.fetch(origin.url + "/", connect_timeout=0.05)
            with pytest.raises(HTTPTimeoutError):
                await first

        self.run(main, max_clients=1)
        queued, first = traced.wait(2)
        assert queued["attributes"]["error.type"] == "tornado.simple_httpclient.HTTPTimeoutError"
        assert first["status"] == "ERROR"
        assert len(origin.asked) == 1

    def test_a_body_in_pieces(self, traced, origin):
        """The span has ended with the answer's head; the pieces come to the program's function."""
        pieces = []

        async def main(client):
            await client.fetch(origin.url + "/", streaming_callback=pieces.append)

        self.run(main)
        assert b"".join(pieces) == b"hello"
        assert traced.wait(1) == [self.expected(origin, "/", 200)]

    def test_an_answer_that_is_an_error(self, traced, origin):
        """The program gets its exception, which is not the span's."""

        async def main(client):
            with pytest.raises(HTTPClientError) as caught:
                await client.fetch(origin.url + "/status/404")
            assert caught.value.response.code == 404

        self.run(main)
        assert traced.wait(1) == [self.expected(origin, "/status/404", 404)]

    def test_without_a_loop(self, traced, origin):
        """The client that blocks is one of the same kind."""
        client = HTTPClient(SimpleAsyncHTTPClient)
        with caller() as parent:
            assert client.fetch(origin.url + "/").body == b"hello"
        client.close()
        span, _ = traced.wait(2)
        assert span["parent_id"] == parent.span_id


class TestCurl(AsyncHttpClientContract):
    """The contract, with libcurl, which follows redirects on its own and does not tell the protocol's version."""

    instrumentor = "tornado_client"
    parts = ("tornado_client_curl",)
    follows = False
    refused = timed_out = CurlError

    async def asend(self, method, url, headers=None, body=None, timeout=None):
        return await fetch(CurlAsyncHTTPClient, method, url, headers, body, timeout)

    def expected(self, origin, path, status, number=1, **attributes):
        """Return the whole span."""
        span = super().expected(origin, path, status, number, **attributes)
        del span["attributes"]["network.protocol.version"]
        return span

    def test_a_request_of_the_programs_stays_its_own(self, traced, origin):
        """It is the response's, and its headers have nothing of ours."""
        request = HTTPRequest(origin.url + "/", headers={"X-Other": "x"})

        async def main():
            client = CurlAsyncHTTPClient(force_instance=True)
            assert (await client.fetch(request)).request is request
            client.close()

        asyncio.run(main())
        assert dict(request.headers) == {"X-Other": "x"}
        (span,) = traced.wait(1)
        assert origin.asked[0].all("traceparent") == [f"00-{span['trace_id']}-{span['span_id']}-03"]


def test_websockets_carry_the_context(recorder, instrument):
    """The handshake is a request with an answer of 101, and what comes later is beneath the caller."""
    from tornado.web import Application

    from tests.instrumentors.test_tornado_server import serving

    instrument("tornado_client", "tornado_client_simple")
    sent = []

    class Socket(WebSocketHandler):
        def open(self):
            sent.append(self.request.headers["traceparent"])

        def on_message(self, message):
            self.write_message(message)

    async def main(port):
        with caller():
            connection = await websocket_connect(f"ws://127.0.0.1:{port}/socket")
            await connection.write_message("hello")
            assert await connection.read_message() == "hello"
            connection.close()
            assert await connection.read_message() is None
            with pytest.raises(HTTPClientError):
                await websocket_connect(f"ws://127.0.0.1:{port}/nowhere")

    with serving(Application([("/socket", Socket)], log_function=lambda _handler: None)) as port:
        asyncio.run(main(port))
    opened, refused, outer = recorder.wait(3)
    assert opened == {
        "name": "GET",
        "kind": "CLIENT",
        "scope": "tornado_client",
        "trace_id": TRACE,
        "span_id": opened["span_id"],
        "parent_id": outer["span_id"],
        "attributes": {
            "http.request.method": "GET",
            "url.full": f"http://127.0.0.1:{port}/socket",
            "server.address": "127.0.0.1",
            "server.port": port,
            "http.response.status_code": 101,
            "network.protocol.version": "1.1",
        },
        "status": "UNSET",
    }
    assert sent == [f"00-{TRACE}-{opened['span_id']}-01"]
    assert (refused["attributes"]["http.response.status_code"], refused["status"]) == (404, "ERROR")
