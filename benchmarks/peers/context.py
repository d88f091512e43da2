"""Whose child is it: the same cases of context under autotrace, OpenTelemetry and ddtrace, as a table.

    python benchmarks/peers/context.py autotrace=DIRECTORY opentelemetry=DIRECTORY ddtrace=DIRECTORY

Each directory is that of a virtual environment with the agent and with uvloop, trio, anyio, gevent and eventlet.  A case is
right where every span has the parent that it should have; what it prints on standard error is told, for nobody asked for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
LAUNCHERS = {"autotrace": "autotrace-run", "opentelemetry": "opentelemetry-instrument", "ddtrace": "ddtrace-run"}
QUIET = {
    "OTEL_TRACES_EXPORTER": "none",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "AUTOTRACE_EXPORTERS": "inbox",  # where nothing is delivered no context travels; the cases take the spans themselves
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
}


def cases() -> dict[str, list[tuple[str, str]]]:
    """Return the right parents of each case."""
    os.environ.setdefault("CONTEXT_AGENT", "")
    os.environ.setdefault("CONTEXT_FILE", "")
    sys.path.insert(0, str(HERE))
    import context_cases  # type: ignore[import-not-found] # it stands beside this file

    return {name: expected for name, (_, expected) in context_cases.CASES.items()}


def run(agent: str, environment: Path, cases: list[str]) -> dict[str, tuple[list[tuple[str, str]], str]]:
    """Run cases in one process; return for each the parent of each span, and the last line on standard error."""
    python = str(environment / "bin" / "python")
    command = [str(environment / "bin" / LAUNCHERS[agent]), python, "-W", "ignore"]
    if cases == ["gevent_early"]:
        start = "import gevent.monkey; gevent.monkey.patch_all(); import runpy, sys; del sys.argv[0]; "
        command += ["-c", f"{start}runpy.run_path(sys.argv[0], run_name='__main__')"]
    command += [str(HERE / "context_cases.py"), *cases]
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "spans"
        file.touch()
        environ = {
            **os.environ,
            **QUIET,
            "CONTEXT_AGENT": agent,
            "CONTEXT_FILE": str(file),
            "AUTOTRACE_DATA_DIR": directory,
        }
        try:
            done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300, check=False)
            said = done.stderr
        except subprocess.TimeoutExpired:
            said = ""
        spans, lines = _sections(file.read_text(encoding="ascii")), _sections(said)
    return {case: (_parents(spans.get(case, [])), (lines.get(case) or [""])[-1]) for case in cases}


def _sections(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("# "):
            name = line[2:]
        elif line.strip():
            found.setdefault(name, []).append(line.strip())
    return found


def _parents(lines: list[str]) -> list[tuple[str, str]]:
    rows = [line.split() for line in lines]
    names = {own: name.replace("_", " ") for name, own, _ in rows}
    return sorted((name.replace("_", " "), names.get(parent, "")) for name, _, parent in rows)


def told(found: list[tuple[str, str]], expected: list[tuple[str, str]], said: str) -> str:
    """Say in few words what is wrong."""
    wrong = [pair for pair in found if pair not in expected]
    missing = len(expected) - len(found)
    text = (
        "right" if found == expected else ", ".join(f"`{name}` beneath {parent or 'nothing'}" for name, parent in wrong)
    )
    if missing > 0:
        text += f"{', ' if text else ''}{missing} spans missing"
    return f"{text} (prints: {said[:80]})" if said else text or "wrong"


def main() -> None:
    """Run all cases and print the table."""
    environments = dict(argument.split("=", 1) for argument in sys.argv[1:])
    expected = cases()
    alone = [name for name in expected if name.startswith(("gevent", "eventlet"))]
    together = [name for name in expected if name not in alone]
    found: dict[str, dict[str, tuple[list[tuple[str, str]], str]]] = {}
    for agent, place in environments.items():
        for group in ([name] for name in alone):
            found.setdefault(agent, {}).update(run(agent, Path(place), group))
        found[agent].update(run(agent, Path(place), together))
    print("| case | " + " | ".join(environments) + " |")
    print("|---|" + "---|" * len(environments))
    for case, right in expected.items():
        cells = [told(found[agent][case][0], right, found[agent][case][1]) for agent in environments]
        print(f"| `{case}` | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
