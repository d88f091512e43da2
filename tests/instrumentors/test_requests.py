"""requests, with the contract of HTTP clients and what is its own."""

from __future__ import annotations

import http.client

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from autotrace.testing.contracts.http_client import HttpClientContract
from autotrace.testing.contracts.http_client_base import TRACE, caller
from autotrace.testing.contracts.http_origin import refusing
from autotrace.trace.context import get_current


class TestContract(HttpClientContract):
    """The contract."""

    instrumentor = "requests"
    layers = ("urllib3", "http_client")
    refused = requests.ConnectionError
    timed_out = requests.ReadTimeout

    def send(self, method, url, headers=None, body=None, timeout=None):
        with requests.Session() as session:
            return session.request(method, url, headers=headers, data=body, timeout=timeout).status_code

    def test_prepared_request_is_untouched(self, traced, origin):
        """A prepared request is what the program prepared, also afterwards, and the response holds that very one."""
        with requests.Session() as session:
            prepared = session.prepare_request(requests.Request("GET", origin.url + "/", headers={"Traceparent": "x"}))
            before = dict(prepared.headers)
            response = session.send(prepared)
        assert response.request is prepared
        assert prepared.headers == before
        assert len(origin.asked[0].all("traceparent")) == 1

    def test_generator_body(self, traced, origin):
        """A body of unknown length is sent in chunks, and carries the context on every version's own way of doing it."""
        with requests.Session() as session:
            response = session.post(origin.url + "/", data=iter([b"one", b"two"]))
        assert response.status_code == 200
        assert origin.asked[0].body == b"onetwo"
        (span,) = traced.wait(1)
        assert origin.asked[0].all("traceparent") == [f"00-{span['trace_id']}-{span['span_id']}-03"]

    def test_stream(self, traced, origin):
        """The span of a streamed answer ends when the headers are read; the body is the program's to read."""
        with requests.Session() as session, session.get(origin.url + "/", stream=True) as response:
            assert traced.wait(1) == [self.expected(origin, "/", 200)]
            assert b"".join(response.iter_content(2)) == b"hello"

    def test_functions_of_the_module(self, traced, origin):
        """requests.get is traced as sessions are."""
        assert requests.get(origin.url + "/").text == "hello"
        assert traced.wait(1) == [self.expected(origin, "/", 200)]

    def test_adapter_of_the_program(self, traced, origin):
        """An adapter that calls the built-in one is traced once."""

        class Adapter(HTTPAdapter):
            def send(self, request, **kwargs):
                request.headers["X-Mine"] = "1"
                return super().send(request, **kwargs)

        with requests.Session() as session:
            session.mount("http://", Adapter())
            assert session.get(origin.url + "/").status_code == 200
        assert origin.asked[0].all("x-mine") == ["1"]
        assert traced.wait(1) == [self.expected(origin, "/", 200)]

    @pytest.mark.parametrize("layers", [(), ("urllib3", "http_client")])
    def test_retries_of_an_adapter(self, traced, instrument, origin, layers):
        """Each retry that an adapter was told to make is a span beside the first attempt, with a context of its own."""
        instrument(*layers)
        with requests.Session() as session, caller():
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

    def test_retries_and_redirects_where_no_span_is_current(self, traced, origin):
        """All attempts of one call are in one trace, and counted on."""
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=Retry(3, status_forcelist=[503], backoff_factor=0)))
            again = []

            def follow(response, **kwargs):
                if not again:
                    again.append(response.content)
                    response.close()
                    return response.connection.send(response.request, **kwargs)
                return response

            assert session.get(origin.url + "/flaky/1", hooks={"response": follow}).status_code == 200
            assert session.get(origin.url + "/redirect").status_code == 200
        spans = traced.wait(5)
        assert [span["attributes"].get("http.request.resend_count") for span in spans] == [None, 1, 2, None, 1]
        assert len({span["trace_id"] for span in spans[:3]}) == len({span["trace_id"] for span in spans[3:]}) == 1
        assert spans[2]["trace_id"] != spans[3]["trace_id"]
        assert {span["parent_id"] for span in spans} == {""}
        assert get_current() is None

    def test_retries_that_all_fail(self, traced):
        """Each attempt says why it failed, and when; the program gets what it gets without us."""
        with refusing() as url, requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=Retry(2, backoff_factor=0)))
            with pytest.raises(requests.ConnectionError):
                session.get(url + "/")
        spans = traced.wait(3)
        assert {span["status"] for span in spans} == {"ERROR"}
        assert [span["attributes"].get("http.request.resend_count") for span in spans] == [None, 1, 2]
        assert len({span["trace_id"] for span in spans}) == 1
        assert get_current() is None

    def test_a_request_from_a_hook_is_no_retry(self, traced, origin):
        """What a hook asks for on its own is another call."""

        def hook(response, **_):
            requests.get(origin.url + "/status/204")

        requests.get(origin.url + "/", hooks={"response": hook})
        first, second = traced.wait(2)
        assert first["trace_id"] != second["trace_id"]
        assert "http.request.resend_count" not in second["attributes"]

    def test_user_information(self, traced, origin):
        """A user and a password in the URL are used, but not kept."""
        with requests.Session() as session:
            session.get(origin.url.replace("//", "//me:secret@") + "/")
        assert origin.asked[0].all("authorization") == ["Basic bWU6c2VjcmV0"]
        (span,) = traced.wait(1)
        assert "secret" not in str(span)

    def test_proxy(self, traced, origin):
        """Through a proxy, the span tells whom the request was for."""
        with requests.Session() as session:
            session.get("http://example.invalid/x", proxies={"http": origin.url})
        (span,) = traced.wait(1)
        assert origin.asked[0].path == "http://example.invalid/x"
        assert len(origin.asked[0].all("traceparent")) == 1
        assert span["attributes"]["url.full"] == "http://example.invalid/x"
        assert span["attributes"]["server.address"] == "example.invalid"

    def test_connection_of_the_program_beneath(self, traced, origin):
        """A request by another way, made while nothing is current, is neither traced nor written to."""
        connection = http.client.HTTPConnection("127.0.0.1", origin.port)
        connection.request("GET", "/", headers={"traceparent": "mine"})
        connection.getresponse().read()
        connection.close()
        assert origin.asked[0].all("traceparent") == ["mine"]
        assert traced.finished() == []

    @pytest.mark.parametrize(
        ("names", "scope"),
        [
            (("urllib3",), "urllib3"),
            (("http_client",), "http_client"),
            (("http_client", "urllib3"), "urllib3"),
            (("http_client", "requests"), "requests"),
            (("urllib3", "requests"), "requests"),
        ],
    )
    def test_what_is_switched_on(self, recorder, instrument, origin, names, scope):
        """Whatever of the layers is switched on, the highest makes the span, and its context is sent, once."""
        for name in names:
            instrument(name)
        with requests.Session() as session:
            response = session.get(origin.url + "/")
        assert recorder.wait(1) == [{**self.expected(origin, "/", 200), "scope": scope}]
        assert origin.asked[0].all("traceparent") == [f"00-{1:032x}-{1:016x}-03"]
        assert "traceparent" not in response.request.headers

    def test_keep_alive(self, traced, origin):
        """Each request on a connection that is kept carries its own context."""
        with requests.Session() as session, caller():
            for _ in range(3):
                session.get(origin.url + "/")
        *spans, _outer = traced.wait(4)
        assert [asked.all("traceparent")[0][36:52] for asked in origin.asked] == [span["span_id"] for span in spans]

    def test_invalid_url(self, traced):
        """A URL that requests refuses was never sent."""
        with pytest.raises(requests.exceptions.InvalidURL):
            requests.get("http://")
        assert traced.finished() == []
