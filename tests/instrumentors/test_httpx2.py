"""httpx2, sync and async: what holds for httpx, HTTP/2, websockets, and programs that have both."""

from __future__ import annotations

import asyncio
import sys

import httpx
import pytest

if sys.version_info < (3, 11):
    pytest.skip("beneath Python 3.11 the pinned httpx keeps httpx2 out", allow_module_level=True)

import httpx2

from contracts.httpx_clients import AsyncHttpxContract, HttpxContract
from instrumentors.test_hypercorn import serving as serving_h2


class Httpx2:
    """The library."""

    httpx = httpx2
    instrumentor = "httpx2"
    refused = httpx2.ConnectError
    timed_out = httpx2.ReadTimeout


class TestSync(Httpx2, HttpxContract):
    """The contract, for Client."""

    def test_both_libraries(self, traced, instrument, origin):
        """A program that has both has a span for each request, of the library that sends it."""
        instrument("httpx")
        for library in (httpx, httpx2, httpx):
            assert library.get(origin.url + "/", trust_env=False).status_code == 200
        assert [span["scope"] for span in traced.wait(3)] == ["httpx", "httpx2", "httpx"]
        assert [asked.all("traceparent") for asked in origin.asked] == [
            [f"00-{span['trace_id']}-{span['span_id']}-03"] for span in traced.finished()
        ]

    @pytest.mark.skipif(not hasattr(httpx2, "alias_httpx"), reason="2.0 has no alias")
    def test_one_library_under_both_names(self, recorder, instrument, origin, monkeypatch):
        """Where httpx2 is also httpx for a program, in whichever order they are patched, a request is one span."""
        monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
        for name in [name for name in sys.modules if name.partition(".")[0] in ("httpx", "httpcore")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.delitem(sys.modules, "autotrace.instrumentors.httpx.httpx", raising=False)
        httpx2.alias_httpx()
        instrument("httpx", "httpx2")
        sys.modules.pop("autotrace.instrumentors.httpx.httpx")
        with httpx2.Client(trust_env=False, follow_redirects=True) as client:
            client.get(origin.url + "/redirect")
        first, second = recorder.wait(2)
        assert [asked.all("traceparent") for asked in origin.asked] == [
            [f"00-{span['trace_id']}-{span['span_id']}-03"] for span in (first, second)
        ]
        assert first["trace_id"] == second["trace_id"]
        assert second["attributes"]["http.request.resend_count"] == 1


class TestAsync(Httpx2, AsyncHttpxContract):
    """The contract, for AsyncClient."""

    def test_http2(self, traced):
        """A request over HTTP/2, several on one connection, is told as such and carries its context."""
        got = []

        async def application(scope, receive, send):
            if scope["type"] == "http":
                await receive()
                got.append((scope["path"], dict(scope["headers"])[b"traceparent"].decode()))
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b""})

        async def main(port):
            async with httpx2.AsyncClient(trust_env=False, http1=False, http2=True) as client:
                await asyncio.gather(*(client.get(f"http://127.0.0.1:{port}/{number}") for number in range(4)))

        with serving_h2(application) as port:
            asyncio.run(main(port))
        spans = traced.wait(4)
        assert {span["attributes"]["network.protocol.version"] for span in spans} == {"2"}
        assert dict(got) == {
            span["attributes"]["url.full"].partition(str(port))[2]: f"00-{span['trace_id']}-{span['span_id']}-03"
            for span in spans
        }

    @pytest.mark.skipif(not hasattr(httpx2, "websocket"), reason="2.0 has no websockets")
    def test_websocket(self, traced):
        """A websocket is the request that opens it, which carries the context; what is exchanged later is not its matter."""
        got = []

        async def application(scope, receive, send):
            if scope["type"] == "websocket":
                got.append(dict(scope["headers"])[b"traceparent"].decode())
                await receive()
                await send({"type": "websocket.accept"})
                await send({"type": "websocket.send", "text": (await receive())["text"].upper()})
                await receive()

        async def main(port):
            async with (
                httpx2.AsyncClient(trust_env=False) as client,
                client.websocket(f"ws://127.0.0.1:{port}/ws") as websocket,
            ):
                await websocket.send_text("hello")
                return await websocket.receive_text()

        with serving_h2(application) as port:
            assert asyncio.run(main(port)) == "HELLO"
        (span,) = traced.wait(1)
        assert span["attributes"] == {
            "http.request.method": "GET",
            "url.full": f"ws://127.0.0.1:{port}/ws",
            "server.address": "127.0.0.1",
            "server.port": port,
            "http.response.status_code": 101,
            "network.protocol.version": "1.1",
        }
        assert got == [f"00-{span['trace_id']}-{span['span_id']}-03"]
