"""Messages that are handled until they are settled, at the latest: those that a program asked for one by one."""

from __future__ import annotations

from autotrace.families.messaging.consuming import unsettled
from autotrace.faults import fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.messaging.consuming import Handling


def until_settled(handling: Handling, channel: Any, tag: int) -> None:
    """Let what a consumer is at end when it is settled, at the latest; whoever calls stands behind the wall."""
    span = handling.span
    if span is not None:
        span.noted()["until"] = id(channel), tag
        unsettled.add(handling)


def settled(channel: Any, tag: int, multiple: bool) -> None:
    """End what lasts until it is settled; never raises.

    Args:
        channel: by which it came, and is settled.
        tag: of the message that has been settled; 0 is every message.
        multiple: those with smaller tags have been, too.
    """
    try:
        for handling in tuple(unsettled):
            span = handling.span
            until = span.notes.get("until") if span is not None and span.notes is not None else None
            if until is None:
                unsettled.discard(handling)
            elif until[0] == id(channel) and (tag in (0, until[1]) or (multiple and until[1] < tag)):
                unsettled.discard(handling)
                handling.put_down()
    except Exception:
        fault("messaging")
