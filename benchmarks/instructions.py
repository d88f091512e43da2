"""``make bench-instructions``: the instructions that tracing adds to an operation, sampled and not, counted by callgrind.

Exporter and inbox are included, the garbage collector is not.  Unlike times they do not depend on the machine's mood; they
leave out what memory and the kernel cost.
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
from http.client import HTTPConnection
from pathlib import Path

from benchmarks.environments import CHECKOUT, VARIANTS, WORKLOADS, Environments, UnavailableError, clean_environment
from benchmarks.machine import settle
from benchmarks.page import put
from benchmarks.rows import BY_NAME
from benchmarks.services import ServiceError, Services

_ROWS = ("span", "sqlite3", "sqlalchemy", "redis", "requests", "httpx", "aiohttp-client", "flask", "fastapi")
_SERVER = "aiohttp-server"
_FEW, _MANY = 100, 300  # operations; the difference leaves out what happens once
_READY = 60.0  # s
_VARIANTS: tuple[dict[str, str], ...] = (
    {"AUTOTRACE_ENABLED": "false"},
    {"AUTOTRACE_SAMPLE_RATIO": "1"},
    {"AUTOTRACE_SAMPLE_RATIO": "0"},
)
_FIXED = {
    "AUTOTRACE_EXIT_TIMEOUT_MS": "60000",
    "AUTOTRACE_SCHEDULE_DELAY_MS": "3600000",
    "PYTHONHASHSEED": "0",
}


class Counting:
    """What it takes to count a workload's instructions.

    Args:
        environments: where autotrace and the libraries are installed.
        services: what the workloads ask.
        directory: where they run.
    """

    def __init__(self, environments: Environments, services: Services, directory: Path) -> None:
        self._python = environments.executable("autotrace")
        ask = [self._python, "-c", "import autotrace; print(autotrace.__path__[0])"]
        package = subprocess.run(ask, capture_output=True, text=True, check=True, cwd=directory).stdout.strip()
        site = str(Path(package) / "site")
        self._environ = {**clean_environment(), **services.environ, **_FIXED, "PYTHONPATH": site}
        self._directory = directory

    def line(self, name: str) -> str:
        """Return a row's line of the table, in thousands."""
        row = BY_NAME[name]
        bare, sampled, unsampled = (self._each(name, variant) / 1000 for variant in _VARIANTS)
        added, left = sampled - bare, unsampled - bare
        return f"| {row.title} | {bare:.1f} | {added:.1f} | {left:.1f} | {left / added:.0%} |"

    def _each(self, name: str, variant: dict[str, str]) -> float:
        few, many = (self._count(name, count, variant) for count in (_FEW, _MANY))
        return (many - few) / (_MANY - _FEW)

    def _count(self, name: str, count: int, variant: dict[str, str]) -> int:
        program = BY_NAME[name].program
        traced = variant.get("AUTOTRACE_ENABLED") != "false"
        workload = str(WORKLOADS / program.format(environment="autotrace" if traced else "bare"))
        valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
        command = [*valgrind, self._python, "-W", "ignore", str(CHECKOUT / "benchmarks" / "counted.py")]
        with tempfile.TemporaryDirectory(dir=self._directory) as data:
            environ = {**self._environ, "AUTOTRACE_DATA_DIR": data, **variant}
            with (
                open(Path(data) / "said", "w+", encoding="utf-8") as said,
                subprocess.Popen(
                    [*command, workload, str(count)], env=environ, cwd=data, stdout=subprocess.PIPE, stderr=said
                ) as process,
            ):
                if name == _SERVER:
                    _ask(process, count)
                process.communicate()
                said.seek(0)
                text = said.read()
        found = re.search(r"Collected : (\d+)", text)
        if found is None:
            raise ServiceError(f"{name} was not counted; it said:\n{text[-2000:]}")
        return int(found.group(1))


def _ask(process: subprocess.Popen[bytes], count: int) -> None:
    """Send a server its requests over one connection, and end it."""
    assert process.stdout is not None
    port = int(process.stdout.readline().split()[1])
    connection = HTTPConnection("127.0.0.1", port, timeout=_READY)
    for number in range(count + 1):
        connection.request("GET", "/menu/margherita")
        connection.getresponse().read()
        if not number:
            time.sleep(1)
    connection.close()
    process.send_signal(signal.SIGTERM)


def main() -> int:
    """Count and print a table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make bench-instructions", description="Instructions that tracing adds.")
    parser.add_argument("--python", default="3.11", help="the version (default: %(default)s)")
    parser.add_argument("--rows", default=",".join((*_ROWS, _SERVER)), help="(default: %(default)s)")
    parser.add_argument("--publish", action="store_true", help="put the table into docs/performance.md")
    given = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("instructions: valgrind is not installed", file=sys.stderr)
        return 2
    cache = (CHECKOUT / (os.environ.get("AUTOTRACE_CACHE") or ".cache")).resolve()
    lines = [
        f"Python {given.python}, {time.strftime('%Y-%m-%d')}, in thousands of instructions.",
        "",
        "| work | bare | added | added where not sampled | share |",
        "|---|---:|---:|---:|---:|",
    ]
    try:
        (wheel,) = (cache / "dist").glob("autotrace-*.whl")
        environments = Environments(cache, given.python, wheel)
        environments.prepare([VARIANTS["autotrace"]])
        with (
            tempfile.TemporaryDirectory(prefix="autotrace-bench-") as directory,
            Services(environments.executable("tools"), Path(directory), settle()) as services,
        ):
            counting = Counting(environments, services, Path(directory))
            for name in given.rows.split(","):
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
