"""pycurl, by easy handles and by multi handles, with the contract of HTTP clients and what is its own."""

from __future__ import annotations

import asyncio
import io

import pycurl
import pytest

from autotrace.testing.contracts.http_client import HttpClientContract
from autotrace.testing.contracts.http_client_base import caller
from autotrace.testing.contracts.http_origin import refusing
from autotrace.trace.context import get_current


def handle_for(method, url, headers=None, body=None, timeout=None):
    """Return a handle with a request, which keeps the answer's body in ``got``."""
    handle = pycurl.Curl()
    handle.setopt(pycurl.URL, url)
    handle.setopt(pycurl.NOPROXY, "*")
    handle.setopt(pycurl.NOSIGNAL, 1)
    if headers:
        handle.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in headers.items()])
    if body is not None:
        handle.setopt(pycurl.POSTFIELDS, body)
    if method not in ("GET", "POST"):
        handle.setopt(pycurl.CUSTOMREQUEST, method)
    if timeout:
        handle.setopt(pycurl.TIMEOUT_MS, int(timeout * 1000))
    handle.got = io.BytesIO()
    handle.setopt(pycurl.WRITEFUNCTION, handle.got.write)
    return handle


class Easy(HttpClientContract):
    """What both ways of driving a handle keep."""

    instrumentor = "pycurl"
    follows = False  # it does, within the transfer
    refused = pycurl.error
    timed_out = pycurl.error

    def transfer(self, handle):
        """Make the transfer, or raise what it fails with."""
        raise NotImplementedError

    def send(self, method, url, headers=None, body=None, timeout=None):
        handle = handle_for(method, url, headers, body, timeout)
        try:
            self.transfer(handle)
            return handle.getinfo(pycurl.RESPONSE_CODE)
        finally:
            handle.close()

    def test_headers_of_a_handle_that_is_used_again(self, traced, origin):
        """The program's list stays, each transfer has its own context once, and then the handle has the program's again."""
        handle = handle_for("GET", origin.url + "/")
        mine = ["X-Mine: 1", b"X-Bytes: 2"]
        handle.setopt(pycurl.HTTPHEADER, mine)
        self.transfer(handle)
        self.transfer(handle)
        handle.setopt(pycurl.HTTPHEADER, [])  # which changes nothing
        self.transfer(handle)
        handle.unsetopt(pycurl.HTTPHEADER)
        self.transfer(handle)
        assert mine == ["X-Mine: 1", b"X-Bytes: 2"]
        assert [asked.all("x-mine") + asked.all("x-bytes") for asked in origin.asked] == [
            ["1", "2"],
            ["1", "2"],
            ["1", "2"],
            [],
        ]
        assert [asked.all("traceparent") for asked in origin.asked] == [
            [f"00-{span['trace_id']}-{span['span_id']}-03"] for span in traced.wait(4)
        ]
        handle.close()

    def test_duplicate(self, traced, origin):
        """A duplicate has the program's headers and a context of its own."""
        handle = handle_for("GET", origin.url + "/", {"X-Mine": "1"})
        self.transfer(handle)
        copy = handle.duphandle()
        self.transfer(copy)
        assert [asked.all("traceparent")[0][36:52] for asked in origin.asked] == [
            span["span_id"] for span in traced.wait(2)
        ]
        assert [asked.all("x-mine") for asked in origin.asked] == [["1"], ["1"]]
        handle.close()
        copy.close()

    @pytest.mark.parametrize(
        ("options", "method"),
        [
            ((("NOBODY", 1),), "HEAD"),
            ((("NOBODY", 1), ("NOBODY", 0)), "GET"),
            ((("POSTFIELDS", "a=b"),), "POST"),
            ((("POSTFIELDS", "a=b"), ("HTTPGET", 1)), "GET"),
            ((("POSTFIELDS", "a=b"), ("CUSTOMREQUEST", "PUT")), "PUT"),
            ((("POST", 1), ("POSTFIELDS", ""), ("CUSTOMREQUEST", "PUT"), ("CUSTOMREQUEST", None)), "POST"),
            ((("UPLOAD", 1), ("INFILESIZE", 0)), "PUT"),
        ],
    )
    def test_method(self, traced, origin, options, method):
        """It is the one that the options come to, as the server sees it."""
        handle = handle_for("GET", origin.url + "/")
        handle.setopt(pycurl.READFUNCTION, lambda _size: b"")
        for name, value in options:
            if value is None:
                handle.unsetopt(getattr(pycurl, name))
            else:
                handle.setopt(getattr(pycurl, name), value)
        self.transfer(handle)
        handle.close()
        assert [asked.method for asked in origin.asked] == [method]
        assert [span["attributes"]["http.request.method"] for span in traced.wait(1)] == [method]

    def test_reset(self, traced, origin):
        """After ``reset`` nothing of the former request is told or sent."""
        handle = handle_for("POST", origin.url + "/", {"X-Mine": "1"}, b"x")
        self.transfer(handle)
        handle.reset()
        handle.setopt(pycurl.NOPROXY, "*")
        handle.setopt(pycurl.WRITEFUNCTION, handle.got.write)
        handle.setopt_string(pycurl.URL, origin.url + "/")
        self.transfer(handle)
        handle.close()
        assert [asked.all("x-mine") for asked in origin.asked] == [["1"], []]
        assert [span["name"] for span in traced.wait(2)] == ["POST", "GET"]

    def test_redirect_within_the_transfer(self, traced, origin):
        """The hops that libcurl follows are one span, with the last answer's status; each carries the context."""
        handle = handle_for("GET", origin.url + "/redirect")
        handle.setopt(pycurl.FOLLOWLOCATION, 1)
        self.transfer(handle)
        handle.close()
        assert traced.wait(1) == [self.expected(origin, "/redirect", 200)]
        assert [asked.path for asked in origin.asked] == ["/redirect", "/status/200"]
        assert len({asked.all("traceparent")[0] for asked in origin.asked}) == 1

    def test_what_is_not_http_has_no_span(self, traced, tmp_path):
        """libcurl speaks other protocols too."""
        file = tmp_path / "file"
        file.write_text("content", encoding="utf-8")
        handle = handle_for("GET", file.as_uri())
        self.transfer(handle)
        assert handle.got.getvalue() == b"content"
        assert traced.finished() == []
        handle.close()

    def test_what_has_no_url_has_no_span(self, traced):
        """A handle that was given none fails, or only keeps a loop going."""
        handle = pycurl.Curl()
        with pytest.raises(pycurl.error):
            self.transfer(handle)
        assert traced.finished() == []
        handle.close()

    def test_url_without_a_scheme(self, traced, origin):
        """libcurl takes it for one of http, and so do we."""
        assert self.send("GET", origin.url.replace("http://", "") + "/status/200") == 200
        assert traced.wait(1) == [self.expected(origin, "/status/200", 200)]

    def test_types_stay_what_they_are(self, recorder, instrument):
        """Handles are of the library's type, and the program can derive from it and keep attributes."""
        instrument("pycurl")

        class Mine(pycurl.Curl):
            def perform(self):
                return super().perform()

        for handle in (pycurl.Curl(), Mine(), Mine().duphandle()):
            handle.mine = 1
            assert handle.mine == 1
            assert isinstance(handle, pycurl.Curl)
            handle.close()
        assert pycurl.Curl.__name__ == "Curl"
        assert pycurl.Curl.__module__ == "pycurl"


class TestPerform(Easy):
    """The contract, for Curl.perform."""

    def transfer(self, handle):
        handle.perform()

    def test_perform_that_returns_the_body(self, traced, origin):
        """It is a transfer as any other."""
        handle = handle_for("GET", origin.url + "/")
        assert handle.perform_rs() == "hello"
        assert handle.perform_rb() == b"hello"
        handle.close()
        assert [span["attributes"]["http.response.status_code"] for span in traced.wait(2)] == [200, 200]

    def test_callbacks_run_beneath_the_request(self, traced, origin):
        """While libcurl calls the program the request is current."""
        seen = []
        handle = handle_for("GET", origin.url + "/")
        handle.setopt(pycurl.WRITEFUNCTION, lambda chunk: seen.append(get_current().span_id) or len(chunk))
        handle.perform()
        handle.close()
        (span,) = traced.wait(1)
        assert set(seen) == {span["span_id"]}


class TestMulti(Easy):
    """The contract, for handles that a loop drives by CurlMulti."""

    def transfer(self, handle):
        multi = pycurl.CurlMulti()
        multi.add_handle(handle)
        try:
            self.drive(multi, 1)
        finally:
            multi.remove_handle(handle)
            multi.close()

    def drive(self, multi, count):
        """Run transfers to their end; raise what the first of those that failed ended with."""
        left = count
        while left:
            while multi.perform()[0] == pycurl.E_CALL_MULTI_PERFORM:
                pass
            _, well, ill = multi.info_read()
            left -= len(well) + len(ill)
            for _, code, message in ill:
                raise pycurl.error(code, message)
            multi.select(0.05)

    def test_several_at_once(self, traced, origin):
        """Each is beneath the span that was current when it was added, and none is current while the loop runs."""
        multi, handles = pycurl.CurlMulti(), []
        for number in range(4):
            handles.append(handle_for("GET", f"{origin.url}/?n={number}"))
            with caller(f"caller {number}"):
                multi.add_handle(handles[-1])
        assert get_current() is None
        self.drive(multi, 4)
        for handle in handles:
            multi.remove_handle(handle)
            handle.close()
        multi.close()
        spans = traced.wait(8)
        names = {span["span_id"]: span["name"] for span in spans}
        requests = [span for span in spans if span["name"] == "GET"]
        assert {(span["attributes"]["url.full"][-1], names[span["parent_id"]][-1]) for span in requests} == {
            (str(number), str(number)) for number in range(4)
        }
        assert sorted(asked.all("traceparent")[0][36:52] for asked in origin.asked) == sorted(
            span["span_id"] for span in requests
        )

    @pytest.mark.parametrize("end", ["remove", "close", "again"])
    def test_transfer_that_nobody_waits_for(self, traced, origin, end):
        """A transfer that is given up has ended then, without an answer and without an error."""
        multi, handle = pycurl.CurlMulti(), handle_for("GET", origin.url + "/slow")
        multi.add_handle(handle)
        while not origin.arrived.is_set():
            multi.perform()
            multi.select(0.05)
        if end == "close":
            handle.close()
        else:
            multi.remove_handle(handle)
        (span,) = traced.wait(1)
        assert span["status"] == "UNSET"
        assert "http.response.status_code" not in span["attributes"]
        if end == "again":
            handle.setopt(pycurl.URL, origin.url + "/")
            handle.perform()
            assert traced.wait(2)[1] == self.expected(origin, "/", 200, 2)
        multi.close()

    @pytest.mark.skipif(not hasattr(pycurl, "AsyncCurlMulti"), reason="it has no loop of its own before 7.47")
    def test_asyncio(self, traced, origin):
        """Its own loop drives transfers of several tasks at once."""

        async def work(multi, number):
            handle = handle_for("GET", f"{origin.url}/?n={number}")
            with caller(f"caller {number}"):
                await multi.perform(handle)
            handle.close()

        async def main():
            async with pycurl.AsyncCurlMulti() as multi:
                await asyncio.gather(*(work(multi, number) for number in range(24)))
                with refusing() as url, pytest.raises(pycurl.error):
                    await multi.perform(handle_for("GET", url + "/"))

        asyncio.run(main())
        failed = traced.spans.pop()
        assert failed.failure.type == "pycurl.error"
        self.check_concurrent(traced, origin)
