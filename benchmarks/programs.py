"""A running workload: starting it under a variant's agent, giving it work, looking at it, ending it."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import time
import uuid
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING

from benchmarks.environments import WORKLOADS, Environments, Sending, Variant
from benchmarks.machine import children, cpu_ns
from benchmarks.services import Child, ServiceError, Services, free_port

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.rows import Row

_START = 60.0  # s; most of what a program may take to be ready
_CHUNK = 120.0  # s; the same for a chunk of operations
_BY_INPUT = ("input", "messages")  # how workloads are driven that take orders
_PATH = "/menu/margherita-{}"


class Program:
    """A workload under one variant's agent.

    Args:
        row: which workload.
        variant: which agent.
        sending: where its spans go to.
        environments: where it is installed.
        services: what it may ask.
        directory: where it runs.
        constant: each operation is the same as the last one; else no URL, path, key or literal comes twice.
    """

    def __init__(
        self,
        row: Row,
        variant: Variant,
        sending: Sending,
        environments: Environments,
        services: Services,
        directory: Path,
        constant: bool = False,
    ) -> None:
        self._numbers = itertools.repeat(1_000_000) if constant else itertools.count(1_000_000)
        self._drive = row.drive
        self._port = 0
        self._connection: HTTPConnection | None = None
        if row.drive == "gunicorn":
            self._port = free_port()
            options = ["--workers", "1", "--bind", f"127.0.0.1:{self._port}", "--chdir", str(WORKLOADS)]
            command = environments.command(variant, "gunicorn", *options, row.program)
        else:
            file, *arguments = row.program.format(environment=variant.environment).split()
            command = environments.command(variant, "python", str(WORKLOADS / file), *arguments)
        facts = "constant" if constant else "varying"
        environ = {**services.environ, **row.environ, **variant.settings(sending), "BENCH_FACTS": facts}
        if row.kafka:
            environ["BENCH_TOPIC"] = f"bench-{uuid.uuid4().hex}"
        self._sender = None
        if row.drive == "messages":
            sends = [environments.executable("bare-kafka"), str(WORKLOADS / "kafka_sender.py")]
            self._sender = Child(sends, directory, f"{row.name}-{variant.name}-{facts}-sender", environ)
        self._child = Child(command, directory, f"{row.name}-{variant.name}-{facts}", environ)
        self.pid = self._child.pid

    def ready(self) -> None:
        """Wait until it takes work.

        Raises:
            ServiceError: it does not.
        """
        if self._drive == "gunicorn":
            self._answers()
        else:
            if self._sender is not None:
                self._sender.expect("ready", _START)
            told = self._child.expect("ready", _START)
            self._port = int(told or 0)

    def order(self, count: int) -> None:
        """Do a number of operations, to the end."""
        if self._sender is not None:
            _done(self._sender, count)
        if self._drive in _BY_INPUT:
            _done(self._child, count)
        elif self._drive == "connection":
            self._over_one_connection(count)
        else:
            for _ in range(count):
                self._once()

    def pids(self) -> list[int]:
        """Return the processes whose CPU time counts."""
        return [self.pid, *children(self.pid)] if self._drive == "gunicorn" else [self.pid]

    def cpu_ns(self) -> int:
        """Return the CPU time that it has used so far, in ns."""
        return cpu_ns(*self.pids())

    def leave(self) -> float:
        """Let a workload end by itself; returns the moment (monotonic, s) at which its own code had ended."""
        self._child.close_input()
        return float(self._child.expect("leaving", _CHUNK))

    def wait(self, timeout: float) -> float:
        """Wait for its end; returns when that was (monotonic, s)."""
        return self._child.wait(timeout)

    def stop(self) -> None:
        """Tell it to end, and wait for nothing."""
        if self._connection is not None:
            self._connection.close()
        if self._sender is not None:
            self._sender.close_input()
        if self._drive in _BY_INPUT:
            self._child.close_input()
        else:
            try:
                os.kill(self.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass

    def end(self) -> None:
        """End it, whatever it does."""
        self.stop()
        self._child.end()
        if self._sender is not None:
            self._sender.end()

    def _answers(self) -> None:
        deadline = time.monotonic() + _START
        while True:
            try:
                self._once()
                return
            except (OSError, HTTPException) as error:
                if time.monotonic() > deadline:
                    raise ServiceError(f"{self._child.label} does not answer: {error}") from error
                time.sleep(0.05)

    def _once(self) -> None:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request("GET", _PATH.format(next(self._numbers)))
            response = connection.getresponse()
            body = response.read()
            if response.status != 200 or not body.startswith(b"margherita"):
                raise ServiceError(f"{self._child.label} answered {response.status}: {body[:300]!r}")
        finally:
            connection.close()

    def _over_one_connection(self, count: int) -> None:
        if self._connection is None:
            self._connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
            self._connection.connect()
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(count):
            self._connection.request("GET", _PATH.format(next(self._numbers)))
            response = self._connection.getresponse()
            if response.status != 200 or not response.read().startswith(b"margherita"):
                raise ServiceError(f"{self._child.label} answered {response.status}")


def _done(child: Child, count: int) -> None:
    """Have a number of operations done, to the end."""
    child.tell(str(count))
    child.expect("done", _CHUNK)
