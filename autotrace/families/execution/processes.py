"""The family of running in another process: the current span goes along.

There are three ways.  A program that is started gets it in its environment.  A process that ``multiprocessing`` starts anew
gets it with the data that prepare such a process, and all that runs there is beneath it.  Work for the processes of a pool
takes it along itself; the processes inherit nothing, since they serve everybody.  A forked process is a copy of its parent,
current span included, and needs nothing of us.

The interpreters of an ``InterpreterPoolExecutor`` are as a pool's processes.

Not handled: ``os.system``, ``os.spawn*``, ``os.posix_spawn`` and ``os.exec*``, which hand on the environment as it is, and
interpreters that the program makes and calls itself.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from types import FunctionType

from autotrace.families.execution.concurrency import Carried
from autotrace.patching import argument, with_argument
from autotrace.patching.wrapping import after, before
from autotrace.propagation import environment_fields, to_environment
from autotrace.trace.context import get_current
from autotrace.trace.generators import rightful
from autotrace.trace.tracer import tracer
from autotrace.trace.unrecorded import elsewhere, place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.trace.span import Span
    from autotrace.trace.unrecorded import Place

_KEY = "autotrace"  # among the data that prepare a process; one that is not traced does not look at it


def environment(index: int, name: str = "env") -> Wrap:
    """Trace a function that starts a program.

    Args:
        index: where the environment stands among the positional arguments, the receiver included.
        name: its name; where it is not given, or None, the program inherits that of this process.

    What the caller put into an environment of its own as context is left as it is.
    """

    def look(args: Args, kwargs: Kwargs) -> Args | None:
        span = rightful(get_current())
        return None if span is None else _with_environment(args, kwargs, index, name, span)

    return before(look, awaited=None)


def _with_environment(args: Args, kwargs: Kwargs, index: int, name: str, span: Span) -> Args:
    given: Mapping[Any, Any] | None = argument(args, kwargs, index, name)
    # `dict` alone would take pairs, too, of which the function that starts the program makes an error.
    environ = dict((os.environ if given is None else given).items())
    for field in environment_fields():
        # What this process was started with belongs to another place of the trace, or to another trace.
        for key, own in ((field, os.environ.get(field)), (os.fsencode(field), None)):
            value = environ.get(key)
            if value is None:
                continue
            if value != own:
                return args
            del environ[key]
    environ.update(to_environment(span))
    return with_argument(args, kwargs, index, name, environ)


def preparing() -> Wrap:
    """Trace the function that collects, in a dictionary, what a process needs to know before it runs."""

    def look(_args: Args, _kwargs: Kwargs, data: Any) -> Any:
        span = rightful(get_current()) or tracer.inherited
        if span is not None:
            data[_KEY] = place_of(span)
        return data

    return after(look)


def prepared() -> Wrap:
    """Trace the function that gets what ``preparing`` collected, in the process that was started."""

    def look(args: Args, _kwargs: Kwargs) -> None:
        place = args[0].get(_KEY)
        if place is not None:
            tracer.inherited = elsewhere(place)

    return before(look)


class Sent(Carried):
    """A callable and its span, on the way to another process."""

    __slots__ = ()

    def __reduce__(self) -> Any:
        """Pickle both, or the callable alone for a Python in which we may not be installed."""
        if self._span is None or not _same_python():
            return partial, (self._function,)
        return arrived, (self._function, place_of(self._span))


def arrived(function: Call, place: Place) -> Sent:
    """Return a callable that was sent from another process."""
    return Sent(function, elsewhere(place))


def _same_python() -> bool:
    spawning = sys.modules.get("multiprocessing.spawn")
    if type(spawning) is not type(sys):  # a stand-in loads it when it is used
        return True
    return os.fsencode(spawning.get_executable()) == os.fsencode(sys.executable)


def mapped() -> Wrap:
    """Trace the ``map`` of all pools: with a ``buffersize`` it hands work over when a result is taken, by whomever.

    Not handled: pools of interpreters, where that work is beneath whoever takes the result.
    """

    def look(args: Args, kwargs: Kwargs) -> Args | None:
        if kwargs.get("buffersize") is None or len(args) < 2:
            return None
        span = rightful(get_current())
        module = sys.modules.get("concurrent.futures.interpreter")
        if span is None or (module and isinstance(args[0], module.InterpreterPoolExecutor)):
            return None
        return (args[0], Sent(args[1], span), *args[2:])

    return before(look)


def to_interpreters() -> Wrap:
    """Trace the function that prepares a pool of interpreters: what it returns last makes a task of a call.

    The pool is one of threads, so that the callable comes in what carries it to a thread.  A function that cannot be found
    by its name does not travel with us: Python sends its code, as it could not if we stood around it.
    """

    def wrap(original: Call, scope: str) -> Call:
        def look(_args: Args, _kwargs: Kwargs, made: Any) -> Any:
            *others, resolve = made
            return *others, before(_sending)(resolve, scope)

        return after(look)(original, scope)

    return wrap


def _sending(args: Args, _kwargs: Kwargs) -> Args | None:
    return (sent(args[0]), *args[1:]) if isinstance(args[0], Carried) else None


def sent(carried: Carried) -> Any:
    """Return what goes to another interpreter instead of a callable that is carried."""
    function, span = carried._function, carried._span  # noqa: SLF001 - whatever else it has is the callable's
    found: Any = function
    if isinstance(function, FunctionType):
        found = sys.modules.get(function.__module__)
        for name in function.__qualname__.split("."):
            found = getattr(found, name, None)
    return function if span is None or found is not function else Sent(function, span)
