"""aiohttp's client, with the contract of HTTP clients and what is its own."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest
from aiohttp import web

from autotrace.testing.contracts.http_client import AsyncHttpClientContract
from autotrace.testing.contracts.http_client_base import caller

VERSION = tuple(map(int, aiohttp.__version__.split(".")[:2]))


class TestContract(AsyncHttpClientContract):
    """The contract."""

    instrumentor = "aiohttp_client"
    refused = aiohttp.ClientConnectorError
    timed_out = asyncio.TimeoutError

    async def asend(self, method, url, headers=None, body=None, timeout=None):
        limit = aiohttp.ClientTimeout(total=timeout)
        async with aiohttp.ClientSession(timeout=limit) as session:
            response = await session.request(method, url, headers=headers, data=body)
            await response.read()
            return response.status

    def run(self, main):
        """Run a coroutine function with a session."""

        async def with_session():
            async with aiohttp.ClientSession() as session:
                return await main(session)

        return asyncio.run(with_session())

    def test_stream(self, traced, origin):
        """The span ends when the headers are read."""

        async def main(session):
            async with session.get(origin.url + "/") as response:
                assert traced.wait(1) == [self.expected(origin, "/", 200)]
                assert await response.read() == b"hello"

        self.run(main)

    def test_limit_of_time_for_connecting(self, traced):
        """A limit of time while a connection is waited for is an error, not the program's cancelling."""

        async def main():
            connector = aiohttp.TCPConnector(limit=1)
            async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=0.2)) as session:
                await session.get(f"http://127.0.0.1:{full.getsockname()[1]}/")

        # A listener whose queue is full leaves those who connect waiting.
        with socket.socket() as full, socket.socket() as first, socket.socket() as second:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            for waiting in (first, second):
                waiting.setblocking(False)
                waiting.connect_ex(full.getsockname())
            with pytest.raises(asyncio.TimeoutError):
                asyncio.run(main())
        (span,) = traced.wait(1)
        assert span["status"] == "ERROR"
        assert "imeout" in span["attributes"]["error.type"]

    def test_session_headers_are_untouched(self, traced, origin):
        """Headers of the session and of the request are not written to."""
        given = {"X-Request": "2"}

        async def main():
            async with aiohttp.ClientSession(headers={"X-Session": "1"}) as session:
                await (await session.get(origin.url + "/", headers=given)).read()
                assert dict(session.headers) == {"X-Session": "1"}

        asyncio.run(main())
        assert given == {"X-Request": "2"}
        assert origin.asked[0].all("x-session") == ["1"]
        assert len(origin.asked[0].all("traceparent")) == 1

    def test_parameters_and_user_information(self, traced, origin):
        """The URL that is kept has the parameters and no password."""

        async def main(session):
            url = origin.url.replace("//", "//me:secret@")
            async with session.get(url + "/", params={"q": "1", "token": "abc"}):
                pass

        self.run(main)
        assert origin.asked[0].all("authorization") == ["Basic bWU6c2VjcmV0"]
        assert origin.asked[0].path == "/?q=1&token=abc"
        (span,) = traced.wait(1)
        assert span["attributes"]["url.full"] == origin.url + "/?q=1&token=REDACTED"
        assert "secret" not in str(span)

    def test_upload_of_a_download(self, traced, origin):
        """A request that is made while another one's body is being sent is a span of its own, beneath it."""

        async def main(session):
            async def body():
                async with session.get(origin.url + "/inner") as response:
                    yield await response.read()

            async with session.post(origin.url + "/outer", data=body()) as response:
                assert response.status == 200

        self.run(main)
        spans = {span["attributes"]["url.full"].rpartition("/")[2]: span for span in traced.wait(2)}
        assert spans["inner"]["parent_id"] == spans["outer"]["span_id"]
        assert next(asked.body for asked in origin.asked if asked.path == "/outer") == b"hello"

    def test_websocket(self, recorder, instrument):
        """The request that opens a websocket is a span, and carries the context."""
        instrument("aiohttp_client")
        headers = []

        async def serve(request):
            headers.append(request.headers)
            socket_ = web.WebSocketResponse()
            await socket_.prepare(request)
            await socket_.send_str("hello")
            await socket_.close()
            return socket_

        async def main():
            application = web.Application()
            application.router.add_get("/ws", serve)
            runner = web.AppRunner(application)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            port = runner.addresses[0][1]
            async with aiohttp.ClientSession() as session, session.ws_connect(f"http://127.0.0.1:{port}/ws") as ws:
                assert await ws.receive_str() == "hello"
            await runner.cleanup()

        asyncio.run(main())
        (span,) = recorder.wait(1)
        assert span["attributes"]["http.response.status_code"] == 101
        assert span["status"] == "UNSET"
        assert headers[0].getall("traceparent") == [f"00-{span['trace_id']}-{span['span_id']}-03"]

    def test_proxy(self, traced, origin):
        """Through a proxy, the span tells whom the request was for."""

        async def main(session):
            async with session.get("http://example.invalid/x", proxy=origin.url) as response:
                assert response.status == 200

        self.run(main)
        (span,) = traced.wait(1)
        assert origin.asked[0].path == "http://example.invalid/x"
        assert span["attributes"]["server.address"] == "example.invalid"
        assert len(origin.asked[0].all("traceparent")) == 1

    def test_tunnel(self, traced, origin):
        """Opening a tunnel is a part of the attempt: it ends neither with the proxy's answer nor as a span of its own."""

        async def main(session):
            with pytest.raises(aiohttp.ClientError):  # what is behind the tunnel speaks no TLS
                await session.get("https://example.invalid/x", proxy=origin.url)

        self.run(main)
        (span,) = traced.wait(1)
        assert origin.asked[0].method == "CONNECT"
        assert span["attributes"]["url.full"] == "https://example.invalid/x"
        assert span["status"] == "ERROR"
        assert "http.response.status_code" not in span["attributes"]

    def test_program_refuses_the_answer(self, traced, origin):
        """raise_for_status raises what it always raises; the span is that of the answer."""

        async def main(session):
            with pytest.raises(aiohttp.ClientResponseError):
                await session.get(origin.url + "/status/404", raise_for_status=True)

        self.run(main)
        assert traced.wait(1) == [self.expected(origin, "/status/404", 404)]

    def test_invalid_url(self, traced):
        """A URL that aiohttp refuses was never sent."""

        async def main(session):
            with pytest.raises(aiohttp.InvalidURL):
                await session.get("http://")

        self.run(main)
        assert traced.finished() == []

    def test_keep_alive(self, traced, origin):
        """Each request on a connection that is kept carries its own context, and is beneath its own caller."""

        async def main(session):
            for number in range(3):
                with caller(f"caller {number}"):
                    async with session.get(origin.url + "/") as response:
                        await response.read()

        self.run(main)
        spans = traced.wait(6)
        assert [asked.all("traceparent")[0][36:52] for asked in origin.asked] == [s["span_id"] for s in spans[::2]]
        assert [span["parent_id"] for span in spans[::2]] == [span["span_id"] for span in spans[1::2]]

    if VERSION >= (3, 12):

        def test_middleware_that_asks_elsewhere(self, traced, origin):
            """A request that a middleware makes first is a span beside the one that it is for; so is a retry."""

            async def main(session):
                async def authorize(request, handler):
                    async with session.get(origin.url + "/token") as response:
                        assert response.status == 200
                    response = await handler(request)
                    response.release()
                    return await handler(request)

                async with session.get(origin.url + "/status/503", middlewares=(authorize,)) as response:
                    assert response.status == 503

            self.run(main)
            spans = traced.wait(3)
            assert [span["attributes"]["http.response.status_code"] for span in spans] == [200, 503, 503]
            assert {span["parent_id"] for span in spans} == {""}
            token, first, retry = (span["trace_id"] for span in spans)
            assert token != first == retry
            assert [asked.all("traceparent")[0][36:52] for asked in origin.asked] == [s["span_id"] for s in spans]
