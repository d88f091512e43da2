"""What was found, told: as text, line by line as soon as it is known, or as one document."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    Row = dict[str, str]
    Fact = tuple[str, Any]

_LISTS = {"setting": "settings", "sink": "sinks", "warning": "warnings", "problem": "problems"}


def document(facts: Iterable[Fact]) -> dict[str, Any]:
    """Put all facts together, ready for JSON; its shape is a promise to users."""
    found: dict[str, Any] = {
        "autotrace": "",
        "settings": [],
        "file": "",
        "problems": [],
        "warnings": [],
        "sinks": [],
        "command": {},
        "python": {},
    }
    rows: dict[str, Row] = {}
    for kind, fact in facts:
        if kind in _LISTS:
            found[_LISTS[kind]].append(fact)
        elif kind == "python":
            found["python"] = dict(fact)
            rows = {row["name"]: row for row in fact.get("instrumentors", ())}
        elif kind == "instrumentor":
            rows[fact["name"]] = fact
        elif kind == "left":
            found["python"]["left"] = fact
        else:
            found[kind] = fact
    if rows:
        shown = ("name", "family", "state", "why", "version")
        found["python"]["instrumentors"] = [{key: row[key] for key in shown} for row in rows.values()]
    return found


class Text:
    """The text.

    Attributes:
        problems: how many there were so far.
    """

    def __init__(self) -> None:
        self.problems = 0
        self._rows: dict[str, Row] = {}
        self._awaited: set[str] = set()
        self._untold: list[str] = []  # whose absence was only seen when they were imported

    def lines(self, kind: str, fact: Any) -> Iterator[str]:
        """Yield the lines that can be written now that a fact is known."""
        if kind == "autotrace":
            yield f"autotrace   {fact}"
        elif kind == "command":
            yield f"command     {' '.join(fact['words'])}"
        elif kind == "setting" and fact["source"]:
            yield f"setting     {fact['name']} = {_value(fact['value'])} ({fact['source']})"
        elif kind == "sink":
            yield f"sink        {', '.join(part for part in (fact['name'], fact['place'], fact['text']) if part)}"
        elif kind == "python":
            yield from self._python(fact)
        elif kind == "instrumentor":
            yield from self._instrumentor(fact)
        elif kind in ("warning", "problem"):
            self.problems += kind == "problem"
            yield f"{kind:<12}{fact}"

    def rest(self) -> Iterator[str]:
        """Yield what is left to be said at the end."""
        if self._untold:
            yield f"absent      {', '.join(self._untold)}"

    def _python(self, python: dict[str, Any]) -> Iterator[str]:
        version = f"Python {python['version']}, " if "version" in python else ""
        traced = "traced" if python.get("running") else "not traced"
        yield f"python      {version}{python['executable']}: {traced}"
        for agent, state in python.get("agents", {}).items():
            yield f"agent       {agent} is {state}"
        self._rows = {row["name"]: row for row in python.get("instrumentors", ())}
        self._awaited = {name for name, row in self._rows.items() if row["state"] == "installed"}
        names = [f"{row['name']} {row['version']}".strip() for row in python.get("unsupported", ())]
        if names:
            yield f"unsupported {', '.join(names)}"
        off = [name for name, row in self._rows.items() if row["state"] == "off"]
        if off:
            yield f"off         {', '.join(off)}"
        absent = self._absent()
        if absent:
            yield f"absent      {', '.join(absent)}"

    def _absent(self) -> list[str]:
        """Return what is not installed: a library of which nothing is by its distribution's name, a part by its own."""
        there = {row["part"] for row in self._rows.values() if row["state"] != "not installed"}
        rows = [(name, row) for name, row in self._rows.items() if row["state"] == "not installed"]
        return list(dict.fromkeys(name if row["part"] in there else row["part"] or name for name, row in rows))

    def _instrumentor(self, row: Row) -> Iterator[str]:
        """Yield the line of a family once everything of it is known."""
        self._rows[row["name"]] = row
        self._awaited.discard(row["name"])
        if row["state"] == "not installed":
            self._untold.append(row["name"])
        family = [one for one in self._rows.values() if one["family"] == row["family"]]
        if not any(one["name"] in self._awaited for one in family):
            names = [f"{one['name']} {one['version']}".strip() for one in family if one["state"] == "on"]
            if names:
                yield f"traced      {row['family']}: {', '.join(names)}"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    if isinstance(value, dict):
        return ",".join(f"{key}={item}" for key, item in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)
