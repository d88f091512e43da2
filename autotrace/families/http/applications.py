"""Reaching an application that a server keeps: in an attribute, as a function's result, as an argument.

What the program can see of it afterwards is a proxy: ``isinstance``, attributes, signature and equality are the
application's.  Only ``is`` and ``type`` tell the difference.
"""

from __future__ import annotations

from autotrace.families.http import asgi, wsgi
from autotrace.faults import fault
from autotrace.patching import argument as argument_
from autotrace.patching import with_argument
from autotrace.trace.failure import hide_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autotrace.patching import Args, Call, Kwargs, Wrap

    Change = Callable[[Args, Any, str], Any]


def kept(name: str, traced: Wrap) -> Wrap:
    """Trace the application that an object keeps as its attribute ``name`` once the patched method has run."""

    def change(args: Args, result: Any, scope: str) -> Any:
        setattr(args[0], name, _proxy(getattr(args[0], name), traced, scope))
        return result

    return _after(change)


def returned(traced: Wrap) -> Wrap:
    """Trace the application that the patched function returns."""
    return _after(lambda _args, result, scope: _proxy(result, traced, scope))


def carried(name: str) -> Wrap:
    """Carry the span that is current while the patched method runs to the object's own method ``name``, in any thread."""

    def change(args: Args, result: Any, _scope: str) -> Any:
        setattr(args[0], name, asgi.carried(getattr(args[0], name)))
        return result

    return _after(change)


def _after(change: Change) -> Wrap:
    """Do something with the receiver or the result of a call; nothing where the call fails."""

    def wrap(original: Call, scope: str) -> Call:
        def changing(*args: Any, **kwargs: Any) -> Any:
            try:
                result = original(*args, **kwargs)
            except BaseException as error:
                hide_frame(error)
                raise
            try:
                return change(args, result, scope)
            except Exception:
                fault(scope)
            return result

        return changing

    return wrap


def argument(index: int, name: str, traced: Wrap) -> Wrap:
    """Trace the application that is given to the patched function at a position, or by name."""

    def wrap(original: Call, scope: str) -> Call:
        def given(*args: Any, **kwargs: Any) -> Any:
            passed = args
            try:
                application = argument_(args, kwargs, index, name)
                if application is not None:
                    passed = with_argument(args, kwargs, index, name, traced(application, scope))
            except Exception:
                fault(scope)
            try:
                return original(*passed, **kwargs)
            except BaseException as error:
                hide_frame(error)
                raise

        return given

    return wrap


def either(original: Call, scope: str) -> Call:
    """Trace an application of which only the call tells whether it is WSGI or ASGI; for a server's boundary."""
    by_number = {
        2: wsgi.application(outermost=True)(original, scope),
        3: asgi.bare(original, scope),
    }

    def traced(*args: Any, **kwargs: Any) -> Any:
        try:
            return by_number.get(len(args), original)(*args, **kwargs)
        except BaseException as error:
            hide_frame(error)
            raise

    return traced


def _proxy(application: Any, traced: Wrap, scope: str) -> Any:
    from autotrace.patching.proxy import TracedCallable

    made = traced(application, scope)

    def through(_bound: Call, _instance: Any, args: Args, kwargs: Kwargs) -> Any:
        try:
            return made(*args, **kwargs)
        except BaseException as error:
            hide_frame(error)
            raise

    return TracedCallable(application, through)
