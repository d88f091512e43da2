"""Whether a thread or a task has a span of its own, or only inherits the one that is current in it.

Who only inherits may be a worker that serves everybody and happened to be started beneath somebody's request; what it does
next may be done for somebody else.  A span is one's own in the task that started it, and inherited:

- in a thread from its start, and wherever it was taken over from whoever put a piece of work into a queue;
- in a task that nobody waits for, if another task is known to have started the span;
- anywhere else once it has ended.

Somebody who waits (``gather``, a group of tasks, ``to_thread``) is served by a part of the same work: until the span has
ended, that part has it as its own.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar

from autotrace.trace.context import setter
from autotrace.trace.tasks import current_task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Union

    from autotrace.trace.span import Span

    # the span that is inherited; the identities of a queue and of what was last taken out of it and not put back;
    # where that was done by somebody who went on with what he was doing, a reference to it, or his span.  A list where
    # something was taken, which is written to when that is put back.
    Standing = Union[tuple["Span | None", int, int, Any], list[Any]]

NOWHERE: Standing = (None, 0, 0, None)
_LETTING_GO = ("discard", "remove")  # what a program that waits for nobody adds as a callback

_standing: ContextVar[Standing] = ContextVar("autotrace_standing", default=NOWHERE)

standing = _standing.get
stand = setter(_standing)


def start_inheriting(span: Span) -> None:
    """Say in a thread's first context that its current span is inherited."""
    stand((span, 0, 0, None))


def own(span: Span) -> None:
    """Note in which task a span was started; called where that is likely to be in one."""
    task = current_task()
    if task is not None:
        span.task = id(task)


def only_inherits(current: Span | None) -> bool:
    """Tell whether what is current here is nobody's own here; where nothing is current, whether that can change.

    The main thread, and a task that is waited for, go on with what they do when they have got something.
    """
    if current is None:
        task = current_task()
        return _is_loose(task) if task is not None else not _in_main_thread()
    if standing()[0] is current:
        return True
    owner = getattr(current, "task", 0)
    if not owner:
        return bool(current.end)
    task = current_task()
    if task is not None and owner == id(task):
        return False
    return bool(current.end) or (task is not None and _is_loose(task))


def _is_loose(task: Any) -> bool:
    """Tell whether nobody waits for a task: at most a set of tasks wants to be told of its end."""
    return all(
        getattr(callback, "__name__", "") in _LETTING_GO for callback, _ in getattr(task, "_callbacks", None) or ()
    )


def _in_main_thread() -> bool:
    threading = sys.modules.get("threading")
    if threading is None:
        return True
    return bool(threading.get_ident() == threading.main_thread().ident)
