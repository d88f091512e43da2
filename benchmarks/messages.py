"""Kafka throughput with and without the agent, for each client: ``make bench-messages``, which ``make bench`` calls, too.

Programs run in turns, bare and traced, against one broker; of each, the best of some rounds counts.  It does not compare
with other agents: half of them carry no context through these clients, so they would be faster for doing less.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import uv

from benchmarks.environments import CHECKOUT, WORKLOADS, clean_environment

_CLIENTS = ("kafka-python", "aiokafka", "confluent-kafka")
_KAFKA = "AUTOTRACE_TEST_KAFKA"


def main() -> int:
    """Measure and print a table; returns the exit code."""
    given = _arguments()
    bootstrap = os.environ.get(_KAFKA)
    wheels = sorted((Path(given.cache) / "dist").glob("autotrace-*.whl"))
    if not bootstrap or len(wheels) != 1:
        print("benchmarks.messages: it wants a broker and a wheel: 'make bench-messages'", file=sys.stderr)
        return 2
    home = Path(given.cache).resolve() / "bench" / f"messages-{given.python}"
    _install(home, given.python, wheels[0].resolve())
    print(
        "| client | sent per s, bare | traced | handled per s, bare | traced | CPU per message, bare | traced | ratio |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for client in _CLIENTS:
        print(_row(client, home, bootstrap, given.rounds, given.count), flush=True)
    return 0


def _row(client: str, home: Path, bootstrap: str, rounds: int, count: int) -> str:
    """Return a client's row: the best figures of all rounds, and the ratio of the CPU times."""
    bare, traced = [], []
    for _ in range(rounds):
        bare.append(_run(client, home, bootstrap, count, traced=False))
        traced.append(_run(client, home, bootstrap, count, traced=True))
    cells = [client]
    for part in (0, 1):
        cells += [f"{max(run[part] for run in runs):.0f}" for runs in (bare, traced)]
    costs = [min(run[2] for run in runs) for runs in (bare, traced)]
    cells += [f"{cost:.1f} µs" for cost in costs]
    return f"| {' | '.join(cells)} | {costs[1] / costs[0]:.2f} |"


def _run(client: str, home: Path, bootstrap: str, count: int, *, traced: bool) -> list[float]:
    """Run the workload once; returns what it measured."""
    with tempfile.TemporaryDirectory(prefix="autotrace-bench-") as directory:
        binaries = home / "bin"
        command = [str(binaries / "autotrace-run")] if traced else []
        command += [str(binaries / "python"), "-W", "ignore", str(WORKLOADS / "messages.py")]
        environ = {**clean_environment(), "AUTOTRACE_DATA_DIR": directory, "AUTOTRACE_SCHEDULE_DELAY_MS": "200"}
        arguments = [client, bootstrap, f"bench-{uuid.uuid4().hex}", str(count)]
        done = subprocess.run(
            [*command, *arguments], env=environ, cwd=directory, capture_output=True, text=True, check=True, timeout=300
        )
        return [float(figure) for figure in done.stdout.split()]


def _install(home: Path, python: str, wheel: Path) -> None:
    """Make the environment, at the versions that the tests use on this Python."""
    tool = uv.find_uv_bin()
    if not (home / "bin" / "python").exists():
        subprocess.run([tool, "venv", "--quiet", "--clear", "--python", python, str(home)], check=True)
    constraints = CHECKOUT / "tests" / "constraints" / f"py{python}.txt"
    wanted = [f"autotrace @ {wheel.as_uri()}", *_CLIENTS]
    options = ["--quiet", "--reinstall-package", "autotrace", "-c", str(constraints)]
    interpreter = str(home / "bin" / "python")
    subprocess.run([tool, "pip", "install", "--python", interpreter, *options, *wanted], check=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-messages ARGS='...'", description="What tracing Kafka costs.")
    parser.add_argument("--python", default="3.11", help="the version, such as 3.13 (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each runs (default: %(default)s)")
    parser.add_argument("--count", type=int, default=5000, help="messages of one run (default: %(default)s)")
    parser.add_argument("--cache", default=str(CHECKOUT / (os.environ.get("AUTOTRACE_CACHE") or ".cache")))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
