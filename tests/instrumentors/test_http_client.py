"""http.client and urllib.request, with the contract of HTTP clients and what is their own."""

from __future__ import annotations

import gc
import urllib.error
import urllib.request
import weakref
from http.client import CannotSendRequest, HTTPConnection
from urllib.parse import urlsplit

import pytest

from autotrace.testing.contracts.http_client import HttpClientContract
from autotrace.testing.contracts.http_client_base import caller
from autotrace.trace.context import get_current


class TestUrllib(HttpClientContract):
    """The contract, for urllib.request."""

    instrumentor = "http_client"
    parts = ("http_client_urllib",)
    refused = urllib.error.URLError
    timed_out = OSError

    def send(self, method, url, headers=None, body=None, timeout=None):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(url, data=body, headers=headers or {}, method=method)
        try:
            with opener.open(request, timeout=timeout or 10) as answer:
                answer.read()
                return answer.status
        except urllib.error.HTTPError as answer:
            answer.close()
            return answer.code


class TestConnection(HttpClientContract):
    """The contract, for HTTPConnection."""

    instrumentor = "http_client"
    follows = False
    refused = ConnectionRefusedError
    timed_out = OSError

    def send(self, method, url, headers=None, body=None, timeout=None):
        parts = urlsplit(url)
        connection = HTTPConnection(parts.hostname, parts.port, timeout=timeout or 10)
        try:
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, body=body, headers=headers or {})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()

    @pytest.fixture
    def connection(self, origin):
        """A connection to the server."""
        connection = HTTPConnection("127.0.0.1", origin.port, timeout=10)
        yield connection
        connection.close()

    def test_step_by_step(self, traced, origin, connection):
        """A request that is put together in steps and sent in chunks is a span, and carries the context."""
        connection.putrequest("POST", "/")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        connection.send(b"3\r\none\r\n")
        connection.send(b"0\r\n\r\n")
        assert connection.getresponse().read() == b"hello"
        assert origin.asked[0].body == b"one"
        (span,) = traced.wait(1)
        assert origin.asked[0].all("traceparent") == [f"00-{span['trace_id']}-{span['span_id']}-03"]

    def test_chunked_iterable(self, traced, origin, connection):
        """A body of unknown length arrives whole."""
        connection.request("POST", "/", body=iter([b"one", b"two"]), encode_chunked=True)
        assert connection.getresponse().read() == b"hello"
        assert origin.asked[0].body == b"onetwo"
        assert len(traced.wait(1)) == 1

    def test_is_not_current_in_between(self, traced, origin, connection):
        """Between sending and the answer the caller's span is current, and later spans are not beneath the request."""
        with caller() as outer:
            connection.request("GET", "/")
            assert get_current() is outer
            with caller("other"):
                pass
            connection.getresponse().read()
        other, request, outer = traced.wait(3)
        assert request["parent_id"] == outer["span_id"]
        assert other["name"] == "other"

    def test_never_answered(self, traced, origin, connection):
        """A request whose answer nobody reads ends, without a status, when the connection is closed."""
        connection.request("GET", "/")
        assert traced.finished() == []
        connection.close()
        (span,) = traced.wait(1)
        assert span["status"] == "UNSET"
        assert "http.response.status_code" not in span["attributes"]

    def test_forgotten(self, traced, origin):
        """A connection that is forgotten with its request leaves nothing behind."""
        connection = HTTPConnection("127.0.0.1", origin.port, timeout=10)
        connection.request("GET", "/")
        connection.getresponse().read()
        connection.putrequest("GET", "/never-sent")
        ghost = weakref.ref(connection)
        connection.sock.close()
        del connection
        gc.collect()
        assert ghost() is None
        assert get_current() is None
        assert len(traced.wait(1)) == 1

    def test_refused_request(self, traced, origin, connection):
        """A request that the connection refuses, because an answer is due, neither is a span nor ends the one before."""
        connection.request("GET", "/")
        with pytest.raises(CannotSendRequest):
            connection.request("GET", "/second")
        assert traced.finished() == []
        assert connection.getresponse().read() == b"hello"
        assert traced.wait(1) == [self.expected(origin, "/", 200)]

    def test_answer_before_the_request_was_read(self, traced, origin):
        """Where the pipe breaks while sending but the server has answered, the answer counts."""

        class Breaking(HTTPConnection):
            def send(self, data):
                super().send(data)
                raise BrokenPipeError("early answer")

        connection = Breaking("127.0.0.1", origin.port, timeout=10)
        for path in ("/", "/unread"):
            with pytest.raises(BrokenPipeError):
                connection.request("GET", path)
            assert traced.finished() == []
            if path == "/":
                connection.getresponse().read()
                assert traced.wait(1) == [self.expected(origin, "/", 200)]
                traced.clear()
        connection.close()
        (span,) = traced.wait(1)
        assert span["attributes"]["error.type"] == "BrokenPipeError"

    def test_tunnel(self, traced, origin, connection):
        """The CONNECT that opens a tunnel is not a span and carries nothing; the request within is for its end."""
        connection.set_tunnel("example.invalid", 8080)
        connection.request("GET", "/x")
        assert connection.getresponse().status == 200
        (span,) = traced.wait(1)
        assert span["attributes"]["url.full"] == "http://example.invalid:8080/x"
        connect, request = origin.asked
        assert (connect.method, connect.all("traceparent")) == ("CONNECT", [])
        assert len(request.all("traceparent")) == 1

    def test_keep_alive(self, traced, origin, connection):
        """Requests on one connection are spans of their own."""
        for number in range(3):
            connection.request("GET", f"/{number}")
            connection.getresponse().read()
        spans = traced.wait(3)
        assert [asked.all("traceparent")[0][36:52] for asked in origin.asked] == [span["span_id"] for span in spans]

    def test_refused_argument(self, traced, origin, connection):
        """A call that the signature refuses, as old libraries make it to find out, does not end the request."""
        connection.request("GET", "/")
        with pytest.raises(TypeError):
            connection.getresponse(buffering=True)
        connection.getresponse().read()
        assert traced.wait(1) == [self.expected(origin, "/", 200)]

    def test_dropped_and_sent_again(self, traced, origin, connection):
        """After an answer that never came, the connection can be used again, and both requests are told."""
        connection.request("GET", "/drop")
        with pytest.raises(ConnectionError):
            connection.getresponse()
        connection.request("GET", "/")
        connection.getresponse().read()
        first, second = traced.wait(2)
        assert first["attributes"]["error.type"] == "http.client.RemoteDisconnected"
        assert second["status"] == "UNSET"
