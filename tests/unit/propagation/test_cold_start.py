"""What importing propagation brings into the program's process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import autotrace


def imported(*, configured):
    """Return the names of the modules that the import adds to an interpreter that has ``os``, as every one has."""
    script = (
        f"import os, sys; sys.path.insert(0, {str(Path(autotrace.__file__).parents[1])!r})\n"
        "before = set(sys.modules)\n"
        "from autotrace import propagation\n"
        f"{configured}\n"
        "print(*sorted(set(sys.modules) - before))\n"
    )
    command = [sys.executable, "-I", "-S", "-c", script]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_nothing_heavy_is_imported():
    """Neither ``re`` nor ``typing`` nor anything else of the standard library that start-up time would pay for."""
    foreign = {name for name in imported(configured="pass") if not name.startswith("autotrace")}
    built_in = {"gc"} if sys.version_info < (3, 12) else set()
    assert foreign <= {"__future__", "_contextvars", "_random", "contextvars"} | built_in


def test_styles_that_are_not_in_use_are_not_imported():
    """By default only the two W3C styles are there; each other one comes with its name."""
    w3c = {"autotrace.propagation", "autotrace.propagation.w3c", "autotrace.propagation.baggage"}
    found = {name for name in imported(configured="pass") if name.startswith("autotrace.propagation")}
    assert found == w3c
    found = imported(configured="propagation.configure(['b3multi'])")
    assert {name for name in found if name.startswith("autotrace.propagation")} == w3c | {
        "autotrace.propagation.b3",
        "autotrace.propagation.identifiers",
    }
