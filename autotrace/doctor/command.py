"""The command: its options and its exit code."""

from __future__ import annotations

import json
import sys

from autotrace.doctor.examine import examine
from autotrace.doctor.telling import Text, document
from autotrace.terminal import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    Fact = tuple[str, Any]

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
    facts = examine(options)
    try:
        return _print_document(facts) if as_json else _print_text(facts)
    finally:
        facts.close()  # also where nobody reads on: what was started has to end


def _print_document(facts: Iterable[Fact]) -> int:
    found = document(facts)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    return 1 if found["problems"] else 0


def _print_text(facts: Iterable[Fact]) -> int:
    text = Text()
    for fact in facts:
        _print(text.lines(*fact))
    _print(text.rest())
    return 1 if text.problems else 0


def _print(lines: Iterable[str]) -> None:
    """Print lines at once: the next may take a moment."""
    for line in lines:
        sys.stdout.write(f"{clean(line)}\n")
        sys.stdout.flush()
