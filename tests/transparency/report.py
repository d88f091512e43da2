"""The report: a table, what differed, and what did not run.

Rows of libraries that were not run this time, or could not be, stay as they are in the page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .libraries import BY_NAME

if TYPE_CHECKING:
    from .comparing import Comparison
    from .libraries import Library

_BEGIN, _END = "<!-- report -->", "<!-- end of the report -->"
_HEAD = """\
| library | Python | on | tests | passed bare | unsteady | by an added header | **differences** | spans made | faults of ours |
|---|---|---|---:|---:|---:|---:|---:|---:|---:|
"""
_LONGEST = 300  # characters of a failure's text


@dataclass
class Row:
    """One library's line.

    Attributes:
        library: which.
        version: that was run.
        comparison: None where the suite did not run.
        spans: that the traced run made.
        witness: what autotrace said of itself.
        failure: why the suite did not run.
    """

    library: Library
    version: str = ""
    comparison: Comparison | None = None
    spans: int = 0
    witness: dict[str, Any] = field(default_factory=dict)
    failure: str = ""

    def faults(self) -> int:
        """Return how often something of ours failed behind the wall."""
        return sum(self.witness.get("faults", {}).values())

    def line(self, python: str = "", taken: str = "") -> str:
        """Return the line of the table."""
        name = f"{self.library.name} {self.version or self.library.version}"
        seen = self.comparison
        if seen is None:
            return f"| {name} | did not run: {self.failure.splitlines()[0]} |"
        figures = (
            seen.tests,
            seen.passed,
            len(seen.unsteady),
            len(seen.by_header),
            len(seen.defects),
            self.spans,
            self.faults(),
        )
        return f"| {name} | {python} | {taken} | {' | '.join(f'{figure:,}' for figure in figures)} |"


def table(rows: list[Row]) -> str:
    """Return the table and all details, for the terminal."""
    parts = [_HEAD + "\n".join(row.line() for row in rows)]
    for row in rows:
        if row.failure:
            parts.append(f"{row.library.name}: {row.failure}")
        if row.comparison:
            parts += [f"unsteady: {name}" for name in sorted(row.comparison.unsteady)]
            parts += [
                f"{'by an added header' if name in row.comparison.by_header else 'DIFFERENT'}: {name}\n  bare:   {without.kind} {_short(without.text)}\n  traced: {with_us.kind} {_short(with_us.text)}"
                for name, (without, with_us) in row.comparison.differences.items()
            ]
        if row.faults():
            parts += [message for message in row.witness["messages"] if "untraced" in message]
    return "\n".join(parts)


def page(before: str, rows: list[Row], python: str, taken: str) -> str:
    """Return the page with the new lines in the stead of the old ones of the same libraries.

    Args:
        before: the page as it is; its text outside of the report's marks is kept.
        rows: what was run.
        python: the version that it was run on.
        taken: the day.
    """
    head, _, rest = before.partition(_BEGIN)
    old, _, tail = rest.partition(_END)
    lines = {
        found.group(1): line
        for line in old.splitlines()
        if (found := re.match(r"\| ([\w-]+) [\d.]+ \|", line)) and found.group(1) in BY_NAME
    }
    lines.update({row.library.name: row.line(python, taken) for row in rows if not row.failure})
    body = _HEAD + "\n".join(lines[name] for name in BY_NAME if name in lines)
    left_out = [
        f"- {library.name}: not run are {library.left_out}."
        for library in BY_NAME.values()
        if library.left_out and library.name in lines
    ]
    return f"{head}{_BEGIN}\n\n{body}\n\n" + "\n".join(left_out) + f"\n\n{_END}{tail}"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
