"""Which task of asyncio runs here."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MODULE = type(sys)


def current_task() -> Any:
    """Return the asyncio task that runs here, or None; asyncio is not imported for that, and never raises here."""
    asyncio = sys.modules.get("asyncio")
    if type(asyncio) is not _MODULE:  # a stand-in for it, such as one that loads it when it is used, has no task
        return None
    try:
        # PERF: asking for the task where no loop runs is answered by an exception.
        return asyncio.current_task() if asyncio._get_running_loop() is not None else None  # noqa: SLF001
    except (AttributeError, RuntimeError):  # it is only being imported
        return None
