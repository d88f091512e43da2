"""The family of running elsewhere: it makes no spans, it lets the current one travel.

What a thread is started for, and what is handed to a pool, has the parent that was current where it was handed over.  The
threads of a pool themselves inherit nothing: the request in which one happened to be started is not the next one's parent.
Tasks need nothing of us, they copy the context on their own.

What goes to another process, or another interpreter of this one, is in ``processes``.  Not handled: threads that are
started below the module that is patched.
"""

from __future__ import annotations

from contextvars import Context
from functools import partial

from autotrace.faults import fault
from autotrace.patching import argument, with_argument
from autotrace.patching.wrapping import after, around, before
from autotrace.trace.context import get_current, set_current
from autotrace.trace.failure import hiding_frame
from autotrace.trace.generators import rightful
from autotrace.trace.inheriting import start_inheriting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.trace.span import Span


def _only(span: Span) -> Context:
    """Return a context in which a span is current, and nothing else is set."""
    context = Context()
    context.run(set_current, span)
    context.run(start_inheriting, span)
    return context


class Carried:
    """A callable together with the span, or the absence of one, that is current while it runs.

    Looks like the callable, for whoever prints or inspects what waits in a queue.
    """

    __slots__ = ("_function", "_span")

    def __init__(self, function: Call, span: Span | None) -> None:
        self._function = function
        self._span = span

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Run the callable; afterwards the thread is as it was before."""
        before = get_current()
        set_current(self._span)
        try:
            with hiding_frame:
                return self._function(*args, **kwargs)
        finally:
            set_current(before)

    def __reduce__(self) -> Any:
        """Pickle the callable alone: a span does not go that way, and who unpickles it may not have us."""
        return partial, (self._function,)

    def __repr__(self) -> str:
        return repr(self._function)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._function, name)


class CarriedAwaitable:
    """An awaitable together with the span that is current while somebody else awaits it, in a context of theirs."""

    __slots__ = ("_awaitable", "_span")

    def __init__(self, awaitable: Any, span: Span) -> None:
        self._awaitable = awaitable
        self._span = span

    def __await__(self) -> Generator[Any, Any, Any]:
        """Await it; afterwards the context is as it was before."""
        before = get_current()
        set_current(self._span)
        try:
            with hiding_frame:
                return (yield from self._awaitable.__await__())
        finally:
            set_current(before)


def carry(
    index: int,
    name: str = "",
    *,
    isolated: bool = False,
    absence: bool = True,
    carried: type[Carried] = Carried,
    own: str = "",
) -> Wrap:
    """Trace a function that is given a callable to be run later, in a thread that runs others too.

    Args:
        index: where the callable stands among the positional arguments, the receiver included.
        name: its name, where it may also be given by that.
        isolated: the function may start threads, which inherit nothing.
        absence: where no span is current, none shall be while the callable runs, whatever ran there before.
        carried: in what the callable travels.
        own: how the names of modules begin whose functions are the library's own, and are left alone.
    """

    def enter(args: Args, kwargs: Kwargs) -> tuple[Span | None, Args]:
        current = get_current()
        span = rightful(current)
        if span is not None or absence:
            function = argument(args, kwargs, index, name)
            if callable(function) and not (own and _module(function).startswith(own)):
                args = with_argument(args, kwargs, index, name, carried(function, span))
        if not isolated or current is None:
            return None, args
        set_current(None)
        return current, args

    def leave(current: Span, result: Any) -> Any:
        set_current(current)
        return result

    return around(enter, leave, leave, awaited=None)


def _module(function: Any) -> str:
    """Return the name of the module that a callable is from, also where arguments are bound to it."""
    function = getattr(function, "func", function)
    return str(getattr(function, "__module__", None) or type(function).__module__)


def carry_awaitable() -> Wrap:
    """Trace a function whose first argument is awaited elsewhere, in a context that does not see changes made here."""

    def look(args: Args, _kwargs: Kwargs) -> Args | None:
        span = rightful(get_current())
        return (CarriedAwaitable(args[0], span), *args[1:]) if span is not None and args else None

    return before(look)


def isolate() -> Wrap:
    """Trace a function that starts threads of a library's own, which serve everybody: they inherit nothing."""

    def enter(args: Args, _kwargs: Kwargs) -> tuple[tuple[Span | None], Args]:
        span = get_current()
        set_current(None)
        return (span,), args

    def leave(span: tuple[Span | None], result: Any) -> Any:
        set_current(*span)
        return result

    return around(enter, leave, leave)


def inherit(greenlet: Any) -> None:
    """Let a greenlet that has not run yet inherit the current span, and nothing else, unless it has a context already."""
    try:
        span = rightful(get_current())
        if span is not None and greenlet.gr_context is None:
            greenlet.gr_context = _only(span)
    except Exception:
        fault("greenlet")


def make_greenlet(greenlet_of: Callable[[Args, Any], Any]) -> Wrap:
    """Trace a function that makes a greenlet, which inherits the current span.

    Args:
        greenlet_of: returns the greenlet, from the arguments and the result.
    """

    def look(args: Args, _kwargs: Kwargs, result: Any) -> Any:
        inherit(greenlet_of(args, result))
        return result

    return after(look)


def start_thread() -> Wrap:
    """Trace a function that runs its first argument in a thread of its own, which inherits the current span.

    The thread's whole life runs in a context of its own that holds nothing but the span: no frame of ours is on its stack,
    and it keeps one span alive for as long as it runs.
    """

    def look(args: Args, _kwargs: Kwargs) -> Args | None:
        span = rightful(get_current())
        return (partial(_only(span).run, args[0]), *args[1:]) if span is not None and args else None

    return before(look)
