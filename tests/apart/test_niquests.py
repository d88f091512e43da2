"""niquests, sync and asyncio, with the contract of HTTP clients and what is its own; urllib3-future stands in urllib3's place."""

from __future__ import annotations

import asyncio
import json
import socket
import sys

import niquests
import pytest
import requests
import urllib3
from hypercorn.asyncio import serve
from hypercorn.config import Config
from niquests.adapters import HTTPAdapter

from autotrace.testing.contracts.http_client import AsyncHttpClientContract, HttpClientContract
from autotrace.testing.contracts.http_client_base import TRACE, caller
from autotrace.testing.contracts.http_origin import refusing, serving
from autotrace.testing.contracts.http_server import threaded
from autotrace.trace.context import get_current
from services.ports import free_port
from waiting import answered

beneath = sys.modules[HTTPAdapter().poolmanager.__module__.partition(".")[0]]
Retry = beneath.Retry


def test_urllib3_is_the_other_one():
    """Else nothing here would be tested that has to be."""
    assert beneath is urllib3
    assert hasattr(urllib3, "ConnectionInfo")


class TestContract(HttpClientContract):
    """The contract."""

    instrumentor = "niquests"
    layers = ("urllib3", "requests", "http_client")
    refused = niquests.ConnectionError
    timed_out = niquests.ReadTimeout

    def send(self, method, url, headers=None, body=None, timeout=None):
        with niquests.Session() as session:
            return session.request(method, url, headers=headers, data=body, timeout=timeout).status_code

    def test_prepared_request_is_untouched(self, traced, origin):
        """A prepared request is what the program prepared, also afterwards, and the response holds that very one."""
        with niquests.Session() as session:
            prepared = session.prepare_request(niquests.Request("GET", origin.url + "/", headers={"Traceparent": "x"}))
            before = dict(prepared.headers)
            response = session.send(prepared)
        assert response.request is prepared
        assert prepared.headers == before
        assert len(origin.asked[0].all("traceparent")) == 1

    def test_generator_body(self, traced, origin):
        """A body of unknown length is sent in chunks, and carries the context."""
        with niquests.Session() as session:
            response = session.post(origin.url + "/", data=iter([b"one", b"two"]))
        assert response.status_code == 200
        assert origin.asked[0].body == b"onetwo"
        (span,) = traced.wait(1)
        assert origin.asked[0].all("traceparent") == [f"00-{span['trace_id']}-{span['span_id']}-03"]

    def test_functions_of_the_module(self, traced, origin):
        """niquests.get is traced as sessions are."""
        assert niquests.get(origin.url + "/").text == "hello"
        assert traced.wait(1) == [self.expected(origin, "/", 200)]

    @pytest.mark.parametrize("layers", [(), ("urllib3", "http_client")])
    def test_retries_of_an_adapter(self, traced, instrument, origin, layers):
        """Each retry that an adapter was told to make is a span beside the first attempt, with a context of its own."""
        instrument(*layers)
        with niquests.Session() as session, caller():
            session.mount("http://", HTTPAdapter(max_retries=Retry(3, status_forcelist=[503], backoff_factor=0)))
            assert session.get(origin.url + "/flaky/2").status_code == 200
        *spans, outer = traced.wait(4)
        common = {"trace_id": TRACE, "parent_id": outer["span_id"]}
        for number, (span, status) in enumerate(zip(spans, (503, 503, 200))):
            more = {"http.request.resend_count": number} if number else {}
            assert span == {**self.expected(origin, "/flaky/2", status, **more), **common, "span_id": span["span_id"]}
        assert [asked.all("traceparent") for asked in origin.asked] == [
            [f"00-{TRACE}-{span['span_id']}-01"] for span in spans
        ]

    def test_retries_that_all_fail(self, traced):
        """Each attempt says why it failed; the program gets what it gets without us."""
        with refusing() as url, niquests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=Retry(2, backoff_factor=0)))
            with pytest.raises(niquests.ConnectionError):
                session.get(url + "/")
        spans = traced.wait(3)
        assert {span["status"] for span in spans} == {"ERROR"}
        assert len({span["trace_id"] for span in spans}) == 1
        assert get_current() is None

    def test_http_2(self, traced, newer):
        """The context travels there, too."""
        with niquests.Session(disable_http1=True) as session:
            answer = session.get(newer + "/")
        (span,) = traced.wait(1)
        assert answer.json() == [f"00-{span['trace_id']}-{span['span_id']}-03"]
        assert span["attributes"] == {
            "http.request.method": "GET",
            "url.full": newer + "/",
            "server.address": "127.0.0.1",
            "server.port": int(newer.rpartition(":")[2]),
            "http.response.status_code": 200,
            "network.protocol.version": "2",
        }

    def test_an_answer_that_is_waited_for_later(self, traced, newer):
        """A multiplexed request is a span of its sending; nothing asks for its answer but the program."""
        with niquests.Session(disable_http1=True, multiplexed=True) as session:
            session.get(newer + "/")  # the first one asks what the server can
            traced.clear()
            answers = [session.get(newer + "/") for _ in range(2)]
            assert [answer.lazy for answer in answers] == [True, True]
            spans = traced.wait(2)
            session.gather()
        assert [answer.json() for answer in answers] == [
            [f"00-{span['trace_id']}-{span['span_id']}-03"] for span in spans
        ]
        assert ["http.response.status_code" in span["attributes"] for span in spans] == [False, False]


class TestAsync(AsyncHttpClientContract):
    """The contract, awaited."""

    instrumentor = "niquests"
    layers = ("urllib3", "http_client")
    refused = niquests.ConnectionError
    timed_out = niquests.ReadTimeout

    async def asend(self, method, url, headers=None, body=None, timeout=None):
        async with niquests.AsyncSession() as session:
            response = await session.request(method, url, headers=headers, data=body, timeout=timeout)
            return response.status_code


async def application(scope, receive, send):
    """Answer with the contexts that came."""
    if scope["type"] == "http":
        came = [value.decode() for name, value in scope["headers"] if name == b"traceparent"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(came).encode()})


@pytest.fixture
def newer():
    """The URL of a server that speaks HTTP/2."""
    config = Config()
    config.bind, config.loglevel, config.errorlog = [f"127.0.0.1:{free_port()}"], "CRITICAL", None
    loop = asyncio.new_event_loop()
    ended = loop.create_future()

    async def run():
        await serve(application, config, shutdown_trigger=lambda: ended)

    with threaded(lambda: loop.run_until_complete(run()), lambda: loop.call_soon_threadsafe(ended.set_result, None)):
        host, _, port = config.bind[0].partition(":")
        answered(lambda: socket.create_connection((host, int(port)), 1).close())
        yield f"http://{config.bind[0]}"
    loop.close()


@pytest.fixture
def origin():
    """A server."""
    with serving() as origin:
        yield origin


def test_requests_carries_the_context_where_urllib3_is_the_other_one(recorder, instrument, origin):
    """As it does over urllib3 itself."""
    instrument("requests")
    assert requests.get(origin.url + "/").status_code == 200
    (span,) = recorder.wait(1)
    assert span["scope"] == "requests"
    assert origin.asked[0].all("traceparent") == [f"00-{span['trace_id']}-{span['span_id']}-03"]


def test_so_does_urllib3_itself(recorder, instrument, newer):
    """One span for each request, also of one that is answered later."""
    instrument("urllib3")
    with urllib3.PoolManager(disabled_svn={urllib3.HttpVersion.h11}) as pool:
        answers = [pool.request("GET", newer + "/")]
        promise = pool.urlopen("GET", newer + "/", multiplexed=True)
        answers.append(pool.get_response(promise=promise))
    spans = recorder.wait(2)
    assert [answer.json() for answer in answers] == [[f"00-{span['trace_id']}-{span['span_id']}-03"] for span in spans]
    assert [span["attributes"].get("http.response.status_code") for span in spans] == [200, None]
