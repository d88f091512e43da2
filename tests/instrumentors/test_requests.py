"""requests, with the contract of HTTP clients and what is its own."""

from __future__ import annotations

import http.client

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from contracts.http_client import HttpClientContract, caller


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
        assert origin.asked[0].all("traceparent") == [f"00-{span['trace_id']}-{span['span_id']}-01"]

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

    def test_retries_of_an_adapter(self, traced, origin):
        """Retries that an adapter was told to make are within one span, and each of them carries its context."""
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=Retry(2, status_forcelist=[503], backoff_factor=0)))
            assert session.get(origin.url + "/flaky").status_code == 200
        assert traced.wait(1) == [self.expected(origin, "/flaky", 200)]
        assert [asked.all("traceparent") for asked in origin.asked] == [[f"00-{1:032x}-{1:016x}-01"]] * 2

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
        assert origin.asked[0].all("traceparent") == [f"00-{1:032x}-{1:016x}-01"]
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
