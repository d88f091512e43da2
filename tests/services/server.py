"""What the servers of tests share: a directory and free ports of their own, the way they start, and their end."""

from __future__ import annotations

import shutil
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ServiceUnavailable
from .ports import LOOPBACK
from .processes import start_process

if TYPE_CHECKING:
    import subprocess
    from types import TracebackType

    from typing_extensions import Self  # younger than Python 3.9

_TRIES = 3  # a port may be lost between its choice and its use
_TAKEN = ("Address already in use", "Failed listening", "eaddrinuse")
_PAUSE_S = 0.02  # between two looks; not a guess of how long it takes
_END_S = 10.0


class Server(ABC):
    """One server, as a context manager or by ``start`` and ``stop``; after ``stop`` it can be started anew, empty.

    Attributes:
        name: What it is, also in the name of its directory.
        limit: The most that a start may take, in seconds.
        host: Where it listens.
        port: Where it listens; kept when it is stopped, so that a test can see that nobody answers there.
        pid: Its process id; None while it is not running.
        directory: What it has of its own, its log among it; deleted when it is stopped.
    """

    name: str
    limit = 60.0

    def __init__(self) -> None:
        self.host = LOOPBACK
        self.port = 0
        self.pid: int | None = None
        self.directory: Path | None = None
        self._processes: list[subprocess.Popen[bytes]] = []

    @abstractmethod
    def _find(self) -> tuple[Any, ...]:
        """Return what ``_launch`` is called with, such as paths of programs.

        Raises:
            ServiceUnavailable: They are not there and cannot be installed.
        """

    @abstractmethod
    def _launch(self, directory: Path, *found: Any) -> None:
        """Choose the port and run the programs; the last one is the server."""

    @abstractmethod
    def _is_ready(self) -> bool:
        """Tell whether it takes connections; may raise OSError where it does not yet."""

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server."""
        self.stop()

    @property
    def address(self) -> str:
        """Return "127.0.0.1:PORT"; empty while it is not running."""
        return f"{self.host}:{self.port}" if self._processes else ""

    def start(self) -> None:
        """Start the server and return when it takes connections.

        Raises:
            ServiceUnavailable: Its programs cannot be had, or it does not start; then the text ends with what it said.
        """
        if self._processes:
            raise RuntimeError(f"{self.name} at {self.address} has been started already: stop it first")
        found = self._find()
        for attempt in range(1, _TRIES + 1):
            self.directory = Path(tempfile.mkdtemp(prefix=f"autotrace-{self.name}-"))
            try:
                self._launch(self.directory, *found)
                self._await()
                return
            except BaseException as error:
                said = self._said()[-4000:]
                self.stop()
                if attempt < _TRIES and any(words in said for words in _TAKEN):
                    continue
                if isinstance(error, ServiceUnavailable):
                    raise ServiceUnavailable(f"{error}; it said:\n{said}") from None
                raise

    def stop(self) -> None:
        """End the server at once and delete its data; does nothing where it is not running."""
        processes, self._processes = self._processes, []
        directory, self.directory = self.directory, None
        self.pid = None
        for process in reversed(processes):
            self._end(process)
        if directory is not None:
            shutil.rmtree(directory, ignore_errors=True)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """End a process: an orderly end takes seconds and saves data that nobody wants."""
        process.kill()
        process.wait(_END_S)

    def _run(self, command: list[str], **options: Any) -> None:
        """Start a process of the server, which writes to its log.

        Args:
            command: The program and its arguments.
            options: More for ``subprocess.Popen``.
        """
        assert self.directory is not None
        with self._log() as log:
            started = start_process(command, stdout=log, stderr=log, cwd=self.directory, **options)
        self._processes.append(started)
        self.pid = started.pid

    def _prepare(self, command: list[str], **options: Any) -> None:
        """Run a program to its end that makes what the server needs.

        Raises:
            ServiceUnavailable: It failed.
        """
        with self._log() as log:
            code = start_process(command, stdout=log, stderr=log, cwd=self.directory, **options).wait()
        if code:
            raise ServiceUnavailable(f"{self.name} could not be prepared: {command[0]} ended with exit code {code}")

    def _log(self) -> Any:
        assert self.directory is not None
        return (self.directory / "log").open("ab")

    def _await(self) -> None:
        deadline = time.monotonic() + self.limit
        while True:
            if (code := self._processes[-1].poll()) is not None:
                raise ServiceUnavailable(f"{self.name} ended with exit code {code} while it started")
            try:
                if self._is_ready():
                    return
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise ServiceUnavailable(f"no {self.name} after {self.limit:.0f} s")
            time.sleep(_PAUSE_S)

    def _said(self) -> str:
        """Return what its programs wrote."""
        try:
            assert self.directory is not None
            return (self.directory / "log").read_text(errors="replace").strip()
        except OSError:
            return "(no log)"
