"""Kafka throughput with and without the agent, for each client: ``make bench-messages``, which ``make bench`` calls, too.

Programs run in turns, bare and traced, against one broker; of each, the best of some rounds counts.  It does not compare
with other agents: what a message costs with each of them is in the rows of ``make bench``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import uv

from benchmarks import page
from benchmarks.environments import CHECKOUT, WORKLOADS, clean_environment
from benchmarks.services import KAFKA

_CLIENTS = ("kafka-python", "aiokafka", "confluent-kafka")
_FIGURES = {  # of a run, in the order of its figures: which round's is the best, and how it is told
    "sent per s": (max, "{:.0f}"),
    "handled per s": (max, "{:.0f}"),
    "CPU per message": (min, "{:.1f} µs"),
}


def main() -> int:
    """Measure and print a table; returns the exit code."""
    given = _arguments()
    bootstrap = os.environ.get(KAFKA)
    wheels = sorted((Path(given.cache) / "dist").glob("autotrace-*.whl"))
    if not bootstrap or len(wheels) != 1:
        print("benchmarks.messages: it wants a broker and a wheel: 'make bench-messages'", file=sys.stderr)
        return 2
    home = Path(given.cache).resolve() / "bench" / f"messages-{given.python}"
    _install(home, given.python, wheels[0].resolve())
    lines = [
        f"Python {given.python}, {time.strftime('%Y-%m-%d')}, {given.count} messages a run, the best of {given.rounds}.",
        "",
        f"| client {''.join(f'| {what}, bare | traced | ratio ' for what in _FIGURES)}|",
        f"|---|{'---:|' * 3 * len(_FIGURES)}",
    ]
    for client in _CLIENTS:
        lines.append(_row(client, home, bootstrap, given.rounds, given.count))
        print(lines[-1], file=sys.stderr, flush=True)
    text = "\n".join(lines)
    print(text)
    if given.publish:
        page.put(CHECKOUT / "docs" / "performance.md", text, "messages")
    return 0


def _row(client: str, home: Path, bootstrap: str, rounds: int, count: int) -> str:
    """Return a client's row: the best figures of all rounds, and the ratios of traced to bare."""
    bare, traced = [], []
    for _ in range(rounds):
        bare.append(_run(client, home, bootstrap, count, traced=False))
        traced.append(_run(client, home, bootstrap, count, traced=True))
    cells = [client]
    for part, (best, form) in enumerate(_FIGURES.values()):
        without, within = (best(run[part] for run in runs) for runs in (bare, traced))
        cells += [form.format(without), form.format(within), f"{within / without:.2f}"]
    return f"| {' | '.join(cells)} |"


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
    parser.add_argument("--publish", action="store_true", help="put the table into docs/performance.md")
    parser.add_argument("--cache", default=str(CHECKOUT / (os.environ.get("AUTOTRACE_CACHE") or ".cache")))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
