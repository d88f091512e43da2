"""What every description ends with: the status, and the type of what the operation failed of."""

from __future__ import annotations

from autotrace.trace.span import ERROR, UNSET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.trace.failure import Failure
    from autotrace.trace.span import Attributes, Description


def ended(name: str, attributes: Attributes, failure: Failure | None) -> Description:
    """Return the whole description: with status and ``error.type`` where the operation failed."""
    if failure is None:
        return name, attributes, UNSET, ""
    attributes["error.type"] = failure.type
    return name, attributes, ERROR, failure.message
