"""The family of console commands: one span for what a program was started for, or for a command that it calls itself.

A command beneath another one belongs to that.  A server is no such command, nor is a shell: what happens there is not done
for the command.
"""

from __future__ import annotations

from autotrace.conventions.console import describe
from autotrace.families.calls import Calls
from autotrace.families.http.http_server import name_of
from autotrace.trace.span import INTERNAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Optional

    from autotrace.families.calls import Prepared
    from autotrace.patching import Args, Kwargs, Wrap

    # the program as it is typed (empty: it was not), the command, and the function or class that it is
    CommandOf = Callable[[Args, Kwargs], Optional[tuple[str, str, Any]]]

FAMILY = "console"
_calls = Calls(FAMILY, INTERNAL, describe)


def command(command_of: CommandOf) -> Wrap:
    """Trace a function that runs a command.

    Args:
        command_of: see CommandOf; None means that it is not traced.
    """

    def before(args: Args, kwargs: Kwargs) -> Prepared | None:
        found = command_of(args, kwargs)
        if found is None:
            return None
        program, name, function = found
        return (program, name, ".".join(name_of(function))), None, args

    return _calls.call(before, lambda _result: None)
