"""httplib2, with the contract of HTTP clients and what is its own."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from email.utils import formatdate

import httplib2

from autotrace.testing.contracts.http_client import HttpClientContract


@contextmanager
def opened(*args, **options):
    """Give one that asks no proxy, and whose connections are closed."""
    http = httplib2.Http(*args, proxy_info=None, **options)
    try:
        yield http
    finally:
        for connection in http.connections.values():
            connection.close()


NOW = formatdate(usegmt=True).encode()


class TestHttplib2(HttpClientContract):
    """The contract, for Http."""

    instrumentor = "httplib2"
    layers = ("http_client", "http_client_urllib")
    refused = ConnectionRefusedError
    timed_out = socket.timeout

    def send(self, method, url, headers=None, body=None, timeout=None):
        with opened(timeout=timeout) as http:
            return http.request(url, method, body, headers)[0].status

    def test_authentication(self, traced, origin):
        """Both requests of digest authentication are spans, of one trace."""
        with opened() as http:
            http.add_credentials("me", "secret")
            assert http.request(origin.url + "/digest")[0].status == 200
            refused, granted = traced.wait(2)
            assert [span["attributes"]["http.response.status_code"] for span in (refused, granted)] == [401, 200]
            assert granted["attributes"]["http.request.resend_count"] == 1
            assert refused["trace_id"] == granted["trace_id"]
            assert [asked.all("traceparent")[0][36:52] for asked in origin.asked] == [
                refused["span_id"],
                granted["span_id"],
            ]

    def test_what_its_cache_answers_is_no_request(self, traced, origin, tmp_path):
        """Only what a server was asked has a span, as has the question whether what is kept still holds."""
        with opened(str(tmp_path)) as http:
            url = origin.url + "/"
            http.cache.set(
                url, b"status: 200\r\ncontent-location: x\r\ncache-control: max-age=1000\r\ndate: %s\r\n\r\nkept" % NOW
            )
            assert http.request(url)[1] == b"kept"
            assert traced.finished() == []
            assert http.request(url, headers={"cache-control": "no-cache"})[1] == b"hello"
            assert traced.wait(1) == [self.expected(origin, "/", 200)]

    def test_headers_of_the_program(self, traced, origin):
        """They are sent, and the program's mapping stays what it is."""
        mine = {"X-Mine": "1"}
        assert self.send("GET", origin.url + "/", headers=mine) == 200
        assert mine == {"X-Mine": "1"}
        assert origin.asked[0].all("x-mine") == ["1"]
        assert len(origin.asked[0].all("traceparent")) == 1
        traced.wait(1)

    def test_exception_as_a_status(self, traced, origin):
        """Where the program has exceptions made to answers, the request has failed nevertheless."""
        with opened(timeout=0.2) as http:
            http.force_exception_to_status_code = True
            assert http.request(origin.url + "/slow")[0].status == 408
            (span,) = traced.wait(1)
            assert span["status"] == "ERROR"
            assert span["attributes"]["error.type"] in ("TimeoutError", "socket.timeout")
