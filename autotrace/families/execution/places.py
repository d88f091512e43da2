"""Where something runs: a task, a greenlet or a thread; and spans that are current somewhere although they are over.

What ends in another place than it was made current in cannot be put back there: there it is stale, and passed over.  Where
its context was handed over to (a pool, a task, a callback) it is not stale, but the parent of what is done for it.
"""

from __future__ import annotations

from _thread import _local

from autotrace.trace.tasks import current_task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any
    from weakref import ref

    from autotrace.trace.span import Span

_STALE = "stale"  # a span's note: a reference to where it is passed over
_threads = _local()
_within: Callable[[], Any] | None = None


class _Thread:
    """Stands for the thread that made it, for as long as that lives: the numbers of threads are used again."""

    __slots__ = ("__weakref__",)


def several(current: Callable[[], Any]) -> None:
    """Say how to learn which of several things runs that share a thread and have contexts of their own: greenlets."""
    global _within
    _within = current


def here() -> Any:
    """Return what runs here, among all that have a context of their own; it is the same object each time."""
    task = current_task()
    if task is not None:
        return task
    if _within is not None:
        return _within()
    try:
        return _threads.own
    except AttributeError:
        own = _threads.own = _Thread()
        return own


def leave_stale(span: Span, place: ref[Any]) -> None:
    """Let a span that ends be passed over in a place, where it may still be current."""
    span.noted()[_STALE] = place


def revive(span: Span) -> None:
    """Let a span be passed over no more."""
    if span.notes is not None:
        span.notes.pop(_STALE, None)


def live(span: Span | None) -> Span | None:
    """Return the first span that is not stale here, of those below.

    A consumer may be pulled from in one thread and closed in another: in the first one its last span is still current.
    """
    while span is not None and span.notes is not None:
        place = span.notes.get(_STALE)
        if place is None or place() is not here():
            break
        span = span.previous
    return span
