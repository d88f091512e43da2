"""When a process forks and when it ends: nothing that was finished is lost, and the end waits only so long.

Covers the interpreter's ordinary end (also after an uncaught exception and ``sys.exit``), ``os.fork``, and the two ways in
which Python code leaves at once: ``os._exit``, by which the children of ``multiprocessing`` end, and ``os.exec*``.  Not
covered: a process that is killed.
"""

from __future__ import annotations

import os

from autotrace.trace import ids
from autotrace.trace.context import get_current
from autotrace.trace.tracer import tracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autotrace.pipeline.worker import Worker


def survive_forks(worker: Worker) -> None:
    """Begin anew in each forked child.

    The child has new ids, an empty buffer and a worker of its own.  The spans that were open around the fork are the
    parent's to deliver; in the child they go on being parents, and when they end there nobody is told.
    """

    def begin_anew() -> None:
        ids.reseed()
        worker.forget()
        span = get_current()
        while span is not None:
            span.end = span.end or tracer.clock()
            span = span.previous

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=begin_anew)


def leaving(worker: Worker, timeout: float) -> Callable[[Any, str], Any]:
    """Deliver what is there before a function that may not come back is called.

    Args:
        worker: the process's worker.
        timeout: the most to wait, in seconds.

    Returns:
        What a ``Patch`` wraps with.
    """

    def wrap(original: Any, _scope: str) -> Any:
        def last(*args: Any, **kwargs: Any) -> Any:
            worker.flush(timeout)
            return original(*args, **kwargs)

        return last

    return wrap
