"""urllib3, with the contract of HTTP clients and what is its own."""

from __future__ import annotations

import pytest
import urllib3

from autotrace.testing.contracts.http_client import HttpClientContract
from autotrace.testing.contracts.http_client_base import TRACE, caller
from autotrace.testing.contracts.http_origin import refusing


class TestContract(HttpClientContract):
    """The contract."""

    instrumentor = "urllib3"
    layers = ("http_client",)
    refused = urllib3.exceptions.NewConnectionError
    timed_out = urllib3.exceptions.ReadTimeoutError

    def send(self, method, url, headers=None, body=None, timeout=None):
        options = {} if timeout is None else {"timeout": timeout}
        retries = urllib3.Retry(connect=False, read=False, redirect=3)
        with urllib3.PoolManager() as pool:
            return pool.request(method, url, headers=headers, body=body, retries=retries, **options).status

    def test_retries(self, traced, origin):
        """Each retry is a span beside the first attempt, counted from 1, with a context of its own."""
        retries = urllib3.Retry(3, status_forcelist=[503], backoff_factor=0)
        with urllib3.PoolManager() as pool, caller():
            assert pool.request("GET", origin.url + "/flaky", retries=retries).status == 200
        first, second, outer = traced.wait(3)
        common = {"trace_id": TRACE, "parent_id": outer["span_id"]}
        assert first == {**self.expected(origin, "/flaky", 503), **common, "span_id": first["span_id"]}
        second_expected = self.expected(origin, "/flaky", 200, **{"http.request.resend_count": 1})
        assert second == {**second_expected, **common, "span_id": second["span_id"]}
        assert [asked.all("traceparent") for asked in origin.asked] == [
            [f"00-{TRACE}-{span['span_id']}-01"] for span in (first, second)
        ]

    def test_retries_of_a_refused_connection(self, traced):
        """Each attempt to connect is a span with its own failure."""
        with refusing() as url, urllib3.PoolManager() as pool, pytest.raises(urllib3.exceptions.MaxRetryError):
            pool.request("GET", url + "/", retries=urllib3.Retry(2, backoff_factor=0))
        spans = traced.wait(3)
        assert {span["attributes"]["error.type"] for span in spans} == {"urllib3.exceptions.NewConnectionError"}
        assert [span["attributes"].get("http.request.resend_count") for span in spans] == [None, 1, 2]
        assert {span["parent_id"] for span in spans} == {""}
        assert len({span["trace_id"] for span in spans}) == 1

    def test_proxy_that_refuses_a_tunnel(self, traced):
        """A tunnel that cannot be made is an attempt that failed."""
        with refusing() as url, urllib3.ProxyManager(url) as pool, pytest.raises(urllib3.exceptions.MaxRetryError):
            pool.request("GET", "https://example.invalid/", retries=urllib3.Retry(1, backoff_factor=0))
        spans = traced.wait(2)
        assert [span["attributes"]["url.full"] for span in spans] == ["https://example.invalid/"] * 2
        assert {span["status"] for span in spans} == {"ERROR"}
        assert {span["parent_id"] for span in spans} == {""}

    def test_pool_that_is_empty(self, traced, origin):
        """A request for which there is no connection is an error, though nothing was sent."""
        with urllib3.HTTPConnectionPool("127.0.0.1", origin.port, maxsize=1, block=True) as pool:
            answer = pool.request("GET", "/", preload_content=False)
            with pytest.raises(urllib3.exceptions.EmptyPoolError):
                pool.request("GET", "/", pool_timeout=0.01, retries=False)
            answer.release_conn()
        assert [span["attributes"].get("error.type") for span in traced.wait(2)] == [
            None,
            "urllib3.exceptions.EmptyPoolError",
        ]

    def test_stream(self, traced, origin):
        """The span of a streamed answer ends when the headers are read."""
        with urllib3.PoolManager() as pool:
            answer = pool.request("GET", origin.url + "/", preload_content=False)
            assert traced.wait(1) == [self.expected(origin, "/", 200)]
            assert answer.read() == b"hello"
            answer.release_conn()

    def test_chunked_body(self, traced, origin):
        """A body that is sent in chunks arrives whole, with the context."""
        with urllib3.PoolManager() as pool:
            assert pool.urlopen("POST", origin.url + "/", body=iter([b"one", b"two"]), chunked=True).status == 200
        assert origin.asked[0].body == b"onetwo"
        assert len(origin.asked[0].all("traceparent")) == 1

    def test_headers_of_the_pool(self, traced, origin):
        """Headers that belong to a pool are not written to."""
        with urllib3.PoolManager(headers={"X-Pool": "1"}) as pool:
            pool.request("GET", origin.url + "/")
            assert pool.headers == {"X-Pool": "1"}
        assert origin.asked[0].all("x-pool") == ["1"]
        assert len(origin.asked[0].all("traceparent")) == 1
