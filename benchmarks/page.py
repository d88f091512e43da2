"""Puts reports into docs/performance.md: one for each Python, beneath a heading of its own, between two marks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_BEGIN, _END = "<!-- reports -->", "<!-- end of the reports -->"
_HEADING = "### Python "
MAIN = "3.11"  # whose report is told in full, and stands first


def publish(page: Path, python: str, text: str) -> None:
    """Put the report of one Python in the place of its last one; those of others stay.

    Raises:
        ValueError: the page has no place for reports.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    inside, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"{page.name} has no {_BEGIN!r} or no {_END!r}: put both where the reports belong")
    sections = {}
    for section in re.split(rf"^{_HEADING}", inside, flags=re.MULTILINE)[1:]:
        version, _, report = section.partition("\n")
        sections[version.strip()] = report.strip()
    sections[python] = text.strip()
    versions = sorted(sections, key=lambda version: (version != MAIN, [int(part) for part in version.split(".")]))
    reports = "".join(f"{_HEADING}{version}\n\n{sections[version]}\n\n" for version in versions)
    page.write_text(f"{before}{begin}\n\n{reports}{end}{after}", encoding="utf-8")
