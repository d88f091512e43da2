"""What the contract of HTTP clients stands on: how a library is used, and what a whole span of it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager

import pytest

from autotrace.conventions import http
from autotrace.testing.contracts.http_origin import serving
from autotrace.trace.context import get_current, set_current
from autotrace.trace.span import SERVER, UNSET, Operation
from autotrace.trace.tracer import Remote, tracer

TRACE, CALLER = "ab" * 16, "cd" * 8
_OPERATION = Operation("test", SERVER, "test", lambda facts, outcome, failure: (facts[0], {}, UNSET, ""))


@contextmanager
def caller(name="caller", flags=1, tracestate="", baggage=""):
    """Make a span current whose parent came from elsewhere, as a server does for a request."""
    remote = Remote(TRACE, CALLER, flags, tracestate, baggage)
    span = tracer.enter(_OPERATION, (name,), remote, get_current())
    set_current(span)
    try:
        yield span
    finally:
        tracer.finish(span)


class HttpClientBase(ABC):
    """What a user of any HTTP client sees.

    Attributes:
        instrumentor: by its name, which is also the scope of its spans.
        parts: the other instrumentors of the same library that belong to it.
        layers: the instrumentors of the libraries beneath it that are of the same family.
        follows: whether it is told to follow redirects, each hop being a request of its own.
        refused: what the program gets when nobody listens.
        timed_out: what the program gets when the answer takes too long.
    """

    instrumentor = ""
    parts = ()
    layers = ()
    follows = True
    refused: type[BaseException] = OSError
    timed_out: type[BaseException] = OSError

    @abstractmethod
    def send(self, method, url, headers=None, body=None, timeout=None):
        """Send a request with the library, read the answer, close everything; return the status."""

    @pytest.fixture
    def origin(self):
        """A server."""
        with serving() as origin:
            yield origin

    @pytest.fixture
    def traced(self, recorder, instrument):
        """The recorder, with the instrumentor in place."""
        instrument(self.instrumentor, *self.parts)
        yield recorder
        http.configure()

    def expected(self, origin, path, status, number=1, **attributes):
        """Return the whole span of an answered GET that is a root."""
        failed = {"error.type": str(status)} if status >= 400 else {}
        return {
            "name": "GET",
            "kind": "CLIENT",
            "scope": self.instrumentor,
            "trace_id": f"{number:032x}",
            "span_id": f"{number:016x}",
            "parent_id": "",
            "attributes": {
                "http.request.method": "GET",
                "url.full": origin.url + path,
                "server.address": "127.0.0.1",
                "server.port": origin.port,
                "http.response.status_code": status,
                "network.protocol.version": "1.1",
                **failed,
                **attributes,
            },
            "status": "ERROR" if failed else "UNSET",
        }
