"""Reaching an application that a server keeps: in an attribute, as a function's result, as an argument.

What the program can see of it afterwards is a proxy: ``isinstance``, attributes, signature and equality are the
application's.  Only ``is`` and ``type`` tell the difference.  What only a server's own connections see is plainer.
"""

from __future__ import annotations

from functools import partial

from autotrace.families.http import asgi, wsgi
from autotrace.patching import argument as argument_
from autotrace.patching import with_argument
from autotrace.patching.wrapping import after, before
from autotrace.trace.failure import hiding_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.patching import Args, Call, Kwargs, Wrap


def kept(name: str, traced: Wrap) -> Wrap:
    """Trace the application that an object keeps as its attribute ``name`` once the patched method has run."""

    def wrap(original: Call, scope: str) -> Call:
        def change(args: Args, _kwargs: Kwargs, result: Any) -> Any:
            setattr(args[0], name, _proxy(getattr(args[0], name), traced, scope))
            return result

        return after(change)(original, scope)

    return wrap


def called(name: str) -> Wrap:
    """Trace the ASGI application that each connection keeps as its attribute ``name`` once the patched method has run."""

    def wrap(original: Call, scope: str) -> Call:
        traced = asgi.by_call(scope)

        def change(args: Args, _kwargs: Kwargs, result: Any) -> Any:
            setattr(args[0], name, partial(traced, getattr(args[0], name)))
            return result

        return after(change)(original, scope)

    return wrap


def returned(traced: Wrap) -> Wrap:
    """Trace the application that the patched function returns."""

    def wrap(original: Call, scope: str) -> Call:
        return after(lambda _args, _kwargs, result: _proxy(result, traced, scope))(original, scope)

    return wrap


def carried(name: str) -> Wrap:
    """Carry the span that is current while the patched method runs to the object's own method ``name``, in any thread."""

    def change(args: Args, _kwargs: Kwargs, result: Any) -> Any:
        setattr(args[0], name, asgi.carried(getattr(args[0], name)))
        return result

    return after(change)


def argument(index: int, name: str, traced: Wrap) -> Wrap:
    """Trace the application that is given to the patched function at a position, or by name."""

    def wrap(original: Call, scope: str) -> Call:
        def look(args: Args, kwargs: Kwargs) -> Args | None:
            application = argument_(args, kwargs, index, name)
            if application is None:
                return None
            return with_argument(args, kwargs, index, name, traced(application, scope))

        return before(look)(original, scope)

    return wrap


def either(original: Call, scope: str) -> Call:
    """Trace an application of which only the call tells whether it is WSGI or ASGI; for a server's boundary."""
    by_number = {
        2: wsgi.application(outermost=True)(original, scope),
        3: asgi.bare(original, scope),
    }

    def traced(*args: Any, **kwargs: Any) -> Any:
        with hiding_frame:
            return by_number.get(len(args), original)(*args, **kwargs)

    return traced


def _proxy(application: Any, traced: Wrap, scope: str) -> Any:
    from autotrace.patching.proxy import standing_for

    made = traced(application, scope)

    def through(_bound: Call, _instance: Any, args: Args, kwargs: Kwargs) -> Any:
        with hiding_frame:
            return made(*args, **kwargs)

    return standing_for(application, through)
