"""What the facts of a span mean that the program names itself."""

from __future__ import annotations

from autotrace.trace.span import ERROR, UNSET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.trace.failure import Failure
    from autotrace.trace.span import Description, Facts


def describe(facts: Facts, _outcome: Facts | None, failure: Failure | None) -> Description:
    """Name the span as the program does, and tell its attributes; those that came later are in the extras."""
    name, attributes = facts
    if failure is not None:
        return str(name), {"error.type": failure.type, **attributes}, ERROR, failure.message
    return str(name), attributes, UNSET, ""
