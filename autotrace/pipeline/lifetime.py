"""When a process forks and when it ends: nothing that was finished is lost, and the end waits only so long.

Covers the interpreter's ordinary end (also after an uncaught exception and ``sys.exit``) and ``os.fork``.  Not covered
here: a process that is killed, or that leaves by ``os._exit``.
"""

from __future__ import annotations

import atexit
import os

from autotrace.trace import ids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.pipeline.worker import Worker


def watch(worker: Worker, exit_timeout: float) -> None:
    """Flush at the end of the process, begin anew in each forked child.

    Args:
        worker: the process's worker.
        exit_timeout: the most that the end may wait, in seconds.
    """
    atexit.register(worker.flush, exit_timeout)

    def begin_anew() -> None:
        ids.reseed()
        worker.forget()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=begin_anew)
