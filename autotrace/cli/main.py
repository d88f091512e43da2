"""The commands: what was asked for is read, found by its name, and run; this is messages and exit codes.

Exit codes: 0 done, 1 what was asked for is not there or cannot be read, 2 asked wrongly.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from importlib import import_module

from autotrace.cli import plain
from autotrace.cli.common import CommandError
from autotrace.terminal import clean_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.cli.table import Command

_COMPLETING = "_AUTOTRACE_COMPLETE"  # a shell asks click what could follow


def main(arguments: list[str]) -> int:
    """Run a command; return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name that the terminal cannot show must not end the picture
            stream.reconfigure(errors="replace")
    asked = None if _COMPLETING in os.environ else plain.read(arguments)
    if asked is not None:
        return _run(*asked)
    from autotrace.cli import clicked

    found = clicked.read(arguments)
    sys.stdout.flush()
    return found if isinstance(found, int) else _run(*found)


def _run(command: Command, values: dict[str, Any]) -> int:
    module, _, name = command.function.partition(":")
    function = getattr(import_module(module), name)
    if command.passed_on:
        return int(function(list(values[command.passed_on])))
    try:
        function(**values)
        sys.stdout.flush()
    except CommandError as error:
        sys.stderr.write(f"Error: {clean_lines(str(error))}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\n")  # behind the terminal's ^C
        return 130
    except sqlite3.Error as error:
        sys.stderr.write(f"autotrace: the store of traces failed: {clean_lines(str(error))}\n")
        return 1
    return 0
