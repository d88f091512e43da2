"""curl_cffi, its sessions, sync and async, and its handles, with the contract of HTTP clients and what is its own."""

from __future__ import annotations

import asyncio
import io

import curl_cffi
import pytest
from curl_cffi import requests

from autotrace.testing.contracts.http_client import AsyncHttpClientContract, HttpClientContract
from instrumentors.test_hypercorn import serving as serving_asgi


class Sessions:
    """What both kinds of session keep."""

    instrumentor = "curl_cffi"
    parts = ("curl_cffi_requests",)
    layers = ("curl_cffi_requests",)
    follows = False  # it does, within the transfer
    refused = requests.errors.RequestsError
    timed_out = requests.errors.RequestsError


class TestSession(Sessions, HttpClientContract):
    """The contract, for Session."""

    def send(self, method, url, headers=None, body=None, timeout=None):
        with requests.Session(trust_env=False) as session:
            return session.request(method, url, headers=headers, data=body, timeout=timeout or 30).status_code

    def test_headers(self, traced, origin):
        """The program's mappings stay, each request of a session carries its own context, once."""
        mine, ours = {"X-Mine": "1"}, {"X-Session": "2"}
        with requests.Session(headers=ours, trust_env=False) as session:
            for _ in range(3):
                session.get(origin.url + "/", headers=mine)
            assert session.headers == requests.Headers(ours)
        assert (mine, ours) == ({"X-Mine": "1"}, {"X-Session": "2"})
        assert [asked.all("traceparent") for asked in origin.asked] == [
            [f"00-{span['trace_id']}-{span['span_id']}-03"] for span in traced.wait(3)
        ]
        assert [asked.all("x-mine") + asked.all("x-session") for asked in origin.asked] == [["1", "2"]] * 3

    def test_redirect_within_the_transfer(self, traced, origin):
        """The hops that libcurl follows are one span, with the last answer's status."""
        assert self.send("GET", origin.url + "/redirect") == 200
        assert traced.wait(1) == [self.expected(origin, "/redirect", 200)]
        assert [asked.path for asked in origin.asked] == ["/redirect", "/status/200"]
        assert len({asked.all("traceparent")[0] for asked in origin.asked}) == 1

    def test_stream(self, traced, instrument, origin):
        """What is streamed is transferred by a thread of the session's, beneath the caller."""
        instrument("futures")
        with requests.Session(trust_env=False) as session:
            response = session.get(origin.url + "/", stream=True)
            assert b"".join(response.iter_content()) == b"hello"
            response.close()
        assert traced.wait(1) == [self.expected(origin, "/", 200)]
        (asked,) = origin.asked
        assert asked.all("traceparent") == [f"00-{1:032x}-{1:016x}-03"]

    @pytest.mark.skipif(not hasattr(requests, "RetryStrategy"), reason="it does not try again before 0.15")
    def test_retries(self, traced, origin):
        """Each attempt is a span, all in one trace."""
        with requests.Session(trust_env=False, retry=2) as session, pytest.raises(self.refused):
            session.get(origin.url + "/drop")
        spans = traced.wait(3)
        assert [span["attributes"].get("http.request.resend_count") for span in spans] == [None, 1, 2]
        assert len({span["trace_id"] for span in spans}) == 1
        assert [span["status"] for span in spans] == ["ERROR"] * 3

    def test_handle(self, traced, origin):
        """A handle that a program drives itself has its own header lines again, whether it keeps them or not."""
        handle, got = curl_cffi.Curl(), io.BytesIO()
        handle.setopt(curl_cffi.CurlOpt.URL, origin.url + "/")
        handle.setopt(curl_cffi.CurlOpt.WRITEDATA, got)
        handle.setopt(curl_cffi.CurlOpt.HTTPHEADER, [b"X-Mine: 1"])
        handle.setopt(curl_cffi.CurlOpt.HTTPHEADER, [b"X-More: 2"])
        handle.perform(clear_headers=False)
        handle.setopt(curl_cffi.CurlOpt.WRITEDATA, got)
        handle.perform()
        handle.reset()
        handle.setopt(curl_cffi.CurlOpt.URL, origin.url.encode() + b"/")
        handle.setopt(curl_cffi.CurlOpt.WRITEDATA, got)
        handle.perform()
        handle.close()
        assert got.getvalue() == b"hello" * 3
        assert [asked.all("x-mine") + asked.all("x-more") for asked in origin.asked] == [["1", "2"], ["1", "2"], []]
        assert [asked.all("traceparent") for asked in origin.asked] == [
            [f"00-{span['trace_id']}-{span['span_id']}-03"] for span in traced.wait(3)
        ]


class TestAsyncSession(Sessions, AsyncHttpClientContract):
    """The contract, for AsyncSession."""

    async def asend(self, method, url, headers=None, body=None, timeout=None):
        async with requests.AsyncSession(trust_env=False) as session:
            response = await session.request(method, url, headers=headers, data=body, timeout=timeout or 30)
            return response.status_code

    def test_one_session_many_tasks(self, traced, origin):
        """Handles go from request to request, and nothing of one request is in the next."""

        async def main():
            async with requests.AsyncSession(trust_env=False, max_clients=3) as session:
                await asyncio.gather(*(session.get(f"{origin.url}/?n={n}", headers={f"X-{n}": "1"}) for n in range(12)))

        asyncio.run(main())
        spans = {span["attributes"]["url.full"].rpartition("=")[2]: span for span in traced.wait(12)}
        for asked in origin.asked:
            number = asked.path.rpartition("=")[2]
            assert asked.all("traceparent") == [f"00-{spans[number]['trace_id']}-{spans[number]['span_id']}-03"]
            assert [n for n in range(12) if asked.all(f"x-{n}")] == [int(number)]

    def test_stream(self, traced, origin):
        """What is streamed is in the span, which ends with the transfer."""

        async def main():
            async with requests.AsyncSession(trust_env=False) as session:
                response = await session.get(origin.url + "/", stream=True)
                assert await response.acontent() == b"hello"
                await response.aclose()

        asyncio.run(main())
        assert traced.wait(1) == [self.expected(origin, "/", 200)]

    @pytest.mark.skipif(not hasattr(requests, "AsyncWebSocket"), reason="its websockets are others before 0.8")
    def test_websocket(self, traced, instrument):
        """A websocket is the request that opens it, which carries the context."""
        instrument("futures")
        got = []

        async def application(scope, receive, send):
            if scope["type"] == "websocket":
                got.append(dict(scope["headers"])[b"traceparent"].decode())
                await receive()
                await send({"type": "websocket.accept"})
                await send({"type": "websocket.send", "text": (await receive())["text"].upper()})
                await receive()

        async def main(port):
            async with requests.AsyncSession(trust_env=False) as session:
                websocket = await session.ws_connect(f"ws://127.0.0.1:{port}/ws")
                await websocket.send_str("hello")
                assert (await websocket.recv())[0] == b"HELLO"
                await websocket.close()

        with serving_asgi(application) as port:
            asyncio.run(main(port))
        (span,) = traced.wait(1)
        assert span["attributes"]["url.full"] == f"ws://127.0.0.1:{port}/ws"
        assert span["attributes"]["http.response.status_code"] == 101
        assert got == [f"00-{span['trace_id']}-{span['span_id']}-03"]
