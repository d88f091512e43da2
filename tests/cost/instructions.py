"""Counts the instructions that a hot path takes: ``python tests/cost/instructions.py`` writes the figures to compare with.

Instructions do not depend on the machine's mood.  They are given as multiples of a yardstick of plain Python that is
counted in the same way, so that another build of the same Python gives about the same figure.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
FIGURES = HERE / "figures.json"
PATHS = ("span", "query", "request", "unclaimed", "handover")
FEW, MANY = 500, 1500  # the difference of the two leaves out what happens once
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


def run(*command, **environ):
    """Run a workload with the agent, in an environment of its own."""
    import autotrace

    inherited = {
        key: value for key, value in os.environ.items() if not key.startswith(("AUTOTRACE_", "OTEL_", "PYTHON"))
    }
    with tempfile.TemporaryDirectory() as directory:
        variables = {
            "AUTOTRACE_DATA_DIR": directory,
            "AUTOTRACE_EXIT_TIMEOUT_MS": "60000",  # valgrind is slow
            "AUTOTRACE_SCHEDULE_DELAY_MS": "3600000",  # see workload.py
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": str(Path(autotrace.__file__).parent / "launch" / "site"),
            **environ,
        }
        command = [*command[:-2], sys.executable, str(HERE / "workload.py"), *command[-2:]]
        return subprocess.run(
            command, env={**inherited, **variables}, cwd=directory, capture_output=True, text=True, check=True
        )


def per_operation(path, **environ):
    """Return the instructions of one operation; what happens once, such as compiling our modules, does not count."""
    run(path, "1", **environ)
    callgrind = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
    few, many = (
        int(re.search(r"Collected : (\d+)", run(*callgrind, path, str(count), **environ).stderr).group(1))
        for count in (FEW, MANY)
    )
    return (many - few) / (MANY - FEW)


def cost(path, yardstick, **environ):
    """Return what tracing adds to an operation, as a multiple of the yardstick."""
    return round((per_operation(path, **environ) - per_operation(path, AUTOTRACE_ENABLED="false")) / yardstick, 2)


def main():
    """Write the figures of this Python."""
    figures = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    yardstick = per_operation("yardstick", AUTOTRACE_ENABLED="false")
    figures[VERSION] = {path: cost(path, yardstick) for path in PATHS}
    FIGURES.write_text(json.dumps(dict(sorted(figures.items())), indent=2) + "\n")
    print(VERSION, figures[VERSION])


if __name__ == "__main__":
    main()
