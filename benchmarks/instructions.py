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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from threading import Lock

from benchmarks import page, report
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
from benchmarks.rows import BY_NAME, ROWS
from benchmarks.services import ServiceError, Services

_ROWS = tuple(row for row in ROWS if row.varies and row.drive in ("input", "connection"))
_PLACE = "instructions"  # in the page
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
    "taken",
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
        self._one_at_a_time = Lock()

    def line(self, name: str) -> str:
        """Return a row's line of the table, in thousands."""
        row = BY_NAME[name]
        traced = [with_libraries(VARIANTS[name], row.libraries) for name in _COLUMNS if not row.excuse(name)]
        # What a program takes differs from environment to environment: each agent is compared with its own one's.
        plain = {one.environment: replace(one, launcher="") for one in traced}
        given = [*traced, *plain.values()]
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # instructions do not mind company
            counts = list(pool.map(partial(self._count, name), [_FEW] * len(given) + [_MANY] * len(given), given * 2))
        each = [(many - few) / (_MANY - _FEW) for few, many in zip(counts, counts[len(given) :])]
        bare = dict(zip(plain, each[len(traced) :]))
        added = {one.name: {"added": (value - bare[one.environment]) / 1000} for one, value in zip(traced, each)}
        most = report.limit(row, added)
        ours, unsampled = added["autotrace"]["added"], added["unsampled"]["added"]
        cells = [f"{bare[traced[-1].environment] / 1000:.1f}"]  # the last one's are ours
        cells += [f"{added[peer]['added']:.1f}" if peer in added else row.excuse(peer) for peer in PEERS]
        cells += [f"{ours:.1f}", f"{most:.1f}" if most is not None else ""]
        cells.append(verdict(None if most is None else ours <= most))
        cells += [f"{unsampled:.1f}", f"{unsampled / ours:.0%}", time.strftime("%Y-%m-%d")]
        return f"| {row.title} | {' | '.join(cells)} |"

    def _count(self, name: str, count: int, variant: Variant) -> int:
        peer = variant.environment if variant.launcher else "bare"
        file, *arguments = BY_NAME[name].program.format(environment=peer).split()
        valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--instr-atstart=no"]
        program = ["python", "-W", "ignore", str(CHECKOUT / "benchmarks" / "counted.py"), str(count)]
        program += [str(WORKLOADS / file), *arguments]
        command = [*valgrind, "--trace-children=yes", *self._environments.command(variant, *program)]
        with self._one_at_a_time:
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
    if BY_NAME[name].drive == "connection":
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
    parser.add_argument("--rows", help="names, separated by commas (default: all)")
    parser.add_argument("--publish", action="store_true", help="put these rows into the table of docs/performance.md")
    given = parser.parse_args()
    if given.publish and given.python != page.MAIN:
        parser.error(f"--publish is for Python {page.MAIN}, whose figures the page has")
    if shutil.which("valgrind") is None:
        print("instructions: valgrind is not installed", file=sys.stderr)
        return 2
    cache = (CHECKOUT / (os.environ.get("AUTOTRACE_CACHE") or ".cache")).resolve()
    lines: dict[str, str] = {}
    try:
        (wheel,) = (cache / "dist").glob("autotrace-*.whl")
        environments = Environments(cache, given.python, wheel)
        rows = given.rows.split(",") if given.rows else [row.name for row in _ROWS if given.python not in row.absent]
        libraries = sorted({BY_NAME[name].libraries for name in rows})
        environments.prepare([with_libraries(VARIANTS[name], one) for one in libraries for name in _COLUMNS])
        with (
            tempfile.TemporaryDirectory(prefix="autotrace-bench-") as directory,
            Services(environments.executable("tools"), Path(directory), tuple(os.sched_getaffinity(0))) as services,
        ):
            counting = Counting(environments, services, Path(directory))
            for name in rows:
                line = lines[BY_NAME[name].title] = counting.line(name)
                print(line, file=sys.stderr, flush=True)
    except (UnavailableError, ServiceError, ValueError, OSError, subprocess.CalledProcessError) as error:
        print(f"instructions: {error}", file=sys.stderr)
        return 1
    print(table(given.python, lines))
    if given.publish:
        publish(CHECKOUT / "docs" / "performance.md", given.python, lines)
    return 0


def publish(place: Path, python: str, lines: dict[str, str]) -> None:
    """Put rows, given by their titles, into the table of a page; other rows of it stay.

    Raises:
        ValueError: the page has no place for the table.
    """
    page.put(place, table(python, {**page.lines(place, _PLACE), **lines}), _PLACE)


def table(python: str, lines: dict[str, str]) -> str:
    """Return the table of rows, given by their titles, in their order."""
    head = [
        f"Python {python}, in thousands of instructions.",
        "No URL, path, key or literal comes twice.",
        "",
        f"| work | {' | '.join(_TITLES)} |",
        "|---|---:|---:|---:|---:|---:|---|---:|---:|---:|",
    ]
    return "\n".join([*head, *(lines[row.title] for row in _ROWS if row.title in lines)])


if __name__ == "__main__":
    sys.exit(main())
