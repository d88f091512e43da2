"""The processes and sockets around the traced programs: the sink, the origin, and two sinks that are none."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import time
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from benchmarks.environments import CHECKOUT, clean_environment

if TYPE_CHECKING:
    from pathlib import Path


ADDRESSES = {name: f"AUTOTRACE_TEST_{name.upper()}" for name in ("clickhouse", "kafka", "mariadb", "postgresql")}


class ServiceError(Exception):
    """A process of ours did not start or did not answer."""


class Child:
    """A process that tells on its output when it is ready, and ends when its input does.

    Args:
        command: what to run.
        directory: where to run it; its errors go to ``<label>.log`` there.
        label: what it is called in error texts.
        environ: environment variables beside those that every process gets.
    """

    def __init__(self, command: list[str], directory: Path, label: str, environ: dict[str, str] | None = None) -> None:
        self.label = label
        self._log = directory / f"{label}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=directory,
                env={**clean_environment(), **(environ or {})},
                bufsize=0,
            )
        self.pid = self._process.pid
        self._left = b""

    def tell(self, line: str) -> None:
        """Write a line to its input."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())

    def expect(self, word: str, timeout: float) -> str:
        """Wait for a line that begins with a word; others are passed over.

        Returns:
            the rest of the line.

        Raises:
            ServiceError: it did not come in time (s), or the process ended.
        """
        deadline = time.monotonic() + timeout
        while True:
            line = self._line(deadline)
            first, _, rest = line.partition(" ")
            if first == word:
                return rest

    def _line(self, deadline: float) -> str:
        assert self._process.stdout is not None
        while b"\n" not in self._left:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._process.stdout], [], [], left)[0]:
                raise ServiceError(f"{self.label} did not answer in time{self._said()}")
            piece = self._process.stdout.read(1 << 16)
            if not piece:
                raise ServiceError(f"{self.label} ended with {self._process.wait()}{self._said()}")
            self._left += piece
        line, _, self._left = self._left.partition(b"\n")
        return line.decode()

    def _said(self) -> str:
        text = self._log.read_text(encoding="utf-8", errors="replace").strip()
        return f"; it said:\n{text[-2000:]}" if text else ""

    def close_input(self) -> None:
        """Close its input, which ends a workload."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def wait(self, timeout: float) -> float:
        """Wait for its end; returns when that was (monotonic, s).

        Raises:
            ServiceError: it has not ended in time; it is killed then.
        """
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise ServiceError(f"{self.label} had not ended after {timeout:.0f} s") from None
        return time.monotonic()

    def end(self, timeout: float = 60.0) -> None:
        """Let it end, by its input and then by SIGTERM; kill it if it does not."""
        if self._process.poll() is None:
            self.close_input()
            if self._process.stdout is not None and not self._ends_soon():
                self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _ends_soon(self) -> bool:
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            return False
        return True


class Services:
    """Everything around the traced programs; a context manager.

    Args:
        python: the interpreter that runs them.
        directory: where they run.
        elsewhere: cores for the sink.

    Attributes:
        environ: environment variables that tell a workload where to ask.
    """

    def __init__(self, python: str, directory: Path, elsewhere: tuple[int, ...]) -> None:
        self._python = python
        self._elsewhere = elsewhere
        self._directory = directory
        self.environ: dict[str, str] = {}

    def __enter__(self) -> Services:  # noqa: PYI034 - typing.Self is newer than Python 3.9
        home = CHECKOUT / "benchmarks"
        self._origin = Child([self._python, str(home / "origin.py")], self._directory, "origin")
        http, redis, memcached = self._origin.expect("ready", 30).split()
        self.environ = {f"BENCH_{name.upper()}": os.environ.get(where, "") for name, where in ADDRESSES.items()}
        self.environ |= {
            "BENCH_ORIGIN": f"http://127.0.0.1:{http}",
            "BENCH_REDIS": redis,
            "BENCH_MEMCACHED": memcached,
        }
        self._sink = Child([self._python, str(home / "sink.py")], self._directory, "sink")
        os.sched_setaffinity(self._sink.pid, self._elsewhere)
        self._control = HTTPConnection("127.0.0.1", int(self._sink.expect("ready", 30)), timeout=120)
        # A bound port that does not listen refuses; one that nobody accepts from takes everything and says nothing.
        self._refusing, self._hanging = socket.socket(), socket.socket()
        self._refusing.bind(("127.0.0.1", 0))
        self._hanging.bind(("127.0.0.1", 0))
        self._hanging.listen(1024)
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()
        self._refusing.close()
        self._hanging.close()
        for child in (self._sink, self._origin):
            child.end(10)

    @property
    def refusing(self) -> int:
        """A port where nobody listens."""
        return int(self._refusing.getsockname()[1])

    @property
    def hanging(self) -> int:
        """A port that takes connections and never answers."""
        return int(self._hanging.getsockname()[1])

    def port(self) -> tuple[str, int]:
        """Open a port of the sink; returns the target's name and the port."""
        told = self._ask("/port")
        return told["target"], told["port"]

    def inbox(self, data: Path) -> str:
        """Let the sink watch the inbox in a data directory; returns the target's name."""
        return str(self._ask(f"/inbox?path={quote(str(data / 'inbox'))}")["target"])

    def count(self, target: str) -> dict[str, Any]:
        """Return what arrived at a target."""
        return self._ask(f"/count?target={quote(target)}")

    def _ask(self, path: str) -> dict[str, Any]:
        self._control.request("GET", path)
        response = self._control.getresponse()
        body = response.read()
        if response.status != 200:
            raise ServiceError(f"the sink answered {path} by {response.status}: {body[:500]!r}")
        told: dict[str, Any] = json.loads(body)
        return told


def free_port() -> int:
    """Return a port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
