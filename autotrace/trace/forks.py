"""What is done anew in a forked child: each part that holds what is the parent's says so here.

Python tells of a fork, unless what it is embedded in forks in C and tells nobody, as uWSGI does.  Then it is noticed where
a trace begins: by a page of memory that the kernel empties in a child (madvise(2), MADV_WIPEONFORK).
"""

from __future__ import annotations

import os
from _thread import allocate_lock

from autotrace import diagnostics

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_WIPED = 18  # MADV_WIPEONFORK, for which Python has no name
_PATIENCE = 1.0  # s; a thread that is not there in the child may have held the lock

process = os.getpid()  # in which the parts have begun
# PERF: 0 at its place 0 means that this is another process; looking costs a tenth of asking the kernel for its number.
mark: Any = b"\1"
_ways: list[Callable[[], object]] = []
_endings: list[Callable[[], object]] = []
_beginning = allocate_lock()


class _Number:
    """The mark where no page can be had."""

    def __getitem__(self, _place: int) -> bool:
        return os.getpid() == process


def in_child(way: Callable[[], object]) -> None:
    """Have a function called in each forked child, before the first trace that begins there."""
    if not _ways and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_forked)
    _ways.append(way)


def until_the_end(ending: Callable[[], object], forget: Callable[[], object]) -> None:
    """Have a function called when the process ends, and another in each forked child; once, however often it is said."""
    if ending not in _endings:
        import atexit

        _endings.append(ending)
        atexit.register(ending)
        in_child(forget)


def watch() -> None:
    """Set the mark, once there is anything that a child must not go on with; until then nothing is set up."""
    global mark
    if type(mark) is not bytes:
        return
    try:
        from mmap import MAP_ANONYMOUS, MAP_PRIVATE, PAGESIZE, mmap

        page = mmap(-1, PAGESIZE, MAP_PRIVATE | MAP_ANONYMOUS)
        page.madvise(_WIPED)
        page[0] = 1
        mark = page
    except (AttributeError, ImportError, OSError, ValueError):
        mark = _Number()


def begin() -> None:
    """Begin anew where this is another process, once, whichever thread comes first; the others wait until that is done."""
    global process
    locked = _beginning.acquire(timeout=_PATIENCE)
    try:
        here = os.getpid()
        if here == process:
            return
        for way in _ways:
            try:
                way()
            except Exception as error:
                diagnostics.debug(f"{way} failed in a forked child: {error!r}")
        process = here
        if type(mark) not in (bytes, _Number):
            mark[0] = 1
    finally:
        if locked:
            _beginning.release()


def _forked() -> None:
    """Begin anew where Python tells of the fork: there is one thread, and whoever held the lock is gone."""
    global _beginning
    _beginning = allocate_lock()
    begin()
