"""How fast the commands start: ``make bench-commands``, which ``make bench`` calls, too.

The CPU time that `autotrace traces` and `autotrace show last` need before they open the store, beside that of a Python that
does nothing, in turns; what the whole commands need; and the time of `autotrace doctor` in an environment with all libraries
that the tests use.  CPU time is user and system, of a process with its children.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import uv

from benchmarks import page
from benchmarks.environments import CHECKOUT, clean_environment, interpreter
from benchmarks.machine import described

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIMIT = 4.0  # times the bare interpreter
_LONGEST = 3.0  # s for the doctor
_TO_THE_STORE = """
import os, sys
from autotrace.store import reader
reader.open_store = lambda *_: os._exit(0)
from autotrace.__main__ import main
sys.exit(main() or 3)  # it was never opened
"""
_TRACED = "import sqlite3\nfor _ in range(20):\n    sqlite3.connect(':memory:').execute('SELECT 1')\n"


class Run(NamedTuple):
    """What a process needed, in s."""

    wall: float
    cpu: float


def main() -> int:
    """Measure and print; returns the exit code."""
    given = _arguments()
    wheels = sorted((Path(given.cache) / "dist").glob("autotrace-*.whl"))
    if len(wheels) != 1:
        print("benchmarks.commands: it wants a wheel: 'make bench-commands'", file=sys.stderr)
        return 2
    home = Path(given.cache).resolve() / "bench"
    wheel = wheels[0].resolve()
    reader = _environment(home / f"commands-{given.python}", given.python, f"autotrace[ui] @ {wheel.as_uri()}")
    libraries = ["-r", str(CHECKOUT / "tests" / "requirements.txt")]
    whole = _environment(home / f"doctor-{given.python}", given.python, f"autotrace[ui] @ {wheel.as_uri()}", *libraries)
    lines = [f"Python {given.python}, {time.strftime('%Y-%m-%d')}, {described()}.", ""]
    with tempfile.TemporaryDirectory(prefix="autotrace-bench-") as directory:
        environ = {**clean_environment(), "AUTOTRACE_DATA_DIR": directory, "TMPDIR": directory}
        subprocess.run(
            [_script(reader, "autotrace-run"), reader, "-c", _TRACED], env=environ, cwd=directory, check=True
        )
        subprocess.run(
            [_script(reader, "autotrace"), "traces"], env=environ, cwd=directory, check=True, capture_output=True
        )
        lines += _commands(reader, environ, directory, given.rounds)
        lines += _doctor(whole, environ, directory, given.doctor_rounds)
    print("\n".join(lines))
    if given.publish:
        page.put(CHECKOUT / "docs" / "performance.md", "\n".join(lines), "commands")
    return 0


def _commands(python: str, environ: dict[str, str], directory: str, rounds: int) -> Iterator[str]:
    """Measure the commands in turns, and yield the lines of a table."""
    autotrace = _script(python, "autotrace")
    programs = {
        "`python -c pass`": [python, "-c", "pass"],
        "`autotrace traces`, until the store is opened": [python, "-c", _TO_THE_STORE, "traces"],
        "`autotrace show last`, until the store is opened": [python, "-c", _TO_THE_STORE, "show", "last"],
        "`autotrace traces`, all of it": [autotrace, "traces"],
        "`autotrace traces --json`, all of it": [autotrace, "traces", "--json"],
        "`autotrace show last`, all of it": [autotrace, "show", "last"],
        "`autotrace show last --json`, all of it": [autotrace, "show", "last", "--json"],
    }
    runs: dict[str, list[Run]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, command in programs.items():
            runs[name].append(_run(command, environ, directory))
    bare = statistics.median(run.cpu for run in runs["`python -c pass`"])
    yield from ("| command | CPU | ratio | at most | wall |", "|---|---:|---:|---:|---:|")
    for name, some in runs.items():
        cpu, wall = (statistics.median(getattr(run, what) for run in some) for what in ("cpu", "wall"))
        most = f"{_LIMIT:.0f}" if "until" in name else ""
        yield f"| {name} | {cpu * 1000:.1f} ms | {cpu / bare:.2f} | {most} | {wall * 1000:.1f} ms |"
    yield from ("", f"Medians of {rounds} runs of each, in turns.", "")


def _doctor(python: str, environ: dict[str, str], directory: str, rounds: int) -> Iterator[str]:
    """Measure the doctor, and yield a sentence."""
    command = [_script(python, "autotrace"), "doctor", "--json"]
    told = json.loads(subprocess.run(command, env=environ, cwd=directory, capture_output=True, check=True).stdout)
    rows = [row for row in told["python"]["instrumentors"] if row["state"] == "on"]
    found = {row["version"] and row["name"].partition("_")[0] for row in rows} - {""}
    runs = [_run(command, environ, directory) for _ in range(rounds)]
    wall, cpu = (statistics.median(getattr(run, what) for run in runs) for what in ("wall", "cpu"))
    yield (
        f"`autotrace doctor`: {wall:.2f} s of wall (at most {_LONGEST:.0f}), {cpu:.2f} s of CPU on {os.cpu_count()} cores, "
        f"with {len(rows)} instrumentors on, of {len(found)} libraries and the standard library; median of {rounds}."
    )


def _run(command: list[str], environ: dict[str, str], directory: str) -> Run:
    begin = time.perf_counter()
    with subprocess.Popen(command, env=environ, cwd=directory, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        taken = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Run(taken, usage.ru_utime + usage.ru_stime)


def _script(python: str, name: str) -> str:
    return str(Path(python).with_name(name))


def _environment(home: Path, version: str, *wanted: str) -> str:
    """Make an environment at the versions that the tests use; returns its Python."""
    tool, python = uv.find_uv_bin(), str(home / "bin" / "python")
    if not Path(python).exists():
        subprocess.run([tool, "venv", "--quiet", "--clear", "--python", interpreter(version), str(home)], check=True)
    constraints = CHECKOUT / "tests" / "constraints" / f"py{version}.txt"
    options = ["--quiet", "--compile-bytecode", "--reinstall-package", "autotrace", "-c", str(constraints)]
    subprocess.run([tool, "pip", "install", "--python", python, *options, *wanted], check=True)
    return python


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-commands ARGS='...'", description="How fast the commands start.")
    parser.add_argument("--python", default="3.11", help="the version, such as 3.13 (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=31, help="how often each command runs (default: %(default)s)")
    parser.add_argument("--doctor-rounds", type=int, default=5, help="how often the doctor runs (default: %(default)s)")
    parser.add_argument("--publish", action="store_true", help="put the figures into docs/performance.md")
    parser.add_argument("--cache", default=str(CHECKOUT / (os.environ.get("AUTOTRACE_CACHE") or ".cache")))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
