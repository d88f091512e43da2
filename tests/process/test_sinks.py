"""Sinks that refuse, hang, answer slowly or nonsense, point elsewhere, or have no room: whole processes.

The program's output and exit code are the bare ones, its end waits no longer than the setting says, its memory is bounded,
and each span is delivered, or counted as one that was not.
"""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from autotrace.export.http import MAX_RESPONSE
from services.ports import free_port
from waiting import until

COUNT = 20_000
LIMIT = 1.0  # s, of the setting; nothing else ends the waiting, since an attempt may take an hour
# The worker is closed by hand, so that its counts can be told; at exit it is closed once more.
SCRIPT = """\
import json, sys
import autotrace

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))

count = int(sys.argv[1])
for _ in range(1000):
    with autotrace.span("work", number=1):
        pass
before = peak()
for number in range(count - 1000):
    with autotrace.span("work", number=number):
        pass
from autotrace import diagnostics
from autotrace.trace.tracer import tracer
queue, worker = tracer.submit.__self__, tracer.deliver.__self__
open("made", "x").close()
worker.close(float(sys.argv[2]))
print(json.dumps({
    "grown": peak() - before, "dropped": queue.dropped,
    "undelivered": queue.undelivered, "waiting": len(queue.items), "told": diagnostics.messages,
}))
"""
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"


def told(machine, endpoint, count=COUNT, limit=LIMIT, **environ):
    """Run the script against an endpoint; returns what it told."""
    environ.update(AUTOTRACE_ENDPOINT=endpoint, AUTOTRACE_EXIT_TIMEOUT_MS="1000", AUTOTRACE_TIMEOUT_MS="3600000")
    done = machine.python("-c", SCRIPT, str(count), str(limit), environ=environ, timeout=120)
    assert (done.returncode, done.stderr) == (0, b"")
    return json.loads(done.stdout)


@contextmanager
def sink(talk):
    """Answer each connection by ``talk(connection, bodies)``; yields the port and the bodies of whole requests."""
    bodies = []
    listener = socket.create_server(("127.0.0.1", 0))
    connections = []

    def serve(connection):
        try:
            talk(connection, bodies)
        except OSError:
            pass  # it went away, or the test is over

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.append(connection)
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield listener.getsockname()[1], bodies
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in connections:
            connection.close()
        thread.join()


def answering(answer, hold=lambda: None):
    """Return a talk that reads requests and answers each with the same bytes, once ``hold`` has returned."""

    def talk(connection, bodies):
        stream = connection.makefile("rb")
        while True:
            length = 0
            while (line := stream.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            if not line:
                return
            bodies.append(stream.read(length))
            hold()
            connection.sendall(answer)

    return talk


def endless(connection, bodies):
    """Answer with a body that does not end; keeps how much of it was taken."""
    connection.recv(100)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nTransfer-Encoding: chunked\r\n\r\n")
    bodies.append(0)
    number = len(bodies) - 1
    while True:
        connection.sendall(b"10000\r\n" + b"\x0a" * 0x10000 + b"\r\n")
        bodies[number] += 0x10000


def hanging(connection, bodies):
    """Read, and say nothing."""
    while connection.recv(65_536):
        pass


def spans_of(bodies):
    """Return how many spans requests hold."""
    requests = [ExportTraceServiceRequest.FromString(body) for body in bodies]
    return sum(len(scope.spans) for one in requests for group in one.resource_spans for scope in group.scope_spans)


def head(status, *headers):
    """Return an answer without a body."""
    return "\r\n".join([f"HTTP/1.1 {status} Whatever", "Content-Length: 0", *headers, "", ""]).encode()


REFUSING = {
    "hangs": hanging,
    "speaks no HTTP": answering(b"220 mail.example.com ESMTP\r\n"),
    "binary nonsense": answering(bytes(range(256)) * 20),
    "not found": answering(head(404)),
    "broken": answering(head(500)),
    "busy for an hour": answering(head(429, "Retry-After: 3600")),
    "busy": answering(head(503)),
    "busy until nonsense": answering(head(503, "Retry-After: yesterday")),
}


@pytest.mark.parametrize("name", REFUSING)
def test_a_sink_that_takes_nothing(machine, name):
    """All spans are counted as not delivered, or still wait; the end comes in time and memory stays."""
    with sink(REFUSING[name]) as (port, _):
        got = told(machine, f"http://127.0.0.1:{port}")
    assert got["grown"] < 50_000  # kB
    assert got["undelivered"] + got["dropped"] > 0 or got["waiting"] > 0
    # What the worker has in its hands is one batch at most.
    assert COUNT - 8192 <= got["dropped"] + got["undelivered"] + got["waiting"] <= COUNT


TAKING = {
    "garbage in the answer": answering(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 4\r\n\r\n\xff\xff\xff\xff"
    ),
    "a page in the answer": answering(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"),
}


@pytest.mark.parametrize("name", TAKING)
def test_a_sink_that_takes_all_in_its_own_way(machine, name):
    """Nothing is lost, whatever it says to it."""
    with sink(TAKING[name]) as (port, bodies):
        got = told(machine, f"http://127.0.0.1:{port}", limit=10)
        assert (got["dropped"], got["undelivered"], got["waiting"]) == (0, 0, 0)
        assert spans_of(bodies) == COUNT


def test_a_sink_that_answers_late_takes_all(machine):
    """Nothing before the end of the program: nothing is lost."""
    made = machine.directory / "made"
    with sink(answering(OK, lambda: until(made.exists, "the end of the program"))) as (port, bodies):
        got = told(machine, f"http://127.0.0.1:{port}", limit=10)
        assert (got["dropped"], got["undelivered"], got["waiting"]) == (0, 0, 0)
        assert spans_of(bodies) == COUNT


def test_an_answer_without_end(machine):
    """It is not read to its end."""
    with sink(endless) as (port, taken):
        got = told(machine, f"http://127.0.0.1:{port}", limit=10)
    assert got["grown"] < 50_000
    assert 0 < max(taken) < MAX_RESPONSE + (16 << 20)  # the system takes more than we read


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_sink_that_points_elsewhere_is_not_followed(machine, status):
    """Spans go where the user said, or nowhere; it is said where the sink points to."""
    with sink(answering(OK)) as (elsewhere, strayed):
        location = f"http://127.0.0.1:{elsewhere}/v1/traces"
        with sink(answering(head(status, f"Location: {location}"))) as (port, _):
            got = told(machine, f"http://127.0.0.1:{port}")
        assert strayed == []
    assert got["undelivered"] + got["dropped"] == COUNT
    assert any(location in line for line in got["told"])


@pytest.mark.parametrize(
    ("count", "queue", "most"),
    [(60_000, 4_096, 20_000), pytest.param(1_000_000, 65_536, 50_000, marks=pytest.mark.endurance)],
)
def test_nobody_there_and_many_spans(machine, count, queue, most):
    """Memory grows by what may wait (kB) and no more, the end comes, and every span is counted."""
    got = told(machine, f"http://127.0.0.1:{free_port()}", count=count, AUTOTRACE_MAX_QUEUE_SIZE=str(queue))
    assert got["grown"] < most
    assert count - 8192 <= got["dropped"] + got["undelivered"] + got["waiting"] <= count


def test_a_disk_that_is_full(machine):
    """The files end at the limit, whole records are left, the rest is counted, and the program does not notice."""
    script = machine.write("app.py", SCRIPT)
    code = (
        f"import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)); "
        f"sys.argv = [{script!r}, '{COUNT}', '{LIMIT}']; runpy.run_path({script!r})"
    )
    done = machine.python("-c", code, environ={"AUTOTRACE_MAX_EXPORT_BATCH_SIZE": "1000"}, timeout=120)
    assert (done.returncode, done.stderr) == (0, b"")
    got = json.loads(done.stdout)
    files = list((machine.data / "inbox").iterdir())
    assert files
    assert all(file.stat().st_size <= 200_000 for file in files)
    assert machine.delivered() + got["undelivered"] + got["dropped"] == COUNT
