"""What holds for every ASGI server, beyond the contract of all HTTP servers."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest

from autotrace.testing.contracts.http_applications import asgi_application
from autotrace.testing.contracts.http_server import PARENT, REMOTE, TRACE, HttpServerContract


class Application:
    """The application as an object, as those of frameworks are."""

    async def __call__(self, scope, receive, send):
        """Serve."""
        await asgi_application(scope, receive, send)


application = Application()


class AsgiServerContract(HttpServerContract):
    """The suite; the server serves ``http_applications.asgi_application``."""

    after = 1  # what `/hello` does after its response
    tells_lost_websockets = True  # whether the server tells the application of a connection that has just gone

    def test_a_response_ends_before_what_runs_after_it(self, served):
        """The request has ended when its body was sent; what the application does then is still beneath it."""
        served.ask("/hello")
        work, span, afterwards = served.spans.wait(3)
        assert [work["name"], span["kind"], afterwards["name"]] == ["work", "SERVER", "afterwards"]
        assert afterwards["parent_id"] == span["span_id"]

    def test_a_websocket_is_one_span(self, served):
        """A websocket is one span from the handshake to its end, with what each message causes beneath it."""

        async def talk():
            url = f"ws://127.0.0.1:{served.port}/socket?q=1"
            async with aiohttp.ClientSession() as session, session.ws_connect(url, headers=REMOTE) as websocket:
                for word in ("one", "two"):
                    await websocket.send_str(word)
                    assert await websocket.receive_str() == word

        asyncio.run(talk())
        *messages, span = served.spans.wait(3)
        assert {message["parent_id"] for message in messages} == {span["span_id"]}
        assert (span["trace_id"], span["parent_id"]) == (TRACE, PARENT)
        assert (span["name"], span["status"]) == ("GET", "UNSET")
        attributes = span["attributes"]
        assert (attributes["url.scheme"], attributes["url.path"], attributes["url.query"]) == ("ws", "/socket", "q=1")
        assert attributes["http.response.status_code"] == 101
        assert (attributes["autotrace.websocket.sent"], attributes["autotrace.websocket.received"]) == (2, 2)

    def test_a_websocket_whose_connection_is_lost_is_told_apart(self, served):
        """A client that goes without closing is no error, and the span says so."""
        if not self.tells_lost_websockets:
            pytest.skip("this version does not tell the application of a lost connection")
        handshake = (
            "GET /socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", served.port), 10) as connection:
            connection.sendall(handshake.encode())
            assert b"101" in connection.recv(1000).partition(b"\r\n")[0]
        (span,) = served.spans.wait(1)
        assert span["status"] == "UNSET"
        assert span["attributes"]["autotrace.websocket.close_code"] in (1005, 1006)
