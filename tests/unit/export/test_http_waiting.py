"""What bounds and what ends an export over HTTP: timeouts, the end of the program, forks, TLS."""

from __future__ import annotations

import os
import socket
import threading
import time

import pytest

from autotrace.export import http
from autotrace.export.http import HttpExporter
from autotrace.signals import TRACES
from unit.export.making import settings
from unit.export.receiver import CERTIFICATE, KEY, Answer, running, scripted, tls_server
from unit.export.test_http import PAYLOAD, exporter_to, read_request, soon
from waiting import until


@pytest.fixture
def receiver():
    """A server that answers as the test says."""
    with running() as server:
        yield server


def in_thread(exporter, deadline):
    """Export on another thread; return the thread and the list that the result goes to."""
    results = []
    thread = threading.Thread(target=lambda: results.append(exporter.export(TRACES, PAYLOAD, deadline)))
    thread.start()
    return thread, results


def test_a_server_that_hangs(receiver, monkeypatch):
    """An attempt has its own timeout, and the next one may do."""
    monkeypatch.setattr(http, "_FIRST_PAUSE", 0.01)
    held = threading.Event()
    receiver.answers = [Answer(hold=held), Answer()]
    exporter = exporter_to(receiver.port, timeout_ms=200)
    assert exporter.export(TRACES, PAYLOAD, soon()).delivered
    held.set()
    exporter.close()


@pytest.mark.parametrize("part", [b"H", b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"])
def test_a_server_that_trickles(part, clock):
    """One byte now and then does not extend the deadline, neither in the headers nor in the body."""
    sent = []
    clock.step = 0.1

    def talk(connection, number):
        read_request(connection)
        connection.sendall(part)
        while len(sent) < 1000:
            sent.append(clock.now)
            connection.sendall(b"x")
            until(lambda: clock.now > sent[-1] or exporter._line is None, "somebody who reads")

    with scripted(talk) as (port, _):
        exporter = exporter_to(port)
        result = exporter.export(TRACES, PAYLOAD, clock.now + 2)
        exporter.close()
    assert len(sent) <= 2 / clock.step
    assert result.delivered is (len(part) > 1)


def test_a_server_that_reads_nothing(clock):
    """A send that stalls ends at the deadline."""
    over, ended = threading.Event(), []

    def talk(connection, number):
        ended.append(over.wait(60))

    with scripted(talk) as (port, _):
        exporter = exporter_to(port, compression="none")
        result = exporter.export(TRACES, bytes(32 << 20), clock.now + 0.1)
        over.set()
        exporter.close()
    assert result.retryable
    assert ended == [True]


def test_close_ends_a_request_under_way(receiver):
    """Whoever waits for an answer wakes up, and nothing is sent afterwards."""
    held = threading.Event()
    receiver.answers = [Answer(hold=held)]
    exporter = exporter_to(receiver.port)
    thread, results = in_thread(exporter, soon(60))
    receiver.wait(1)
    exporter.close()
    thread.join(60)
    assert not thread.is_alive()
    held.set()
    assert results[0].retryable
    assert exporter.export(TRACES, PAYLOAD, soon()).text.endswith("is closed")
    assert len(receiver.received) == 1


@pytest.mark.parametrize("end", [lambda exporter: exporter.close(), lambda exporter: exporter.hasten(soon(5))])
def test_the_end_of_the_program_ends_a_pause(receiver, monkeypatch, end):
    """Neither back-off nor Retry-After is waited for any more."""
    monkeypatch.setattr(http, "_FIRST_PAUSE", 60.0)
    receiver.answers = [Answer(503)]
    exporter = exporter_to(receiver.port)
    thread, results = in_thread(exporter, soon(300))
    receiver.wait(1)
    end(exporter)
    thread.join(60)
    assert not thread.is_alive()
    assert results[0].retryable
    exporter.close()


def test_hastened_exports_are_still_tried_once(receiver):
    """At the end the last batches get one attempt each, within what is left."""
    receiver.answers = [Answer(), Answer(503)]
    exporter = exporter_to(receiver.port)
    exporter.hasten(soon(5))
    assert exporter.export(TRACES, PAYLOAD, soon(60)).delivered
    assert exporter.export(TRACES, PAYLOAD, soon(60)).retryable
    exporter.hasten(time.monotonic())
    assert exporter.export(TRACES, PAYLOAD, soon(60)).retryable
    exporter.close()
    assert len(receiver.received) == 2


@pytest.mark.process
def test_a_forked_child_has_its_own_connection(receiver):
    """The child dials anew, and the parent goes on with its own."""
    exporter = exporter_to(receiver.port)
    assert exporter.export(TRACES, PAYLOAD, soon()).delivered
    child = _fork(lambda: exporter.forget() or exporter.export(TRACES, PAYLOAD, soon()).delivered)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert exporter.export(TRACES, PAYLOAD, soon()).delivered
    exporter.close()
    first, second, third = [request.peer for request in receiver.received]
    assert first == third != second


def _fork(work):
    """Run something in a child that exits with 0 if it is true."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        code = 0 if work() else 2
    finally:
        os._exit(code)
    return 0


def test_a_daemon_that_reuses_all_descriptors(receiver):
    """A descriptor that belongs to the program by now is neither written to nor closed."""
    exporter = exporter_to(receiver.port)
    assert exporter.export(TRACES, PAYLOAD, soon()).delivered
    number = exporter._line._socket.fileno()
    ours, theirs = socket.socketpair()
    os.dup2(ours.fileno(), number)  # what closing everything and opening something else comes to
    assert exporter.export(TRACES, PAYLOAD, soon()).delivered
    assert os.path.sameopenfile(number, ours.fileno())
    theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        theirs.recv(1)
    os.close(number)
    ours.close()
    theirs.close()
    exporter.close()


def test_tls_with_a_given_certificate():
    """The receiver is trusted by the CA file that was set, and the connection is kept."""
    with running(tls_server()) as receiver:
        exporter = exporter_to(receiver.port, "https", certificate=CERTIFICATE)
        assert exporter.export(TRACES, PAYLOAD, soon()).delivered
        assert exporter.export(TRACES, PAYLOAD * 1000, soon()).delivered
        exporter.close()
        assert len({request.peer for request in receiver.received}) == 1


def test_tls_with_a_certificate_of_nobody():
    """An unknown receiver is refused with advice, and gets nothing; unless the user insists."""
    with running(tls_server()) as receiver:
        exporter = exporter_to(receiver.port, "https")
        result = exporter.export(TRACES, PAYLOAD, soon())
        assert (result.delivered, result.retryable) == (False, False)
        assert "is not trusted" in result.text
        assert "set `certificate`" in result.text
        assert receiver.received == []
        insisting = exporter_to(receiver.port, "https", insecure=True)
        assert insisting.export(TRACES, PAYLOAD, soon()).delivered
        insisting.close()


def test_tls_for_clients_with_certificates():
    """mTLS: the client's certificate and key are shown."""
    with running(tls_server(clients=True)) as receiver:
        given = {"certificate": CERTIFICATE, "client_certificate": CERTIFICATE, "client_key": KEY}
        exporter = exporter_to(receiver.port, "https", **given)
        assert exporter.export(TRACES, PAYLOAD, soon()).delivered
        exporter.close()


def test_certificate_files_that_are_not_there(told):
    """The file is named, and it is said once."""
    exporter = HttpExporter(settings(endpoint="https://127.0.0.1:1", certificate="/nonexistent/ca.pem"))
    for _ in range(2):
        result = exporter.export(TRACES, PAYLOAD, soon())
        assert (result.delivered, result.retryable) == (False, False)
        assert "'/nonexistent/ca.pem' cannot be used" in result.text
    assert len(told) == 1


def test_close_ends_a_tls_request_under_way():
    """Waking a thread out of a TLS read works, too."""
    held = threading.Event()
    with running(tls_server()) as receiver:
        receiver.answers = [Answer(hold=held)]
        exporter = exporter_to(receiver.port, "https", certificate=CERTIFICATE)
        thread, results = in_thread(exporter, soon(60))
        receiver.wait(1)
        exporter.close()
        thread.join(60)
        held.set()
        assert not thread.is_alive()
        assert results[0].retryable
