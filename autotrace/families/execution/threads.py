"""The family of running elsewhere, for threads that have a context of their own: those of Python 3.14 and later.

Such a thread runs in the context that the program gave it, or else in one that ``Thread.start`` makes: an empty one, or,
where ``sys.flags.thread_inherit_context`` says so, as in a free-threaded Python, a copy of the caller's.
"""

from __future__ import annotations

import sys
from contextvars import Context, copy_context

from autotrace.patching.wrapping import before
from autotrace.trace.context import get_current, set_current
from autotrace.trace.generators import rightful
from autotrace.trace.inheriting import start_inheriting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.patching import Args, Kwargs, Wrap


def start_in_context() -> Wrap:
    """Trace ``Thread.start``: the context that it would make is made here, with the current span in it.

    All else in it is as it would have been.  One that the program gave is left alone: what is current in it counts.
    """
    copying = getattr(sys.flags, "thread_inherit_context", 0)

    def look(args: Args, _kwargs: Kwargs) -> None:
        span = rightful(get_current())
        # A thread without the attribute is one whose class forgot `__init__`: `start` tells it.
        if (span is not None or copying) and args and getattr(args[0], "_context", args) is None:
            context = copy_context() if copying else Context()
            context.run(set_current, span)
            if span is not None:
                context.run(start_inheriting, span)
            args[0]._context = context  # noqa: SLF001 - where `start` looks for it

    return before(look)


def let_go() -> Wrap:
    """Trace what ends a thread: the program may keep its thread, but that keeps no span alive."""

    def look(args: Args, _kwargs: Kwargs) -> None:
        if args[0]._context is not None:  # noqa: SLF001 - the one that `start` made, or we
            args[0]._context = Context()  # noqa: SLF001 - not emptied: it may be the program's

    return before(look)
