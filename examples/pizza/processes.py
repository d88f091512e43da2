"""Starts the demo's processes, waits for them, and ends them by their process ids.

Every process leads a session of its own, so that what it leaves behind can be found. POSIX only.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


def wait_until(condition, seconds, what):
    """Return the first true value of `condition()`; raise DemoError if there is none within `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise DemoError(f"waited {seconds} s in vain: {what}")
        time.sleep(0.1)


def free_ports(count):
    """Ports that nobody uses at the moment; all are held until the last one is known, so they differ."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Process:
    """One program with its log file."""

    def __init__(self, name, command, env, folder, log_path):
        self.name = name
        self.log_path = log_path
        with log_path.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env=env,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def log(self):
        return self.log_path.read_text(errors="replace")

    def _check_running(self):
        code = self._process.poll()
        if code is not None:
            raise DemoError(f"{self.name} ended with exit code {code} before its time")

    def line_with(self, text):
        """The first line of the log that contains `text`, or None."""
        self._check_running()
        return next((line for line in self.log().splitlines() if text in line), None)

    def answers(self, port):
        """Tell whether somebody accepts connections at `port`."""
        self._check_running()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    def stop(self, seconds=10):
        """End the process: SIGTERM, then SIGKILL. Returns what was wrong with its end, or None."""
        if self._process.poll() is not None:
            self._left_something()
            return f"{self.name} had ended before with exit code {self._process.returncode}"
        self._process.terminate()
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            code = None
        if self._left_something():
            return f"{self.name} left processes behind; they were killed"
        if code is None:
            return f"{self.name} did not end within {seconds} s of SIGTERM and was killed"
        if code not in (0, -signal.SIGTERM):
            return f"{self.name} ended with exit code {code}"
        return None

    def _left_something(self):
        """Kill whatever is left of the process group; tell whether there was anything."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # macOS says the latter for a group of zombies
            return False
        return True


def fetch(url, body=None):
    """Return (status, text) of one HTTP request; POST if there is a body (bytes of JSON)."""
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=15) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
