"""What HTTP client requests mean, and how the context is put into headers."""

from __future__ import annotations

import pytest

from autotrace import propagation
from autotrace.families.http import http_client
from autotrace.trace.failure import Failure
from autotrace.trace.span import ERROR, UNSET, Operation
from autotrace.trace.tracer import Remote, tracer

_OPERATION = Operation("http_client", 3, "test", http_client.describe)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://h/x", "http://h/x"),
        (("http", "h", 80, "/x"), "http://h/x"),
        (("https", "h", 443, "/x"), "https://h/x"),
        (("https", "h", 80, "/x"), "https://h:80/x"),
        (("http", "h", None, "x"), "http://h/x"),
        (("http", "::1", 8080, "/"), "http://[::1]:8080/"),
        (("http", "[::1]", 8080, "/"), "http://[::1]:8080/"),
        (("http", "proxy", 3128, "http://h/x"), "http://h/x"),
        (("http", "h", 80, "*"), "http://h*"),
        (("http", "h", 80, b"/x"), "http://h/x"),
    ],
)
def test_url_of(url, text):
    """A URL may come in parts."""
    assert http_client.url_of(url) == text


@pytest.mark.parametrize(
    ("status", "code", "error"), [(101, UNSET, None), (399, UNSET, None), (400, ERROR, "400"), (599, ERROR, "599")]
)
def test_status(status, code, error):
    """4xx and 5xx are errors whose type is the status; the status says it all."""
    name, attributes, told, message = http_client.describe(("GET", "http://h/", 0), (status, None), None)
    assert (name, told, message, attributes.get("error.type")) == ("GET", code, "", error)
    assert attributes["http.response.status_code"] == status
    assert "network.protocol.version" not in attributes


def test_failure():
    """An exception gives type and message; the URL goes without what its query holds."""
    failure = Failure("socket.timeout", "timed out")
    name, attributes, code, message = http_client.describe(("PUT", "http://h/x?token=abc&y=1", 2), None, failure)
    assert (name, code, message) == ("PUT", ERROR, "timed out")
    assert attributes == {
        "http.request.method": "PUT",
        "url.full": "http://h/x?token=REDACTED&y=1",
        "server.address": "h",
        "server.port": 80,
        "http.request.resend_count": 2,
        "error.type": "socket.timeout",
    }


def test_ended_from_outside():
    """A request that was cancelled has no status."""
    name, attributes, code, message = http_client.describe(("GET", "http://h/", 0), None, None)
    assert (name, code, message) == ("GET", UNSET, "")
    assert "error.type" not in attributes


@pytest.fixture
def span():
    """A span whose trace came in with tracestate and baggage."""
    propagation.configure()
    return tracer.enter(_OPERATION, ("GET", "http://h/", 0), Remote("ab" * 16, "cd" * 8, 1, "v=1", "b=1"), None)


def test_put(span):
    """All headers of the context are written."""
    headers = {}
    http_client.put(headers, span)
    assert headers == {"traceparent": f"00-{'ab' * 16}-{span.span_id}-01", "tracestate": "v=1", "baggage": "b=1"}


class Lines(dict):
    """Headers of which one may have several lines."""

    def getall(self, name, default):
        value = self.get(name, default)
        return value if isinstance(value, list) else default if value is None else [value]


def test_put_replaces(span):
    """What is there and cannot be read is replaced or taken out; baggage stays."""
    span.trace = type(span.trace)("ab" * 16, 1, "", "b=1")
    headers = Lines({"traceparent": "x", "tracestate": "y", "baggage": "mine=1", "other": "z"})
    http_client.put(headers, span)
    assert headers == {"traceparent": f"00-{'ab' * 16}-{span.span_id}-01", "baggage": "mine=1", "other": "z"}


def test_put_replaces_several(span):
    """Two contexts of the program are none."""
    given = f"00-{'1' * 32}-{'2' * 16}-01"
    headers = Lines(traceparent=[given, given])
    http_client.put(headers, span)
    assert headers["traceparent"] == f"00-{span.trace.trace_id}-{span.span_id}-01"
    assert span.parent_id == "cd" * 8


def test_put_nowhere(span):
    """Without a carrier, the context is written elsewhere."""
    http_client.put(None, span)


def test_put_with_propagation_off(span):
    """Where nothing is sent, nothing is touched."""
    propagation.configure(("none",))
    headers = {"traceparent": "x"}
    http_client.put(headers, span)
    assert headers == {"traceparent": "x"}
    propagation.configure()
