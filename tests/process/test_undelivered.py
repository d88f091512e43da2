"""What a receiver has not taken: kept on this machine, and said, with the reason."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from machine import AUTOTRACE
from services.ports import free_port

CODE = """
import sqlite3, sys
database = sqlite3.connect(":memory:")
for number in range(100):
    database.execute("SELECT 1")
"""
FORKED = """
import os, sqlite3
if os.fork() == 0:
    sqlite3.connect(":memory:").execute("SELECT 1")
    os._exit(0)
os.wait()
"""


def listed(machine):
    """Return the spans that the list counts, and what it says on the side."""
    done = machine.run(AUTOTRACE, "traces", "--json", "--limit", "1000")
    return sum(trace["spans"] for trace in json.loads(done.stdout)), done.stderr.decode()


@contextmanager
def receiver(answer):
    """Answer each connection with some bytes, or never; yields the endpoint."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            held = []
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                held.append(connection)
                if answer:
                    connection.recv(1 << 20)
                    connection.sendall(answer)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(1 << 20):  # what is closed unread is reset, and the answer may go with it
                        continue
                    connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.close()


def test_a_collector_that_is_down(machine):
    """Every span is there, the list says how many were not delivered, by whom and why, and so does the doctor."""
    endpoint = f"http://127.0.0.1:{free_port()}"
    done = machine.python(machine.write("app.py", CODE), environ={"AUTOTRACE_ENDPOINT": endpoint})
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    count, said = listed(machine)
    assert count == 100
    assert said.startswith("autotrace: 100 spans could not be delivered and are kept here; app.py (began ")
    assert f"{endpoint}/v1/traces cannot be reached" in said
    assert said.count("\n") == 1
    assert listed(machine) == (100, said)  # also once they are taken in
    found = json.loads(
        machine.run(AUTOTRACE, "doctor", "--json", environ={"AUTOTRACE_INSTRUMENTORS": "sqlite3"}).stdout
    )
    (warning,) = [text for text in found["warnings"] if "not delivered" in text]
    assert warning.startswith("100 spans of app.py, which began at ")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "answered 400"),
        (b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00@\x00", "4317 for gRPC"),
        (b"", "cannot be reached"),
    ],
    ids=["refuses", "speaks gRPC", "hangs"],
)
def test_one_that_does_not_take_them(machine, answer, why):
    """Refused, not understood, or never answered: the end waits no longer than it may, and nothing is lost."""
    with receiver(answer) as endpoint:
        began = time.monotonic()
        done = machine.python(
            machine.write("app.py", CODE), environ={"AUTOTRACE_ENDPOINT": endpoint, "AUTOTRACE_EXIT_TIMEOUT_MS": "1000"}
        )
        took = time.monotonic() - began
    assert (done.returncode, done.stderr) == (0, b"")
    assert took < 30
    count, said = listed(machine)
    assert (count, why in said) == (100, True), said


def test_the_port_of_grpc_is_called_by_its_name(machine):
    """Whoever gives it meant another protocol."""
    machine.python("-c", CODE, environ={"AUTOTRACE_ENDPOINT": "http://127.0.0.1:4317"})
    assert "4317 is the port of OTLP over gRPC, which is not spoken" in listed(machine)[1]


def test_a_child_that_leaves_at_once(machine):
    """What it had is kept before it is gone."""
    done = machine.python(
        machine.write("app.py", FORKED), environ={"AUTOTRACE_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    )
    assert done.returncode == 0
    count, said = listed(machine)
    assert (count, "1 span could not be delivered" in said) == (1, True)


def test_what_is_kept_anyway_is_not_kept_twice(machine):
    """With the inbox among the sinks nothing is left over."""
    environ = {"AUTOTRACE_EXPORTERS": "otlp,inbox", "AUTOTRACE_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    machine.python("-c", CODE, environ=environ)
    assert not (machine.data / "undelivered").exists()
    assert listed(machine)[0] == 100


def test_what_is_taken_leaves_nothing_here(machine):
    """Neither spans nor a word."""
    with receiver(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as endpoint:
        machine.traced(sys.executable, machine.write("app.py", CODE), environ={"AUTOTRACE_ENDPOINT": endpoint})
    assert listed(machine) == (0, "")
