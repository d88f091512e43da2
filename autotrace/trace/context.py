"""The one context variable: the span that is current here.

A task, a ``contextvars.Context`` and a thread each have their own value.  Values are put back by value, never by token:
a span that ends in another task than it began in disturbs nobody.  Each is set to its default in the context that the
program begins in: who compares what is in a context later finds no variable more.

Up to Python 3.11 the garbage collector may run in the middle of ``ContextVar.set``, the program's or ours.  If what it
finalizes sets a variable then, in the same context, the interpreter goes on with freed memory
(https://github.com/python/cpython/issues/148891).  A finalizer that never touched a context variable would do so by being
traced: a pool of connections empties a queue when it is collected.  So there nothing of ours is set in a thread that is
collecting; a span that is made meanwhile is delivered, and is nobody's parent.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from autotrace.trace.span import Span

    T = TypeVar("T")

_collecting = 0  # the identity of the thread that is collecting garbage


if sys.version_info >= (3, 12):  # the collector only runs between two instructions of Python code

    def setter(variable: ContextVar[T]) -> Callable[[T], object]:
        """Return what sets a context variable; all of ours are set by it."""
        variable.set(variable.get())
        return variable.set

else:
    import gc
    from _thread import get_ident

    def setter(variable: ContextVar[T]) -> Callable[[T], object]:
        """Return what sets a context variable, and leaves it alone in a thread that is collecting garbage."""
        write = variable.set
        write(variable.get())
        # Nobody who calls it is prepared for a failure; like ``set`` itself, this cannot fail.
        return lambda value: write(value) if not _collecting or _collecting != get_ident() else None

    def _collects(phase: str, _info: Any) -> None:
        global _collecting
        _collecting = get_ident() if phase == "start" else 0

    gc.callbacks.append(_collects)

_current: ContextVar[Span | None] = ContextVar("autotrace", default=None)

get_current = _current.get
set_current = setter(_current)
