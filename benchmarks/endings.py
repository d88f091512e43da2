"""What arrives of the spans that were finished when a process ended: autotrace, OpenTelemetry and ddtrace side by side.

``make bench-endings`` runs each small program of ``ENDINGS`` under every agent, as it comes, and counts at the sink; with
``ARGS=--publish`` the table goes into ``docs/lifetime.md``.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.environments import CHECKOUT, VARIANTS, Environments, Sending, UnavailableError, clean_environment
from benchmarks.machine import settle
from benchmarks.page import put
from benchmarks.services import ServiceError, Services

_SPANS = 20
_LONGEST = 60.0  # s
_QUIET = 2.0  # s; nothing comes after so long a silence
_AGENTS = ("autotrace", "opentelemetry", "ddtrace")
_QUERIES = f"""
import sqlite3
def queries():
    cursor = sqlite3.connect(":memory:").cursor()
    for _ in range({_SPANS}):
        cursor.execute("SELECT 1")
"""
_HERE = f"{_QUERIES}queries()\n"
_POOL = _QUERIES + (
    "import multiprocessing\n"
    "def work(_):\n    queries()\n"
    "if __name__ == '__main__':\n"
    "    with multiprocessing.get_context('{method}').Pool(1, maxtasksperchild={most}) as pool:\n"
    "        pool.map(work, range(1))\n        pool.close()\n        pool.join()\n"
)
_WAIT = "print('ready', flush=True)\nimport time\ntime.sleep(60)\n"

# What it is called, the program, and the signal that is sent to it.
ENDINGS: tuple[tuple[str, str, int], ...] = (
    ("the end of the program", _HERE, 0),
    ("`sys.exit(3)`", f"{_HERE}import sys\nsys.exit(3)\n", 0),
    ("an uncaught exception", f"{_HERE}raise ValueError('boom')\n", 0),
    ("`os._exit`", f"{_HERE}import os\nos._exit(3)\n", 0),
    ("`os.execv`", f"{_HERE}import os, sys\nos.execv(sys.executable, [sys.executable, '-c', 'pass'])\n", 0),
    ("SIGTERM, no handler", _HERE + _WAIT, signal.SIGTERM),
    ("SIGTERM, a handler that calls `sys.exit`", (
        f"{_HERE}import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n{_WAIT}"
    ), signal.SIGTERM),
    ("SIGTERM, blocked in C code", (
        f"{_HERE}import collections, ctypes, itertools\nprint('ready', flush=True)\n"
        "collections.deque(map(ctypes.CDLL(None).sleep, itertools.repeat(60)), maxlen=0)\n"
    ), signal.SIGTERM),
    ("SIGINT, no handler", _HERE + _WAIT, signal.SIGINT),
    ("SIGHUP, no handler", _HERE + _WAIT, signal.SIGHUP),
    ("a forked child that ends by `os._exit`", (
        f"{_QUERIES}import os\nif os.fork() == 0:\n    queries()\n    os._exit(0)\nos.wait()\n"
    ), 0),
    ("a forked child that ends by `sys.exit`", (
        f"{_QUERIES}import os, sys\nif os.fork() == 0:\n    queries()\n    sys.exit(0)\nos.wait()\n"
    ), 0),
    ("`multiprocessing`, fork", _POOL.format(method="fork", most=None), 0),
    ("`multiprocessing`, spawn", _POOL.format(method="spawn", most=None), 0),
    ("`multiprocessing`, forkserver", _POOL.format(method="forkserver", most=None), 0),
    ("`multiprocessing`, a worker for each task", _POOL.format(method="fork", most=1), 0),
    ("a thread that goes on while the program ends", (
        f"{_HERE}import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
    ), 0),
)  # fmt: skip


def main() -> int:
    """Run what the command line asks for; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make bench-endings", description="What arrives when a process ends.")
    parser.add_argument("--python", default="3.11", help="the version (default: %(default)s)")
    parser.add_argument("--publish", action="store_true", help="put the table into docs/lifetime.md")
    given = parser.parse_args()
    cache = CHECKOUT / (os.environ.get("AUTOTRACE_CACHE") or ".cache")
    try:
        (wheel,) = (cache / "dist").glob("autotrace-*.whl")
        environments = Environments(cache, given.python, wheel.resolve())
        environments.prepare([VARIANTS[name] for name in _AGENTS])
        with tempfile.TemporaryDirectory(prefix="autotrace-endings-") as directory:
            tools = environments.executable("tools")
            with Services(tools, Path(directory), settle()) as services:
                lines = [_line(environments, services, Path(directory), *ending) for ending in ENDINGS]
    except (UnavailableError, ServiceError, ValueError) as error:
        print(f"endings: {error}", file=sys.stderr)
        return 1
    versions = [environments.versions(VARIANTS[name]) for name in _AGENTS]
    heads = ("autotrace", f"OpenTelemetry {versions[1]['opentelemetry-sdk']}", f"ddtrace {versions[2]['ddtrace']}")
    text = "\n".join(
        [
            f"Spans that arrived of {_SPANS} that were finished. Python {given.python}, {time.strftime('%Y-%m-%d')}.",
            "",
            f"| how the process ends | {' | '.join(heads)} |",
            "|---|---:|---:|---:|",
            *lines,
        ]
    )
    print(text)
    if given.publish:
        put(CHECKOUT / "docs" / "lifetime.md", text)
    return 0


def _line(environments: Environments, services: Services, directory: Path, title: str, code: str, number: int) -> str:
    """Return a line of the table; an agent that changes the exit code has that beside its figure."""
    script = directory / "program.py"
    script.write_text(code, encoding="utf-8")
    ended = {}
    cells = []
    for name in ("bare", *_AGENTS):
        variant = VARIANTS[name]
        target, port = services.port()
        sending = Sending(port, roomy=False)
        environment = "autotrace" if name == "bare" else variant.environment
        python = environments.executable(environment)
        command = [python, str(script)] if name == "bare" else environments.command(variant, "python", str(script))
        settings = {} if name == "bare" else variant.settings(sending)
        ended[name] = _end(command, {**clean_environment(), **settings}, directory, number)
        if name != "bare":
            other = "" if ended[name] == ended["bare"] else f", exit code {ended[name]} for {ended['bare']}"
            cells.append(f"{_arrived(services, target)}{other}")
    print(f"endings > {title}: {', '.join(cells)}", file=sys.stderr, flush=True)
    return f"| {title} | {' | '.join(cells)} |"


def _end(command: list[str], environ: dict[str, str], directory: Path, number: int) -> int:
    """Run a program, with a signal where it says that it is ready; returns its exit code as the parent sees it."""
    with subprocess.Popen(
        command, env=environ, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
    ) as process:
        try:
            assert process.stdout is not None
            while number and process.stdout.readline() not in (b"ready\n", b""):
                pass
            if number:
                process.send_signal(number)
            process.stdout.read()
            return process.wait(_LONGEST)
        finally:
            process.kill()


def _arrived(services: Services, target: str) -> int:
    there = -1
    while True:
        now = services.count(target)["names"]
        found = sum(count for name, count in now.items() if "SELECT" in name.upper() or "query" in name)
        if found == there:
            return found
        there = found
        time.sleep(_QUIET)


if __name__ == "__main__":
    sys.exit(main())
