"""``make bench-instructions``: the instructions that tracing adds to an operation, ours and the others', by callgrind.

Everything up to the sink is included, the garbage collector is not.  Unlike times, instructions do not depend on the
machine's mood; they leave out what memory and the kernel cost.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

from benchmarks import report
from benchmarks.cells import verdict
from benchmarks.environments import (
    CHECKOUT,
    PEERS,
    VARIANTS,
    WORKLOADS,
    Environments,
    Sending,
    UnavailableError,
    Variant,
    clean_environment,
    with_libraries,
)
from benchmarks.machine import settle
from benchmarks.page import put
from benchmarks.rows import BY_NAME
from benchmarks.services import ServiceError, Services

_ROWS = ("span", "sqlite3", "sqlalchemy", "redis", "requests", "httpx", "aiohttp-client", "flask", "fastapi")
_SHOP = ("psycopg", "psycopg2", "asyncpg", "pymysql", "pymemcache", "django")
_SERVERS = ("aiohttp-server", "tornado")
_FEW, _MANY = 100, 300  # operations; the difference leaves out what happens once
_READY = 60.0  # s
_NEVER = 3_600_000  # ms until a worker wakes by itself: all of it is sent at the end, by each of them
_COLUMNS = (*PEERS, "autotrace", "unsampled")
_TITLES = (
    "bare",
    *(f"+ {VARIANTS[peer].title}" for peer in PEERS),
    "+ autotrace",
    "ours at most",
    "holds",
    "+ not sampled",
    "share of sampled",
)
_FIXED = {"AUTOTRACE_EXIT_TIMEOUT_MS": "60000", "PYTHONHASHSEED": "0"}


class Counting:
    """What it takes to count a workload's instructions.

    Args:
        environments: where the agents and the libraries are installed.
        services: what the workloads ask.
        directory: where they run.
    """

    def __init__(self, environments: Environments, services: Services, directory: Path) -> None:
        self._environments = environments
        self._services = services
        self._directory = directory

    def line(self, name: str) -> str:
        """Return a row's line of the table, in thousands."""
        row = BY_NAME[name]
        # What a program takes differs from environment to environment: each agent is compared with its own one's.
        bare: dict[str, float] = {}
        added = {}
        for one in (with_libraries(VARIANTS[name], row.libraries) for name in _COLUMNS if not row.excuse(name)):
            if one.environment not in bare:
                bare[one.environment] = self._each(name, replace(one, launcher=""))
            added[one.name] = {"added": (self._each(name, one) - bare[one.environment]) / 1000}
        most = report.limit(row, added)
        ours, unsampled = added["autotrace"]["added"], added["unsampled"]["added"]
        cells = [f"{bare[one.environment] / 1000:.1f}"]  # the last one's are ours
        cells += [f"{added[peer]['added']:.1f}" if peer in added else row.excuse(peer) for peer in PEERS]
        cells += [f"{ours:.1f}", f"{most:.1f}" if most is not None else ""]
        cells.append(verdict(None if most is None else ours <= most))
        return f"| {row.title} | {' | '.join(cells)} | {unsampled:.1f} | {unsampled / ours:.0%} |"

    def _each(self, name: str, variant: Variant) -> float:
        few, many = (self._count(name, count, variant) for count in (_FEW, _MANY))
        return (many - few) / (_MANY - _FEW)

    def _count(self, name: str, count: int, variant: Variant) -> int:
        peer = variant.environment if variant.launcher else "bare"
        workload = str(WORKLOADS / BY_NAME[name].program.format(environment=peer))
        valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--instr-atstart=no"]
        program = ["python", "-W", "ignore", str(CHECKOUT / "benchmarks" / "counted.py"), workload, str(count)]
        command = [*valgrind, "--trace-children=yes", *self._environments.command(variant, *program)]
        _, port = self._services.port()
        settings = variant.settings(Sending(port, delay_ms=_NEVER))
        environ = {**clean_environment(), **self._services.environ, **BY_NAME[name].environ, **settings, **_FIXED}
        with (
            tempfile.TemporaryDirectory(dir=self._directory) as data,
            open(Path(data) / "said", "w+", encoding="utf-8") as said,
            subprocess.Popen(
                command, env=environ, cwd=data, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said
            ) as process,
        ):
            _drive(process, name, count)
            process.communicate()
            said.seek(0)
            text = said.read()
        found = re.findall(r"Collected : (\d+)", text)
        if not found:
            raise ServiceError(f"{name} was not counted; it said:\n{text[-2000:]}")
        return int(found[-1])


def _drive(process: subprocess.Popen[bytes], name: str, count: int) -> None:
    """Let a workload warm up, have what follows counted, and let it follow."""
    assert process.stdin is not None
    assert process.stdout is not None
    if name in _SERVERS:
        _ask(process, count)
        return
    while process.stdout.readline().strip() not in (b"warm", b""):
        pass
    _switch_on(process)
    process.stdin.write(b"\n")
    process.stdin.flush()


def _switch_on(process: subprocess.Popen[bytes]) -> None:
    command = ["callgrind_control", "--instr=on", str(process.pid)]
    subprocess.run(command, check=True, capture_output=True, timeout=_READY)


def _ask(process: subprocess.Popen[bytes], count: int) -> None:
    """Send a server its requests over one connection, and end it."""
    assert process.stdout is not None
    port = int(process.stdout.readline().split()[1])
    connection = HTTPConnection("127.0.0.1", port, timeout=_READY)
    for number in range(count + 1):
        connection.request("GET", f"/menu/margherita-{number}")
        connection.getresponse().read()
        if not number:
            time.sleep(1)
            _switch_on(process)
    connection.close()
    process.send_signal(signal.SIGTERM)


def main() -> int:
    """Count and print a table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make bench-instructions", description="Instructions that tracing adds.")
    parser.add_argument("--python", default="3.11", help="the version (default: %(default)s)")
    parser.add_argument("--rows", default=",".join((*_ROWS, *_SHOP, *_SERVERS)), help="(default: %(default)s)")
    parser.add_argument("--publish", action="store_true", help="put the table into docs/performance.md")
    given = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("instructions: valgrind is not installed", file=sys.stderr)
        return 2
    cache = (CHECKOUT / (os.environ.get("AUTOTRACE_CACHE") or ".cache")).resolve()
    lines = [
        f"Python {given.python}, {time.strftime('%Y-%m-%d')}, in thousands of instructions.",
        "No URL, path, key or literal comes twice.",
        "",
        f"| work | {' | '.join(_TITLES)} |",
        "|---|---:|---:|---:|---:|---:|---|---:|---:|",
    ]
    try:
        (wheel,) = (cache / "dist").glob("autotrace-*.whl")
        environments = Environments(cache, given.python, wheel)
        rows = given.rows.split(",")
        libraries = sorted({BY_NAME[name].libraries for name in rows})
        environments.prepare([with_libraries(VARIANTS[name], one) for one in libraries for name in _COLUMNS])
        with (
            tempfile.TemporaryDirectory(prefix="autotrace-bench-") as directory,
            Services(environments.executable("tools"), Path(directory), settle()) as services,
        ):
            counting = Counting(environments, services, Path(directory))
            for name in rows:
                lines.append(counting.line(name))
                print(lines[-1], file=sys.stderr, flush=True)
    except (UnavailableError, ServiceError, ValueError, OSError, subprocess.CalledProcessError) as error:
        print(f"instructions: {error}", file=sys.stderr)
        return 1
    text = "\n".join(lines)
    print(text)
    if given.publish:
        put(CHECKOUT / "docs" / "performance.md", text, "instructions")
    return 0


if __name__ == "__main__":
    sys.exit(main())
