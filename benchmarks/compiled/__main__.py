"""``make bench-compiled``: CPU time of a span, made, encoded and written to a file; bare, autotrace and a prototype in C.

Each figure is what 200,000 operations more cost a process, its exit included; medians of rounds in turns.  It needs a C
compiler and the headers of the Python that it measures.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.environments import CHECKOUT, VARIANTS, WORKLOADS, Environments, UnavailableError, clean_environment

_HERE = Path(__file__).resolve().parent
_FEW, _MANY = 20_000, 220_000
_ROWS = {
    "span": ("a hand-made span with 5 attributes", "span_bare.py", "span_autotrace.py"),
    "query": ("sqlite3 query, no parent", "sqlite3_query.py", "sqlite3_query.py"),
}


def main() -> int:
    """Measure and print a table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make bench-compiled", description="What a compiled part would buy.")
    parser.add_argument("--python", default="3.11", help="the version (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=7, help="how often each runs (default: %(default)s)")
    given = parser.parse_args()
    cache = (CHECKOUT / (os.environ.get("AUTOTRACE_CACHE") or ".cache")).resolve()
    try:
        (wheel,) = (cache / "dist").glob("autotrace-*.whl")
        environments = Environments(cache, given.python, wheel)
        environments.prepare([VARIANTS["autotrace"]])
        python = environments.executable("autotrace")
        with tempfile.TemporaryDirectory(prefix="autotrace-bench-") as directory:
            _build(python, Path(directory))
            print(f"Python {given.python}, {given.rounds} rounds.\n")
            print("| work | bare | + autotrace, into its inbox | + the prototype, into a file | share |")
            print("|---|---:|---:|---:|---:|")
            for name in _ROWS:
                print(_row(name, environments, Path(directory), given.rounds), flush=True)
    except (UnavailableError, ValueError, OSError, subprocess.CalledProcessError) as error:
        print(f"compiled: {error}", file=sys.stderr)
        return 1
    return 0


def _build(python: str, directory: Path) -> None:
    """Compile the prototype for a Python."""
    ask = [python, "-c", "import sysconfig; print(sysconfig.get_path('include'))"]
    include = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    target = str(directory / "compiled_span.so")
    command = [compiler, "-O2", "-shared", "-fPIC", f"-I{include}", str(_HERE / "span.c"), "-o", target]
    subprocess.run(command, check=True)


def _row(name: str, environments: Environments, directory: Path, rounds: int) -> str:
    title, bare, ours = _ROWS[name]
    python = environments.executable("autotrace")
    clean = clean_environment()
    traced = environments.command(VARIANTS["autotrace"], "python", str(WORKLOADS / ours))
    figures: dict[str, list[float]] = {"bare": [], "autotrace": [], "compiled": []}
    for _ in range(rounds):
        figures["bare"].append(_cost([python, str(WORKLOADS / bare)], clean))
        with tempfile.TemporaryDirectory(prefix="autotrace-bench-") as data:
            figures["autotrace"].append(_cost(traced, {**clean, "AUTOTRACE_DATA_DIR": data}))
        command = [python, str(_HERE / "workload.py"), name, str(directory / "spans")]
        figures["compiled"].append(_cost(command, {**clean, "PYTHONPATH": str(directory)}))
    bare_cost = median(figures["bare"])
    added = [median(figures[one]) - bare_cost for one in ("autotrace", "compiled")]
    return f"| {title} | {bare_cost:.2f} µs | {added[0]:.2f} µs | {added[1]:.2f} µs | {added[1] / added[0]:.0%} |"


def _cost(command: list[str], environ: dict[str, str]) -> float:
    """Return the CPU time of an operation, in µs."""
    few, many = (_run(command, environ, count) for count in (_FEW, _MANY))
    return (many - few) / (_MANY - _FEW) * 1e6


def _run(command: list[str], environ: dict[str, str], count: int) -> float:
    """Return the CPU time of a process, in seconds."""
    with subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        process.stdin.write(f"{count}\n".encode())
        process.stdin.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    sys.exit(main())
