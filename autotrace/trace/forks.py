"""What is done anew in a forked child: each part that holds what is the parent's says so here.

Python tells of a fork, unless what it is embedded in forks in C and tells nobody, as uWSGI does.  Then the process's number
tells, which is looked at where a trace begins.
"""

from __future__ import annotations

import os
from _thread import allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

process = os.getpid()  # in which the parts have begun
_ways: list[Callable[[], object]] = []
_beginning = allocate_lock()
_PATIENCE = 1.0  # s; a thread that is not there in the child may have held it


def in_child(way: Callable[[], object]) -> None:
    """Have a function called in each forked child, before the first trace that begins there."""
    if not _ways and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=begin)
    _ways.append(way)


def begin() -> None:
    """Begin anew in this process, once, whichever of its threads comes first; the others wait until that is done."""
    global process
    locked = _beginning.acquire(timeout=_PATIENCE)
    try:
        here = os.getpid()
        if here != process:
            for way in _ways:
                way()
            process = here
    finally:
        if locked:
            _beginning.release()
