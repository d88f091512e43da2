"""The application that a runner runs: what a service is called after that is started by a server's or a queue's command.

A server of ``shop.wsgi:app`` is the service ``shop``, and so is a worker of the application ``shop``.  Last parts that say
nothing (``wsgi``, ``main``, ``settings``) are left out; where nothing remains, the project's name (``pyproject.toml``) is
taken, and where there is none, the part that says nothing.  Command lines are not understood, they are looked at: for an
argument that has the looks of an application, best one that does not stand behind an option.
"""

from __future__ import annotations

import os

from autotrace.config.paths import upward
from autotrace.patching.catalog import RUNNERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_GENERAL = {"app", "application", "asgi", "main", "run", "server", "wsgi", "config", "settings"}
_SETTINGS = {"base", "dev", "development", "local", "prod", "production", "staging", "test", "testing"}
_SCHEMES = {"egg", "fd", "file", "python", "unix"}  # of other arguments with a colon


def named(runner: str, arguments: Sequence[str], environ: Mapping[str, str], directory: str) -> str:
    """Return the name of what a runner runs, or an empty string where it is no runner or says nothing.

    Args:
        runner: the program's own name.
        arguments: what follows it on the command line.
        environ: the environment.
        directory: where a project is looked for, upward.
    """
    known = RUNNERS.get(runner)
    if known is None:
        return ""
    options, variable, positional = known
    given = next(_after(options, arguments), "") or (environ.get(variable, "") if variable else "")
    if not given and positional:
        given = _likely(arguments)
    module = _module(given)
    parts = module.split(".")
    general = _GENERAL | {runner} | (_SETTINGS if "settings" in parts or "config" in parts else set())
    while parts and parts[-1] in general:
        parts.pop()
    return ".".join(parts) or project(directory) or module.rpartition(".")[2]


def project(directory: str) -> str:
    """Return the project's name that the nearest ``pyproject.toml`` at or above a directory gives, or an empty string.

    One that somebody else could have put there counts as none.
    """
    for above in upward(os.path.abspath(directory)):
        file = os.path.join(above, "pyproject.toml")
        if os.path.isfile(file):
            return _name_in(file)
    return ""


def _after(options: Sequence[str], arguments: Sequence[str]) -> Iterator[str]:
    """Yield the values of options, in whichever way they are written."""
    for at, argument in enumerate(arguments):
        for option in options:
            if argument == option:
                yield from arguments[at + 1 : at + 2]
            elif argument.startswith(f"{option}=" if option.startswith("--") else option):
                yield argument[len(option) :].lstrip("=")


def _likely(arguments: Sequence[str]) -> str:
    """Return the argument that is most likely the application."""
    found = []
    for at, argument in enumerate(arguments):
        module, colon, name = argument.partition(":")
        if (
            module in _SCHEMES
            or not _module(argument)
            or (colon and not name.partition("(")[0].replace(".", "_").isidentifier())
        ):
            continue
        behind = at > 0 and arguments[at - 1].startswith("-") and "=" not in arguments[at - 1]
        if colon or not behind:  # without a colon it may be the option's value
            found.append((bool(colon) or module.endswith(".py"), not behind, at, argument))
    return max(found)[3] if found else ""


def _module(given: str) -> str:
    """Return the module of an application, dotted, or an empty string where it has no looks of one."""
    module = given.partition(":")[0]
    if module.endswith(".py"):
        module = os.path.normpath(module[:-3]).replace(os.sep, ".").strip(".")
    return module if all(part.isidentifier() for part in module.split(".")) else ""


def _name_in(file: str) -> str:
    """Return the name in a ``pyproject.toml``, or an empty string."""
    from autotrace.config.files import distrusted, parsed

    try:
        if distrusted(file):
            return ""
        content = parsed(file)
    except (OSError, ValueError, RecursionError, ImportError):  # no file of ours, no TOML, nothing that reads TOML
        return ""
    for table in (content.get("project"), content.get("tool", {}).get("poetry")):
        name = table.get("name") if isinstance(table, dict) else None
        if isinstance(name, str):
            return name.strip()
    return ""
