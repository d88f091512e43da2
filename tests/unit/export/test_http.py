"""OTLP over HTTP against real servers: what is sent, and what each answer leads to."""

from __future__ import annotations

import os
import time
from email.utils import formatdate

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from autotrace import __version__
from autotrace.export import http
from autotrace.export.answer import LONGEST_REST, rest
from autotrace.export.http import HttpExporter
from autotrace.signals import TRACES
from services.ports import free_port
from unit.export.making import settings
from unit.export.receiver import Answer, running, scripted

PAYLOAD = b"\x0a\x00" * 500


@pytest.fixture
def receiver():
    """A server that answers as the test says."""
    with running() as server:
        yield server


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    """Pauses between attempts of milliseconds."""
    monkeypatch.setattr(http, "_FIRST_PAUSE", 0.01)


@pytest.fixture
def exporter(receiver):
    """An exporter to the receiver."""
    made = exporter_to(receiver.port)
    yield made
    made.close()


def exporter_to(port, scheme="http", **given):
    """Return an exporter to a port of this machine."""
    return HttpExporter(settings(endpoint=f"{scheme}://127.0.0.1:{port}/v1/traces", **given))


def soon(seconds=10.0):
    """Return a deadline."""
    return time.monotonic() + seconds


def test_a_request_as_it_arrives(receiver, exporter):
    """It is a POST of gzipped protobuf to the endpoint's path."""
    assert exporter.export(TRACES, PAYLOAD, soon()).delivered
    (request,) = receiver.received
    assert (request.path, request.body) == ("/v1/traces", PAYLOAD)
    assert len(request.raw) < len(PAYLOAD) / 2
    assert dict(request.headers) == {
        "Accept-Encoding": "identity",
        "Content-Encoding": "gzip",
        "Content-Length": str(len(request.raw)),
        "Content-Type": "application/x-protobuf",
        "Host": f"127.0.0.1:{receiver.port}",
        "User-Agent": f"autotrace/{__version__} (OTLP/HTTP, Python)",
    }


def test_no_compression_and_own_headers(receiver):
    """Headers of the settings are sent, but not those that describe the body; theirs win over ours otherwise."""
    headers = {"api-key": "söme", "user-agent": "me/1", "Content-Type": "text/plain", "content-encoding": "br"}
    exporter = exporter_to(receiver.port, compression="none", headers=headers)
    assert exporter.export(TRACES, PAYLOAD, soon()).delivered
    exporter.close()
    (request,) = receiver.received
    assert request.raw == PAYLOAD
    assert request.headers.get_all("User-Agent") == ["me/1"]
    assert request.headers.get_all("Content-Type") == ["application/x-protobuf"]
    assert request.headers["api-key"].encode("latin-1").decode() == "söme"
    assert "Content-Encoding" not in request.headers


def test_user_and_password_of_the_endpoint(receiver, told):
    """They become basic authentication, and are in no message."""
    receiver.answers = [Answer(401)]
    exporter = HttpExporter(settings(endpoint=f"http://me:s%40cret@127.0.0.1:{receiver.port}/x?a=b"))
    result = exporter.export(TRACES, PAYLOAD, soon())
    exporter.close()
    (request,) = receiver.received
    assert request.path == "/x?a=b"
    assert request.headers["Authorization"] == "Basic bWU6c0BjcmV0"
    assert (
        result.text == f"http://127.0.0.1:{receiver.port}/x answered 401 Unauthorized; set the headers that it asks for"
    )
    assert told == [f"autotrace: warning: {result.text}"]


def test_the_environment_does_not_lead_elsewhere(receiver, exporter, monkeypatch):
    """Proxies of the environment are not used."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert exporter.export(TRACES, PAYLOAD, soon()).delivered


def test_one_connection_for_many_requests(receiver, exporter):
    """The connection is kept, also after an error."""
    receiver.answers = [Answer(), Answer(400, body=b"\x12\x02no"), Answer(503), Answer()]
    for _ in range(3):
        exporter.export(TRACES, PAYLOAD, soon())
    assert len(receiver.received) == 4
    assert len({request.peer for request in receiver.received}) == 1


def test_a_connection_that_the_server_does_not_keep(receiver, exporter):
    """Connection: close is obeyed, and the next request dials again."""
    receiver.answers = [Answer(headers={"Connection": "close"}), Answer()]
    assert exporter.export(TRACES, PAYLOAD, soon()).delivered
    assert exporter.export(TRACES, PAYLOAD, soon()).delivered
    assert len({request.peer for request in receiver.received}) == 2


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_statuses_that_are_tried_again(receiver, exporter, status):
    """The same bytes are sent again after a pause."""
    receiver.answers = [Answer(status), Answer(status), Answer()]
    assert exporter.export(TRACES, PAYLOAD, soon()).delivered
    assert [request.body for request in receiver.received] == [PAYLOAD] * 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 408, 409, 413, 415, 500, 501, 505, 301, 302, 307, 308])
def test_statuses_that_are_not(receiver, exporter, status, told):
    """Everything else is refused at once, and said once."""
    receiver.answers = [Answer(status, {"Location": "/elsewhere"}), Answer(status, {"Location": "/elsewhere"})]
    for _ in range(2):
        result = exporter.export(TRACES, PAYLOAD, soon())
        assert (result.delivered, result.retryable) == (False, False)
        assert f"/v1/traces answered {status}" in result.text
        assert ("'/elsewhere', and redirects are not followed" in result.text) is (300 <= status < 400)
    assert [request.path for request in receiver.received] == ["/v1/traces"] * 2
    assert len(told) == 1


@pytest.mark.parametrize("status", [200, 202, 204])
def test_statuses_that_are_success(receiver, exporter, status):
    """Any 2xx is."""
    receiver.answers = [Answer(status)]
    assert exporter.export(TRACES, PAYLOAD, soon()).delivered


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("application/x-protobuf", b"\x08\x03\x12\x0bbad\n  spans", "bad spans"),
        ("text/plain; charset=utf-8", b"bad gateway\r\n", "bad gateway"),
        ("application/x-protobuf", b"not protobuf", "not protobuf"),
        ("text/html", b"<p>" * 1000, "<p>" * 66 + "<p..."),
    ],
)
def test_an_error_says_what_the_receiver_said(receiver, exporter, kind, body, said):
    """A google.rpc.Status or any text is repeated, on one line and not at length."""
    receiver.answers = [Answer(400, {"Content-Type": kind}, body)]
    assert exporter.export(TRACES, PAYLOAD, soon()).text == (
        f"http://127.0.0.1:{receiver.port}/v1/traces answered 400 Bad Request: {said}"
    )


@pytest.mark.parametrize(
    ("rejected", "message", "text"),
    [
        (3, "too old", "rejected 3 spans: too old"),
        (1, "", "rejected 1 span: it did not say why"),
        (-1, "slow down", "took all spans with a warning: slow down"),
        (0, "slow down", "took all spans with a warning: slow down"),
        (0, "", ""),
    ],
)
def test_partial_success(receiver, exporter, told, rejected, message, text):
    """It is delivered, not tried again, and said."""
    partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
    body = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
    receiver.answers = [Answer(body=body)]
    result = exporter.export(TRACES, PAYLOAD, soon())
    assert (result.delivered, result.rejected) == (True, max(rejected, 0))
    assert result.text == (f"http://127.0.0.1:{receiver.port}/v1/traces {text}" if text else "")
    assert len(told) == bool(text)
    assert len(receiver.received) == 1


@pytest.mark.parametrize("body", [b"{}", b"\xff" * 50, b"\x0a\x7f", b"\x0a\x02\x08\xff"])
def test_a_success_that_cannot_be_read(receiver, exporter, body):
    """A body that is no ExportTraceServiceResponse says nothing."""
    receiver.answers = [Answer(body=body)]
    result = exporter.export(TRACES, PAYLOAD, soon())
    assert (result.delivered, result.rejected, result.text) == (True, 0, "")


def test_a_success_that_tears(receiver, exporter):
    """The status has arrived: the spans have, too, and must not be sent twice."""
    receiver.answers = [Answer(torn=True), Answer()]
    assert exporter.export(TRACES, PAYLOAD, soon()).delivered
    assert len(receiver.received) == 1
    assert exporter.export(TRACES, PAYLOAD, soon()).delivered


def test_a_response_without_end(receiver, exporter):
    """Four megabytes are read and no more; the connection is not used again."""
    receiver.answers = [Answer(body=b"x" * (http.MAX_RESPONSE + 1)), Answer()]
    assert exporter.export(TRACES, PAYLOAD, soon()).delivered
    assert exporter.export(TRACES, PAYLOAD, soon()).delivered
    assert len({request.peer for request in receiver.received}) == 2


def test_a_request_that_is_too_large(receiver, exporter):
    """More than OTLP allows is refused without being sent."""
    result = exporter.export(TRACES, bytes(http.MAX_REQUEST + 1), soon())
    assert (result.delivered, result.retryable, receiver.received) == (False, False, [])
    assert "over the 67108864 that OTLP allows" in result.text


def test_retry_after_in_seconds(receiver, exporter, clock):
    """The pause is the receiver's, not ours."""
    receiver.answers = [Answer(503, {"Retry-After": "100"}), Answer()]
    exporter._hurry = clock
    assert exporter.export(TRACES, PAYLOAD, clock.now + 200).delivered
    assert clock.waited == [100.0]


def test_retry_after_the_deadline(receiver, exporter, clock):
    """It is not waited for, it is handed on, and until then nothing is sent at all."""
    receiver.answers = [Answer(429, {"Retry-After": "120"})]
    exporter._hurry = clock
    for left in (120.0, 110.0):
        result = exporter.export(TRACES, PAYLOAD, clock.now + 10)
        assert (result.delivered, result.retryable, result.retry_after) == (False, True, left)
        clock.now += 10
    assert (clock.waited, len(receiver.received)) == ([], 1)


def test_retry_after_as_a_date():
    """A date is as good as seconds; one that has passed asks for nothing, and none asks for an hour."""
    assert 28 < rest(formatdate(time.time() + 30, usegmt=True)) <= 30
    assert rest(formatdate(time.time() - 30, usegmt=True)) == 0.0
    assert rest("86400") == rest(formatdate(time.time() + 86400, usegmt=True)) == LONGEST_REST
    for nothing in ("", None, "soon", "-5", "1.5", "Mon, 99 Foo 2020", "²", "9" * 5000):
        assert rest(nothing) in {0.0, LONGEST_REST}


def test_a_connection_that_drops(receiver, exporter):
    """No answer is a connection failure: it is tried again."""
    receiver.answers = [Answer(hang_up=True), Answer(hang_up=True), Answer()]
    assert exporter.export(TRACES, PAYLOAD, soon()).delivered
    assert len(receiver.received) == 3


def test_a_kept_connection_that_the_server_has_closed(monkeypatch):
    """It is dialled anew at once: a pause would be for failures."""
    monkeypatch.setattr(http, "_FIRST_PAUSE", 60.0)

    def talk(connection, number):
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        connection.close()

    with scripted(talk) as (port, connections):
        exporter = exporter_to(port)
        assert exporter.export(TRACES, PAYLOAD, soon()).delivered
        assert exporter.export(TRACES, PAYLOAD, soon()).delivered
        exporter.close()
        assert len(connections) == 2


def read_request(connection):
    """Read one whole request off a socket."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)


def test_nobody_there(clock):
    """A refused connection is tried until the deadline, after longer and longer pauses, and is retryable then."""
    port = free_port()
    exporter = exporter_to(port)
    exporter._hurry = clock
    result = exporter.export(TRACES, PAYLOAD, clock.now + 300)
    assert (result.delivered, result.retryable) == (False, True)
    assert result.text.startswith(f"http://127.0.0.1:{port}/v1/traces cannot be reached: ")
    assert 300 - 1.5 * http._LONGEST_PAUSE <= sum(clock.waited) < 300
    pauses = [min(0.01 * 2**number, http._LONGEST_PAUSE) for number in range(len(clock.waited))]
    assert all(0.5 * pause <= waited <= 1.5 * pause for pause, waited in zip(pauses, clock.waited))


def test_a_deadline_that_has_passed(receiver, exporter, clock):
    """Nothing is waited for."""
    exporter._hurry = clock
    assert exporter.export(TRACES, PAYLOAD, clock.now - 1).retryable
    assert (clock.waited, receiver.received) == ([], [])


def test_somebody_who_speaks_no_http(told):
    """Another protocol's port is refused with advice."""

    def talk(connection, number):
        read_request(connection)
        connection.sendall(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" * 20)
        connection.close()

    with scripted(talk) as (port, _):
        exporter = exporter_to(port)
        result = exporter.export(TRACES, PAYLOAD, soon())
        exporter.close()
    assert (result.delivered, result.retryable) == (False, False)
    assert "does not speak HTTP" in result.text
    assert "4317 for gRPC" in result.text


def test_a_refusal_before_the_body_was_read():
    """Whoever answers 413 and hangs up while we are sending is heard, and not asked again."""

    def talk(connection, number):
        connection.recv(100)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        connection.close()  # with unread bytes: what we are still sending is reset

    with scripted(talk) as (port, connections):
        exporter = exporter_to(port, compression="none")
        result = exporter.export(TRACES, os.urandom(8 << 20), soon())
        exporter.close()
        assert (result.retryable, len(connections)) == (False, 1)
    assert "answered 413" in result.text


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [
        ("", "endpoint '' is not a URL"),
        ("localhost:4318", "endpoint 'localhost:4318' is not a URL like http://localhost:4318/v1/traces"),
        ("grpc://me:secret@localhost:4317", "endpoint 'localhost:4317' is not a URL"),
        ("http://localhost:99999/v1/traces", "Port out of range"),
        ("http://127.0.0.1:1/a b", "URL can't contain control characters"),
    ],
)
def test_endpoints_that_are_wrong(endpoint, text, told, receiver):
    """They are refused and said once, never raised."""
    exporter = HttpExporter(settings(endpoint=endpoint.replace("127.0.0.1:1", f"127.0.0.1:{receiver.port}")))
    for _ in range(2):
        result = exporter.export(TRACES, PAYLOAD, soon())
        assert (result.delivered, result.retryable) == (False, False)
        assert text in result.text
    assert len(told) == 1


@pytest.mark.parametrize(
    ("compression", "endpoint", "packed"),
    [
        ("auto", "http://127.0.0.1:4318/v1/traces", False),
        ("auto", "http://LOCALHOST:4318/v1/traces", False),
        ("auto", "http://[::1]:4318/v1/traces", False),
        ("auto", "https://me:pw@collector:4318/v1/traces", True),
        ("gzip", "http://localhost:4318/v1/traces", True),
        ("none", "https://collector/v1/traces", False),
    ],
)
def test_what_goes_to_this_machine_is_not_compressed(compression, endpoint, packed):
    """Unless the user wants it."""

    from autotrace.export.http import _packs

    assert _packs(compression, endpoint) is packed
