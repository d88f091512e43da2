"""The examination: settings, sinks, the command, and a Python that is started as the command's would be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from time import monotonic

from autotrace import __version__, settings
from autotrace.commands import Python, prevented, python_of, resolved
from autotrace.doctor.probe import SCRIPT
from autotrace.launcher import search_path
from autotrace.paths import inbox_directory, temporary_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from autotrace.settings import Settings

_PATIENCE = 60.0  # s for a Python that imports every library that somebody waits for
_SINK = 5.0  # s for a receiver
_OF_PYTHON = "IEsSPO"  # the flags that decide what can be imported


def examine(command: Sequence[str]) -> dict[str, Any]:
    """Return everything that there is to say, ready for JSON.

    Args:
        command: how the program is started; empty for the Python that autotrace itself runs in.

    Returns:
        ``problems`` are those for which no span can come; ``warnings`` are worth a look.
    """
    loaded = settings.load()
    found: dict[str, Any] = {
        "autotrace": __version__,
        "settings": _settings(loaded),
        "file": loaded.file,
        "problems": [],
        "warnings": list(loaded.warnings),
    }
    if not loaded.enabled:
        source = settings.sources().get("enabled", "")
        found["problems"].append(f"autotrace is switched off by {source}")
    found["sinks"] = [_sink(name, loaded, found) for name in loaded.exporters]
    found["command"] = _command(command, found)
    python = python_of(command, os.environ) if command else Python(sys.executable, "")
    found["python"] = _python(python, found, loaded.enabled) if python is not None else {}
    return found


def _settings(loaded: Settings) -> list[dict[str, Any]]:
    sources = settings.sources()
    return [
        {
            "name": setting.name,
            "value": _shown(setting.name, getattr(loaded, setting.name)),
            "source": sources.get(setting.name, ""),
        }
        for setting in settings.TABLE
    ]


def _shown(name: str, value: Any) -> Any:
    """Return a value without what is nobody's business."""
    if name == "headers":
        return dict.fromkeys(value, "***")
    if name == "endpoint" and "@" in value:
        scheme, _, rest = value.partition("://")
        return f"{scheme}://***@{rest.rpartition('@')[2]}"
    return list(value) if isinstance(value, tuple) else value


def _sink(name: str, loaded: Settings, found: dict[str, Any]) -> dict[str, Any]:
    """Say where traces go and whether they get there."""
    if name == "inbox":
        place = inbox_directory(loaded.data_dir)
        if _writable(place):
            return {"name": name, "place": place, "ok": True, "text": "writable"}
        other = temporary_directory()
        found["warnings"].append(
            f"{place} cannot be written: traces go to {other}, where 'autotrace traces' does not look"
        )
        return {"name": name, "place": other, "ok": False, "text": f"{place} cannot be written"}
    if name == "otlp":
        from autotrace.export.http import HttpExporter

        exporter = HttpExporter(loaded)
        exporter.hasten(monotonic() + _SINK)
        result = exporter.export(b"", monotonic() + _SINK)  # a request without spans, which is a valid one
        exporter.close()
        place = str(_shown("endpoint", loaded.endpoint))
        if not result.delivered:
            found["problems"].append(result.text or f"{place} does not take spans")
        return {"name": name, "place": place, "ok": result.delivered, "text": result.text or "takes spans"}
    if name == "none":
        found["problems"].append("the exporter is 'none': nothing is kept")
    elif name != "console":
        found["warnings"].append(f"exporter {name!r} is not one of inbox, otlp, console, none; it is passed over")
    return {"name": name, "place": "", "ok": name == "console", "text": ""}


def _writable(directory: str) -> bool:
    """Tell whether a directory can be written, or made; nothing is made to find out."""
    while not os.path.exists(directory):
        above = os.path.dirname(directory)
        if above == directory:
            return False
        directory = above
    return os.path.isdir(directory) and os.access(directory, os.W_OK | os.X_OK)


def _command(command: Sequence[str], found: dict[str, Any]) -> dict[str, Any]:
    if not command:
        return {}
    file = resolved(command[0], os.environ)
    if not file:
        found["problems"].append(f"{command[0]}: command not found")
        return {"words": list(command), "file": "", "python": "", "flags": ""}
    python = python_of(command, os.environ)
    if python is None:
        found["warnings"].append(
            f"{file} is no Python program: every Python that it starts is traced, if autotrace is installed there"
        )
    return {
        "words": list(command),
        "file": file,
        "python": python.path if python else "",
        "flags": python.flags if python else "",
    }


def _python(python: Python, found: dict[str, Any], enabled: bool) -> dict[str, Any]:
    """Start a Python in the way of autotrace-run and have it say what it sees."""
    reason = prevented(python)
    if reason:
        found["problems"].append(f"{reason}: autotrace-run cannot reach it")
    environ = {**os.environ, "PYTHONPATH": search_path(os.environ.get("PYTHONPATH", ""))}
    flags = [f"-{flag}" for flag in python.flags if flag in _OF_PYTHON]
    with tempfile.TemporaryDirectory(prefix="autotrace-doctor-") as directory:
        answer = os.path.join(directory, "answer.json")
        try:
            done = subprocess.run(  # noqa: S603 - the program's own Python
                [python.path, *flags, "-c", SCRIPT, answer],
                env=environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False,
            )  # fmt: skip
            with open(answer, encoding="utf-8") as file:
                said: dict[str, Any] = json.load(file)
        except subprocess.TimeoutExpired:
            found["problems"].append(f"{python.path} did not answer within {_PATIENCE:.0f} s")
            return {"executable": python.path}
        except (OSError, ValueError) as error:
            last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2] if "done" in locals() else error
            found["problems"].append(f"{python.path} cannot be asked: {last}")
            return {"executable": python.path}
    if enabled and not said["running"] and not reason:
        why = "autotrace cannot be imported there" if not said["autotrace"] else "its sitecustomize did not run"
        found["problems"].append(f"{python.path} is not traced: {why}")
    for one in said.get("instrumentors", ()):
        if one["state"] == "not applied":
            found["warnings"].append(f"{one['name']} is not applied: {one['why']}")
    for agent, state in said.get("agents", {}).items():
        if state == "running":
            found["warnings"].append(f"{agent} runs in the same process: calls are traced twice, once by each")
    for holder in said.get("left", ()):
        found["warnings"].append(f"{holder} holds a function from before it was patched; what it calls is not traced")
    return said
