"""What a traced Python says of itself; runs in one that was started for it, with its output thrown away.

The libraries that somebody waits for are imported here, each by its trigger, so that their instrumentors get to work.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.bootstrap import Agent
    from autotrace.patching.registry import Known

SCRIPT = """\
import json, sys
said = {"version": sys.version.split()[0], "executable": sys.executable, "autotrace": "", "running": False}
bootstrap = sys.modules.get("autotrace.bootstrap")
said["running"] = bootstrap is not None and getattr(bootstrap, "_agent", None) is not None
try:
    import autotrace
    said["autotrace"] = autotrace.__version__
    from autotrace.doctor import probe
    said.update(probe.look())
except ImportError as error:
    said["missing"] = str(error)
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump(said, file)
"""
"""To be run by any Python; its argument is the file to write to."""


def look() -> dict[str, Any]:
    """Return what can be seen here, ready for JSON: agents, instrumentors, references that are left."""
    from autotrace.doctor.agents import present

    found: dict[str, Any] = {"agents": present()}  # before anything is imported that an agent might wait for
    bootstrap = sys.modules.get("autotrace.bootstrap")
    agent: Agent | None = getattr(bootstrap, "_agent", None)
    if agent is not None:
        found["instrumentors"] = _instrumentors(agent)
        found["left"] = _left(agent)
    return found


def _instrumentors(agent: Agent) -> list[dict[str, str]]:
    from autotrace.patching.registry import BUILT_IN, selected
    from autotrace.patching.third_party import third_party

    every = (*BUILT_IN, *third_party(agent.settings.data_dir))
    chosen = {known.name for known in selected(every, agent.settings.instrumentors, agent.settings.instrumentors_off)}
    found = []
    for known in every:
        state, why = ("off", "switched off") if known.name not in chosen else _state(known, agent)
        version = _version(known) if state in ("on", "not applied") else ""
        found.append({"name": known.name, "family": known.family, "state": state, "why": why, "version": version})
    return found


def _state(known: Known, agent: Agent) -> tuple[str, str]:
    """Import a library and say what became of its instrumentor."""
    if not _installed(known.trigger):
        return "not installed", ""
    try:
        import_module(known.trigger)
    except ModuleNotFoundError as error:
        if error.name and f"{known.trigger}.".startswith(f"{error.name}."):
            return "not installed", f"the installed version has no {error.name}"
        return "not applied", f"{known.trigger} cannot be imported: {error}"
    except BaseException as error:  # a library's import may do anything, also end the process
        return "not applied", f"{known.trigger} cannot be imported: {type(error).__name__}: {error}"
    if known.name in agent.applied:
        return "on", ""
    return "not applied", agent.skipped.get(known.name, f"{known.trigger} was imported before autotrace was there")


def _installed(module: str) -> bool:
    try:
        return find_spec(module.partition(".")[0]) is not None
    except (ImportError, ValueError):
        return module.partition(".")[0] in sys.modules


def _instrumentor(known: Known) -> Any:
    return getattr(sys.modules.get(known.module), known.attribute, None)


def _version(known: Known) -> str:
    """Return the installed version of a library; empty for the standard library and where nobody knows."""
    from importlib import metadata

    distribution = getattr(_instrumentor(known), "distribution", "")
    try:
        return metadata.version(distribution) if distribution else ""
    except metadata.PackageNotFoundError:
        return ""


def _left(agent: Agent) -> list[str]:
    """Name what still holds the originals of functions that are patched."""
    from autotrace.patching.references import left
    from autotrace.patching.registry import BUILT_IN

    originals = []
    for known in BUILT_IN:
        instrumentor = _instrumentor(known) if known.name in agent.applied else None
        for patch in instrumentor.patches if instrumentor is not None else ():
            module, _, name = patch.target.partition(":")
            replacement = vars(sys.modules[module]).get(name) if module in sys.modules else None
            original = getattr(replacement, "__wrapped__", None)
            if original is not None:
                originals.append(original)
    return left(originals)
