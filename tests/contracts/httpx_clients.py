"""What holds for httpx and for httpx2, sync and async: the contract of HTTP clients, and what is their own."""

from __future__ import annotations

import asyncio
import importlib

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from autotrace.testing.contracts.http_client import AsyncHttpClientContract, HttpClientContract

importlib.import_module("anyio._backends._asyncio")  # anyio 3 gives it to one thread while another still executes it


class HttpxContract(HttpClientContract):
    """The contract, for Client; ``httpx`` is the library."""

    httpx = None

    def send(self, method, url, headers=None, body=None, timeout=None):
        with self.httpx.Client(timeout=timeout, follow_redirects=True, trust_env=False) as client:
            return client.request(method, url, headers=headers, content=body).status_code

    def test_request_is_untouched(self, traced, origin):
        """A request that the program built is not written to, and the response holds that very one."""
        with self.httpx.Client(trust_env=False) as client:
            request = client.build_request("POST", origin.url + "/", headers={"Traceparent": "x"}, content=b"body")
            before = request.headers.copy()
            response = client.send(request)
        assert response.request is request
        assert request.headers == before
        assert origin.asked[0].body == b"body"
        assert len(origin.asked[0].all("traceparent")) == 1

    def test_stream(self, traced, origin):
        """The span of a streamed answer ends when the headers are read."""
        with self.httpx.Client(trust_env=False) as client, client.stream("GET", origin.url + "/") as response:
            assert traced.wait(1) == [self.expected(origin, "/", 200)]
            assert b"".join(response.iter_raw()) == b"hello"

    def test_authentication(self, traced, origin):
        """Both requests of digest authentication are spans."""
        with self.httpx.Client(trust_env=False, auth=self.httpx.DigestAuth("me", "secret")) as client:
            assert client.get(origin.url + "/digest").status_code == 200
        assert [span["attributes"]["http.response.status_code"] for span in traced.wait(2)] == [401, 200]
        assert [len(asked.all("traceparent")) for asked in origin.asked] == [1, 1]

    def test_generator_body(self, traced, origin):
        """A body that can be read once is read once, by the server."""
        with self.httpx.Client(trust_env=False) as client:
            assert client.post(origin.url + "/", content=iter([b"one", b"two"])).status_code == 200
        assert origin.asked[0].body == b"onetwo"

    def test_user_information(self, traced, origin):
        """A user and a password in the URL are used, but not kept."""
        with self.httpx.Client(trust_env=False) as client:
            client.get(origin.url.replace("//", "//me:secret@") + "/")
        assert origin.asked[0].all("authorization") == ["Basic bWU6c2VjcmV0"]
        assert "secret" not in str(traced.wait(1))

    def test_transport_of_the_program(self, traced):
        """A transport of the program's own gets the very request, and is traced."""
        got = []

        def handle(request):
            got.append(request)
            return self.httpx.Response(404)

        with self.httpx.Client(transport=self.httpx.MockTransport(handle)) as client:
            request = client.build_request("GET", "http://example.invalid/x")
            client.send(request)
        assert got == [request]
        (span,) = traced.wait(1)
        assert span["attributes"]["http.response.status_code"] == 404
        assert span["attributes"]["server.address"] == "example.invalid"

    def test_version_of_the_protocol(self, traced):
        """The version is told as the conventions spell it; one that is not known is not told."""
        for version in (b"HTTP/2", b"HTTP/9"):
            answer = self.httpx.Response(200, extensions={"http_version": version})
            with self.httpx.Client(transport=self.httpx.MockTransport(lambda request, answer=answer: answer)) as client:
                client.get("http://example.invalid/x")
        versions = [span["attributes"].get("network.protocol.version") for span in traced.wait(2)]
        assert versions == ["2", None]

    def test_functions_of_the_module(self, traced, origin):
        """What the module offers is traced as clients are."""
        assert self.httpx.get(origin.url + "/", trust_env=False).text == "hello"
        assert traced.wait(1) == [self.expected(origin, "/", 200)]

    def test_client_for_tests_of_applications(self, traced, instrument):
        """Starlette's client calls an application in the process: request and answer are a span each, one beneath the other."""
        if not issubclass(TestClient, self.httpx.Client):
            pytest.skip("the client of this Starlette is one of the other library")
        instrument("starlette")
        application = Starlette(routes=[Route("/items/{number}", lambda _request: PlainTextResponse("fine"))])
        assert TestClient(application).get("/items/1").text == "fine"
        spans = {span["kind"]: span for span in traced.wait(2)}
        assert (spans["SERVER"]["name"], spans["SERVER"]["scope"]) == ("GET /items/{number}", "starlette")
        assert spans["SERVER"]["parent_id"] == spans["CLIENT"]["span_id"]
        assert spans["CLIENT"] == {
            "name": "GET",
            "kind": "CLIENT",
            "scope": self.instrumentor,
            "trace_id": f"{1:032x}",
            "span_id": f"{1:016x}",
            "parent_id": "",
            "status": "UNSET",
            "attributes": {
                "http.request.method": "GET",
                "url.full": "http://testserver/items/1",
                "server.address": "testserver",
                "server.port": 80,
                "http.response.status_code": 200,
                "network.protocol.version": "1.1",
            },
        }


class AsyncHttpxContract(AsyncHttpClientContract):
    """The contract, for AsyncClient; ``httpx`` is the library."""

    httpx = None

    async def asend(self, method, url, headers=None, body=None, timeout=None):
        async with self.httpx.AsyncClient(timeout=timeout, follow_redirects=True, trust_env=False) as client:
            return (await client.request(method, url, headers=headers, content=body)).status_code

    def test_stream(self, traced, origin):
        """The span of a streamed answer ends when the headers are read."""

        async def main():
            async with (
                self.httpx.AsyncClient(trust_env=False) as client,
                client.stream("GET", origin.url + "/") as response,
            ):
                assert traced.wait(1) == [self.expected(origin, "/", 200)]
                assert await response.aread() == b"hello"

        asyncio.run(main())

    def test_application_in_process(self, traced):
        """An ASGI application that is called without a connection gets the context too."""
        scopes = []

        async def application(scope, receive, send):
            scopes.append(scope)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        async def main():
            async with self.httpx.AsyncClient(transport=self.httpx.ASGITransport(app=application)) as client:
                await client.get("http://app/")

        asyncio.run(main())
        (span,) = traced.wait(1)
        assert dict(scopes[0]["headers"])[b"traceparent"].decode() == f"00-{span['trace_id']}-{span['span_id']}-03"

    def test_limit_of_time_around(self, traced, origin):
        """A request that the program's own limit of time ends was cancelled."""

        async def main():
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(self.asend("GET", origin.url + "/slow"), 0.2)

        asyncio.run(main())
        assert [span["status"] for span in traced.wait(1)] == ["UNSET"]
