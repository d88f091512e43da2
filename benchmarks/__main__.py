"""The benchmarks' command line: ``make bench`` and ``make bench-quick`` call it, with ``ARGS='...'`` for what follows.

It makes the environments, starts sink and origin, measures row by row, and writes ``report.md`` and ``report.json`` after
each row, so that a run that is broken off has told what it knows.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import chunks, page, report, single
from benchmarks.chunks import Bench
from benchmarks.environments import (
    CHECKOUT,
    PEERS,
    VARIANTS,
    Environments,
    UnavailableError,
    Variant,
    with_libraries,
)
from benchmarks.machine import Calibration, described, settle
from benchmarks.rows import BY_NAME, ROWS, Row
from benchmarks.services import ADDRESSES, ServiceError, Services

_FULL = {"rounds": 15, "chunk": 0.4, "delay": 1000}
_SHORT = {"rounds": 5, "chunk": 0.4, "delay": 1000}
_QUICK = {"rounds": 3, "chunk": 0.05, "delay": 200}
_SHOWN = {"opentelemetry": ("opentelemetry-sdk", "opentelemetry-instrumentation"), "ddtrace": ("ddtrace",)}


def main() -> int:
    """Run what the command line asks for; returns the exit code."""
    given = _arguments()
    preset = _QUICK if given.quick else _SHORT if given.short else _FULL
    rows = _chosen(given.rows, BY_NAME, [row for row in ROWS if row.quick or not given.quick], "row")
    for row in rows:
        if given.python in row.absent:
            _say(f"without the row {row.name}: its library is not for Python {given.python}")
    rows = [row for row in rows if given.python not in row.absent]
    for server in sorted({row.server for row in rows if row.server and not os.environ.get(ADDRESSES[row.server])}):
        _say(f"without the rows of {server}: it is not there ({ADDRESSES[server]})")
        rows = [row for row in rows if row.server != server]
    default = [one for one in VARIANTS.values() if (one.name not in PEERS if given.parts else not one.part)]
    variants = _chosen(given.variants, VARIANTS, default, "variant")
    cache = Path(given.cache).resolve()
    try:
        environments = Environments(cache, given.python, _wheel(given.wheel, cache))
        _say(f"environments of Python {given.python}")
        environments.prepare(_wanted(rows, variants))
    except UnavailableError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    directory = Path(tempfile.mkdtemp(prefix="autotrace-bench-"))
    calibration = Calibration()
    run: dict[str, Any] = {
        "python": given.python,
        "quick": given.quick,
        "rounds": given.rounds or preset["rounds"],
        "chunk_s": given.chunk or preset["chunk"],
        "taken": time.strftime("%Y-%m-%d"),
        "machine": {"words": described()},
        "peers": _peers(environments, _wanted(rows, variants)),
        "rows": [],
    }
    try:
        with Services(environments.executable("tools"), directory, settle()) as services:
            bench = Bench(
                environments, services, calibration, directory, preset["delay"], run["rounds"], run["chunk_s"]
            )
            measured = []
            for row in rows:
                _say(row.title)
                way = chunks if row.kind == "chunks" else single
                measured.append((row, way.measure(bench, row, _variants(row, variants, given))))
                text = _write(cache / "bench" / given.python, run, measured, calibration)
    except ServiceError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(text)
    if given.publish:
        text = report.markdown(run, brief=given.python != page.MAIN)
        page.publish(CHECKOUT / "docs" / "performance.md", given.python, text)
    return 0


def _write(directory: Path, run: dict[str, Any], measured: list[Any], calibration: Calibration) -> str:
    """Write the report of what has been measured so far; the best speed is known only at the end."""
    seen = calibration.seen or [0.0]
    run["machine"]["best_ms"] = calibration.best / 1e6 if calibration.seen else 0.0
    run["machine"]["median_ms"] = median(seen) / 1e6
    best = calibration.best if calibration.seen else 1.0
    run["rows"] = [report.summary(row, figures, best) for row, figures in measured]
    report.compare(run["rows"])
    return report.write(directory, run)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS='...'", description="What tracing costs.")
    parser.add_argument(
        "--quick", action="store_true", help="few rows, few rounds: whether it works, not what it costs"
    )
    parser.add_argument("--short", action="store_true", help="all rows, a third of the rounds")
    parser.add_argument("--rows", help=f"of {', '.join(BY_NAME)}; separated by commas")
    parser.add_argument("--variants", help=f"of {', '.join(VARIANTS)}; separated by commas")
    parser.add_argument(
        "--parts", action="store_true", help="no peers, but how the cost of autotrace is made up; for the rows in µs"
    )
    parser.add_argument("--python", default="3.11", help="the version, such as 3.13 (default: %(default)s)")
    parser.add_argument("--rounds", type=int, help="how often each variant runs")
    parser.add_argument("--chunk", type=float, help="CPU time of one chunk, in seconds")
    parser.add_argument("--publish", action="store_true", help="put the report into docs/performance.md")
    parser.add_argument("--wheel", help="of autotrace (default: the one that 'make wheel' built)")
    default = os.environ.get("AUTOTRACE_CACHE") or ".cache"
    parser.add_argument("--cache", default=str(CHECKOUT / default), help="where environments and reports are kept")
    given = parser.parse_args()
    if given.publish and (given.quick or given.rows or given.variants or given.parts):
        parser.error("--publish is for whole reports: without --quick, --rows, --variants and --parts")
    return given


def _chosen(given: str | None, known: dict[str, Any], default: list[Any], what: str) -> list[Any]:
    if not given:
        return default
    names = [name.strip() for name in given.split(",") if name.strip()]
    for name in names:
        if name not in known:
            sys.exit(f"benchmarks: there is no {what} {name!r}; there are {', '.join(known)}")
    return [one for one in known.values() if one.name in names]


def _variants(row: Row, variants: list[Variant], given: argparse.Namespace) -> list[Variant]:
    """Return what is measured in a row: of a scale only what is ours, and where sampling is shown one more."""
    if row.scale:
        return [one for one in variants if one.name not in PEERS]
    if row.libraries:
        return [with_libraries(one, row.libraries) for one in variants]
    chosen = given.variants or given.parts
    return [*variants, VARIANTS["hundredth"]] if row.sampled and not chosen else variants


def _wanted(rows: list[Row], variants: list[Variant]) -> list[Variant]:
    """Return the variants in the environments that the rows need; a bare one sends what others handle."""
    wanted = []
    for name in sorted({row.libraries for row in rows}):
        needed = [*variants, VARIANTS["bare"]] if name == "kafka" else variants
        wanted += [with_libraries(one, name) for one in needed]
    return wanted


def _wheel(given: str | None, cache: Path) -> Path:
    found = [Path(given)] if given else sorted((cache / "dist").glob("autotrace-*.whl"))
    if len(found) != 1 or not found[0].is_file():
        raise UnavailableError("there is no wheel of autotrace: 'make wheel' builds one, and --wheel names another")
    return found[0].resolve()


def _peers(environments: Environments, variants: list[Variant]) -> dict[str, str]:
    shown = {}
    for variant in variants:
        if variant.name in PEERS:
            versions = environments.versions(variant)
            shown.update({name: versions.get(name, "?") for name in _SHOWN[variant.name]})
    return shown


def _say(what: str) -> None:
    print(f"bench > {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
