"""The command: its options, its exit code and its text."""

from __future__ import annotations

import json
import sys

from autotrace.doctor.examine import examine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

USAGE = """\
usage: autotrace doctor [--json] [-- COMMAND [ARGUMENTS...]]

Say what is traced and what keeps spans from being there, for the COMMAND that starts the program,
or else for the Python that autotrace is installed in. COMMAND is not run.

exit code: 0 where spans can come, 1 where none can, 2 for a wrong option
"""


def main(arguments: Sequence[str]) -> int:
    """Examine and print; return the exit code."""
    options = list(arguments)
    as_json = False
    while options and options[0].startswith("-"):
        option = options.pop(0)
        if option == "--":
            break
        if option in ("-h", "--help"):
            sys.stdout.write(USAGE)
            return 0
        if option != "--json":
            sys.stderr.write(f"autotrace doctor: there is no option {option}; 'autotrace doctor --help' lists them\n")
            return 2
        as_json = True
    found = examine(options)
    if as_json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines(found))
    return 1 if found["problems"] else 0


def lines(found: dict[str, Any]) -> Iterator[str]:
    """Yield the text line by line; the argument is what ``examine`` returned."""
    python = found["python"]
    yield f"autotrace   {found['autotrace']}"
    if found["command"]:
        yield f"command     {' '.join(found['command']['words'])}"
    if python:
        version = f"Python {python['version']}, " if "version" in python else ""
        traced = "traced" if python.get("running") else "not traced"
        yield f"python      {version}{python['executable']}: {traced}"
    for sink in found["sinks"]:
        told = [part for part in (sink["name"], sink["place"], sink["text"]) if part]
        yield f"sink        {', '.join(told)}"
    for setting in found["settings"]:
        if setting["source"]:
            yield f"setting     {setting['name']} = {_value(setting['value'])} ({setting['source']})"
    for agent, state in python.get("agents", {}).items():
        yield f"agent       {agent} is {state}"
    yield from _instrumentors(python.get("instrumentors", []))
    for text in found["warnings"]:
        yield f"warning     {text}"
    for text in found["problems"]:
        yield f"problem     {text}"


def _instrumentors(found: list[dict[str, str]]) -> Iterator[str]:
    for family in dict.fromkeys(one["family"] for one in found):
        names = [
            f"{one['name']} {one['version']}".strip()
            for one in found
            if one["state"] == "on" and one["family"] == family
        ]
        if names:
            yield f"traced      {family}: {', '.join(names)}"
    for state, title in (("off", "off"), ("not installed", "absent")):
        names = [one["name"] for one in found if one["state"] == state]
        if names:
            yield f"{title:<12}{', '.join(names)}"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    if isinstance(value, dict):
        return ",".join(f"{key}={item}" for key, item in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)
