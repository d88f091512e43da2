"""What the facts of a console command mean: semantic conventions 1.44, "Spans for CLI programs", callee.

Facts are said in ``families.console``.  Arguments are not told: they may be secret.
"""

from __future__ import annotations

from autotrace.conventions.ends import ended

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.trace.failure import Failure
    from autotrace.trace.span import Attributes, Description, Facts


def describe(facts: Facts, _outcome: Facts | None, failure: Failure | None) -> Description:
    """Name the span as the command is typed."""
    program, command, function = facts
    attributes: Attributes = {"code.function.name": function}
    return ended(f"{program} {command}" if program else command, attributes, failure)
