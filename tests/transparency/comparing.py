"""What two runs of a test suite say about the same tests.

A test is known by its class and its name; numbers that differ from run to run (addresses of objects, ports) are blanked
out, and where two tests are then called the same they are counted one after the other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

_VARYING = re.compile(r"0x[0-9a-fA-F]+|(?<=:)[0-9]{4,5}\b")


@dataclass(frozen=True)
class Outcome:
    """How a test ended.

    Attributes:
        kind: ``passed``, ``failed``, ``error`` or ``skipped``.
        text: what pytest said of it.
    """

    kind: str
    text: str = ""


@dataclass
class Comparison:
    """What the runs of one library say.

    Attributes:
        tests: how many ran bare.
        passed: how many of them passed bare.
        unsteady: tests whose outcome differs between two bare runs, or differed once under autotrace and not again.
        differences: test to its outcomes, bare and traced.
        by_header: those of the differences that are gone where no header is added to what the program sends.
    """

    tests: int
    passed: int
    unsteady: set[str] = field(default_factory=set)
    differences: dict[str, tuple[Outcome, Outcome]] = field(default_factory=dict)
    by_header: set[str] = field(default_factory=set)

    @property
    def defects(self) -> set[str]:
        """Return the differences that are ours to mend."""
        return set(self.differences) - self.by_header

    def without_headers(self, run: dict[str, Outcome]) -> None:
        """Take note of a run under autotrace in which nothing was propagated."""
        self.by_header = {
            name for name, (without, _) in self.differences.items() if run.get(name, ABSENT).kind == without.kind
        }


ABSENT = Outcome("absent")
ENDS = "(the process ends)"
"""Called like a test: a thread that is left behind keeps a process from its end, ours as well as the suite's."""


def outcomes(xml: str) -> dict[str, Outcome]:
    """Read pytest's JUnit report; a test that passed and whose teardown failed is an error."""
    found: dict[str, Outcome] = {}
    seen: dict[str, int] = {}
    for case in ET.fromstring(xml).iter("testcase"):
        name = _VARYING.sub("N", f"{case.get('classname')}::{case.get('name')}")
        kinds = {child.tag: child.get("message") or child.text or "" for child in case}
        kind = next((kind for kind in ("error", "failure", "skipped") if kind in kinds), "")
        outcome = Outcome({"": "passed", "failure": "failed"}.get(kind, kind), kinds.get(kind, ""))
        if name in found and outcome.kind == "error":
            found[name] = outcome
            continue
        if name in found:
            seen[name] = seen.get(name, 1) + 1
            name = f"{name} #{seen[name]}"
        found[name] = outcome
    return found


def compare(bare: list[dict[str, Outcome]], traced: list[dict[str, Outcome]]) -> Comparison:
    """Compare test by test.

    Args:
        bare: two runs or more; the first is complete, later ones may be of some tests only.
        traced: one run or more; the first is complete.

    Returns:
        As differences what all bare runs agree in and all traced runs agree in differently.
    """
    first = bare[0]
    tests = [outcome.kind for name, outcome in first.items() if not name.endswith(ENDS)]
    result = Comparison(len(tests), tests.count("passed"))
    for name in sorted({*first, *traced[0]}):
        without = _seen(name, bare)
        with_us = _seen(name, traced)
        if len({outcome.kind for outcome in without}) > 1 or len({outcome.kind for outcome in with_us}) > 1:
            result.unsteady.add(name)
        elif without[0].kind != with_us[0].kind:
            result.differences[name] = without[0], with_us[0]
    return result


def _seen(name: str, runs: list[dict[str, Outcome]]) -> list[Outcome]:
    """Return the outcomes of a test; where it is in no later run, that run was not asked for it."""
    first, *later = runs
    return [first.get(name, ABSENT), *(run[name] for run in later if name in run)]
