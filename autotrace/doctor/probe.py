"""What a traced Python says of itself; runs in one that was started for it, and answers one question after the other.

Metadata comes first; then the libraries that somebody waits for are imported, each when it is asked for, by its trigger, so
that their instrumentors get to work.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec
from operator import attrgetter

from autotrace.patching.metadata import file_of, judged
from autotrace.patching.modules import own
from autotrace.patching.versions import required

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from autotrace.agent import Agent
    from autotrace.patching.catalog import Part
    from autotrace.patching.model import Instrumentor

_broken: dict[str, str] = {}  # modules that cannot be imported, so that nothing in them can be, either; and why

SCRIPT = """\
import sys
sys.path[:] = [entry for entry in sys.path if entry]  # nothing of the working directory's is run
import json, os
questions, answers, null = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w"), os.open(os.devnull, os.O_RDWR)
os.dup2(null, 0), os.dup2(null, 1)
def tell(answer):
    answers.write("\\n" + sys.argv[1] + json.dumps(answer) + "\\n")
    answers.flush()
said = {"version": sys.version.split()[0], "executable": sys.executable, "autotrace": "", "running": False}
bootstrap = sys.modules.get("autotrace.bootstrap")
agent = getattr(bootstrap, "_agent", None)
said["running"] = agent is not None and not agent.hindrance
if agent is not None and agent.hindrance:
    said["hindrance"] = agent.hindrance
try:
    import autotrace
    said["autotrace"] = autotrace.__version__
    from autotrace.doctor.probe import serve
except ImportError as error:
    said["missing"] = str(error)
tell(said)
if "missing" not in said:
    serve(questions, tell)
"""
"""To be run by any Python; its argument is what marks an answer, since a library may print, too."""


def serve(questions: Iterable[str], tell: Callable[[Any], None]) -> None:
    """Answer questions until there are no more; each is a line: ``survey``, ``import`` and a name, ``left``."""
    import gc

    gc.disable()  # imports make much and leave little behind; looking for that costs a seventh of them
    for question in questions:
        what, _, name = question.strip().partition(" ")
        tell({"survey": survey, "left": left}[what]() if what in ("survey", "left") else imported(name))


def survey() -> dict[str, Any]:
    """Return what can be seen here without importing anything, ready for JSON: agents, instrumentors."""
    from autotrace.doctor.agents import present

    found: dict[str, Any] = {"agents": present()}  # before anything is imported that an agent might wait for
    agent = _agent()
    if agent is not None and not agent.hindrance:
        from autotrace.patching.catalog import selected

        every, settings = _every(agent), agent.settings
        chosen = {part.name for part in selected(every, settings.instrumentors, settings.instrumentors_off)}
        found["instrumentors"] = [_told(part, part.name in chosen) for part in every]
    from autotrace.patching import wellknown

    found["unsupported"] = wellknown.unsupported(wellknown.versions_in(sys.path))
    return found


def imported(name: str) -> dict[str, str]:
    """Import the library of an instrumentor; return what became of it."""
    agent = _agent()
    assert agent is not None
    part = next(part for part in _every(agent) if part.name == name)
    state, why = _state(part, agent)
    version = ""
    distribution, versions = _required(part)
    if state != "not installed" and distribution:
        version = judged(distribution, versions, file_of(part.trigger.partition(".")[0]))[0]
        if state == "on" and not version:
            why = f"which version of {distribution} is installed is not known; all that is patched was found"
    return {"name": name, "state": state, "why": why, "version": version}


def left() -> list[str]:
    """Name what still holds the originals of functions that are patched."""
    from autotrace.patching import references

    agent = _agent()
    originals = []
    for part in _every(agent) if agent is not None else ():
        instrumentor = _instrumentor(part) if agent is not None and part.name in agent.applied else None
        for patch in instrumentor.patches if instrumentor is not None else ():
            module, _, name = patch.target.partition(":")
            replacement = own(sys.modules.get(module)).get(name)
            original = getattr(replacement, "__wrapped__", None)
            if original is not None:
                originals.append(original)
    return references.left(originals) if originals else []


def _agent() -> Agent | None:
    return getattr(sys.modules.get("autotrace.bootstrap"), "_agent", None)


def _every(agent: Agent) -> list[Part]:
    from autotrace.patching.catalog import parts
    from autotrace.patching.third_party import third_party

    return [*parts(), *third_party(agent.settings.data_dir)]


def _told(part: Part, chosen: bool) -> dict[str, str]:
    """Return what metadata tells of an instrumentor; ``installed`` is one whose library has to be imported to know more."""
    top = part.trigger.partition(".")[0]
    distribution, versions = required(part.requires or "")
    state, why, version = "installed", "", ""
    if not chosen:
        state, why = "off", "switched off"
    elif not _there(top):
        state = "not installed"
    elif distribution:
        version, why = judged(distribution, versions, getattr(find_spec(top), "origin", "") or "")
        state = "not applied" if why else "installed"
        if why and not _in_files(part.trigger):  # a part that this version does not have, and so needs no patches
            state, why = "not installed", f"the installed version has no {part.trigger}"
    told = {"name": part.name, "family": part.family, "state": state, "why": why, "version": version}
    # those of one distribution are looked at in one process
    told["part"] = distribution or ("" if part.requires == "" else top)
    return told


def _there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return module in sys.modules


def _in_files(module: str) -> bool:
    """Tell whether there is a file of a module; no package above it is imported to find out."""
    names, path = module.split("."), None
    for end in range(1, len(names) + 1):
        spec = PathFinder.find_spec(".".join(names[:end]), path)
        if spec is None:
            return False
        path = spec.submodule_search_locations
    return True


def _state(part: Part, agent: Agent) -> tuple[str, str]:
    """Import a library and say what became of its instrumentor."""
    for broken, why in _broken.items():
        if part.trigger.startswith(f"{broken}."):
            return "not applied", f"{part.trigger} cannot be imported: {why}"
    _settle(part.library)
    try:
        import_module(part.trigger)
    except ModuleNotFoundError as error:
        if error.name and f"{part.trigger}.".startswith(f"{error.name}."):
            return "not installed", f"the installed version has no {error.name}"
        if part.trigger.partition(".")[0] in sys.modules:  # the library is well; this part of it needs another one
            return "not installed", f"{part.trigger} needs {error.name}"
        return "not applied", f"{part.trigger} cannot be imported: {error}"
    except BaseException as error:  # a library's import may do anything, also end the process
        missing = error.__cause__
        if isinstance(missing, ModuleNotFoundError) and part.trigger.partition(".")[0] in sys.modules:
            return "not installed", f"{part.trigger} needs {missing.name}"  # it says so in its own words
        why = _broken[part.trigger] = f"{type(error).__name__}: {error}".partition("\n")[0]
        return "not applied", f"{part.trigger} cannot be imported: {why}"
    if part.name in agent.applied:
        return "on", ""
    return "not applied", agent.skipped.get(part.name, f"{part.trigger} was imported before autotrace was there")


def _settle(library: str) -> None:
    """Give a library what it asks for when it is imported, as far as that is known and nobody has."""
    from autotrace.patching.catalog import SETTLED

    module, _, path = SETTLED.get(library, "").partition(":")
    if not module:
        return
    try:
        attrgetter(path)(import_module(module))()
    except Exception:  # it is there already, or its import will say what is missing
        return


def _instrumentor(part: Part) -> Instrumentor | None:
    try:
        return part.instrumentor() if part.module() in sys.modules else None
    except AttributeError:  # its module has none of that name
        return None


def _required(part: Part) -> tuple[str, str]:
    """Return the distribution and its range; empty for the standard library and where nobody knows."""
    _instrumentor(part)  # a third party's says what it requires once it is loaded
    return required(part.requires or "")
