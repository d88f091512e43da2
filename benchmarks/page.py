"""Puts reports into a page of docs/ between two marks; what tracing costs has one for each Python, beneath its heading."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_HEADING = "### Python "
MAIN = "3.11"  # whose report is told in full, and stands first


def put(page: Path, text: str, name: str = "report") -> None:
    """Put a text in the place of the last one.

    Raises:
        ValueError: the page has no place for it.
    """
    before, begin, _, end, after = _parts(page, name)
    page.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}", encoding="utf-8")


def lines(page: Path, name: str) -> dict[str, str]:
    """Return the lines of the table that stands in a place, by their first cells.

    Raises:
        ValueError: the page has no such place.
    """
    rows = [line for line in _parts(page, name)[2].splitlines() if line.startswith("| ")]
    return {line.split(" | ")[0][2:]: line for line in rows}


def publish(page: Path, python: str, text: str) -> None:
    """Put the report of one Python in the place of its last one; those of others stay.

    Raises:
        ValueError: the page has no place for reports.
    """
    inside = _parts(page, "reports")[2]
    sections = {}
    for section in re.split(rf"^{_HEADING}", inside, flags=re.MULTILINE)[1:]:
        version, _, report = section.partition("\n")
        sections[version.strip()] = report.strip()
    sections[python] = text.strip()
    versions = sorted(sections, key=lambda version: (version != MAIN, [int(part) for part in version.split(".")]))
    put(page, "\n\n".join(f"{_HEADING}{version}\n\n{sections[version]}" for version in versions), "reports")


def _parts(page: Path, name: str) -> tuple[str, str, str, str, str]:
    before, begin, rest = page.read_text(encoding="utf-8").partition(f"<!-- {name} -->")
    inside, end, after = rest.partition(f"<!-- end of the {name} -->")
    if not begin or not end:
        raise ValueError(f"{page.name} has no place for the {name}: put <!-- {name} --> and its end where it belongs")
    return before, begin, inside, end, after
