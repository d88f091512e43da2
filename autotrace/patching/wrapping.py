"""Code of ours before, after and around a function of the program's: the wall, written once.

Ours in ``try``, theirs bare, ours in ``try``.  The function is called exactly once; what it raises passes untouched, and
from Python 3.11 on without a frame of ours.  What fails on our side is counted, and the call goes through untraced.

Each of these makes a Wrap.  ``awaited`` says whether the function is a coroutine function; None: its code tells.

PERF: a wrapper that is made here costs a call more than one that is spelled out (27 ns).  The few that are spelled out
elsewhere are those of which that was measured to matter.  What is no function that could be wrapped has a ``with
hiding_frame`` (``trace.failure``) around the program's call.
"""

from __future__ import annotations

from autotrace.faults import fault
from autotrace.trace.context import get_current, set_current
from autotrace.trace.failure import hide_frame, hiding_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Optional

    from autotrace.patching.model import Args, Call, Kwargs, Wrap
    from autotrace.trace.span import Span

    # the arguments to call with, the keyword arguments apart; None: as they are
    Before = Callable[[Args, Kwargs], Optional[Args]]
    # what the caller gets, from the arguments and what the function returned
    After = Callable[[Args, Kwargs, Any], Any]
    # what the other two are given, None where they are not to be called; and the arguments to call with
    Enter = Callable[[Args, Kwargs], tuple[Any, Args]]
    # what the caller gets, from what Enter gave and what the function returned
    Leave = Callable[[Any, Any], Any]
    # is given the exception that passes
    Failed = Callable[[Any, BaseException], object]

_COROUTINE = 0x80  # inspect.CO_COROUTINE


def with_signature(wrap: Wrap) -> Wrap:
    """Let the replacement have the original's signature also for ``inspect.getfullargspec``, which does not look beneath it.

    It costs the import of ``inspect``: for what is known to be looked at.
    """

    def signed(original: Call, scope: str) -> Call:
        from inspect import signature

        made = wrap(original, scope)
        made.__signature__ = signature(original)  # type: ignore[attr-defined]
        return made

    return signed


def before(look: Before, awaited: bool | None = False) -> Wrap:
    """Look at the arguments of each call, and maybe replace them; they are the program's, and are not written to."""
    return _beside(look, None, awaited)


def after(look: After, awaited: bool | None = False) -> Wrap:
    """Look at what each call returned, which it must not consume, and say what the caller gets; not where a call fails."""
    return _beside(None, look, awaited)


def _beside(first: Before | None, last: After | None, awaited: bool | None) -> Wrap:
    def wrap(original: Call, scope: str) -> Call:
        def traced(*args: Any, **kwargs: Any) -> Any:
            if first is not None:
                try:
                    args = first(args, kwargs) or args
                except Exception:
                    fault(scope)
            try:
                # To what is written in C no names at all may be another thing than none.
                result = original(*args, **kwargs) if kwargs else original(*args)
            except BaseException as error:
                hide_frame(error)
                raise
            if last is not None:
                try:
                    return last(args, kwargs, result)
                except Exception:
                    fault(scope)
            return result

        async def traced_awaited(*args: Any, **kwargs: Any) -> Any:
            if first is not None:
                try:
                    args = first(args, kwargs) or args
                except Exception:
                    fault(scope)
            with hiding_frame:
                result = await original(*args, **kwargs)
            if last is not None:
                try:
                    return last(args, kwargs, result)
                except Exception:
                    fault(scope)
            return result

        return traced_awaited if is_awaited(original, awaited) else traced

    return wrap


def around(enter: Enter | None, leave: Leave, failed: Failed, awaited: bool | None = False) -> Wrap:
    """Do something at the beginning of each call, and something else at its end, by how it ends.

    Where one of these fails, what was current before the call is so again.  Without ``enter``, the other two are given the
    arguments.
    """
    if enter is None:
        enter = _arguments

    def wrap(original: Call, scope: str) -> Call:
        def traced(*args: Any, **kwargs: Any) -> Any:
            current, state = get_current(), None
            try:
                state, args = enter(args, kwargs)
            except Exception:
                fault(scope)
                set_current(current)
            try:
                result = original(*args, **kwargs)
            except BaseException as error:
                if state is not None:
                    _raised(failed, state, error, scope, current)
                hide_frame(error)
                raise
            if state is None:
                return result
            try:
                return leave(state, result)
            except Exception:
                fault(scope)
                set_current(current)
            return result

        async def traced_awaited(*args: Any, **kwargs: Any) -> Any:
            current, state = get_current(), None
            try:
                state, args = enter(args, kwargs)
            except Exception:
                fault(scope)
                set_current(current)
            try:
                result = await original(*args, **kwargs)
            except BaseException as error:
                if state is not None:
                    _raised(failed, state, error, scope, current)
                hide_frame(error)
                raise
            if state is None:
                return result
            try:
                return leave(state, result)
            except Exception:
                fault(scope)
                set_current(current)
            return result

        return traced_awaited if is_awaited(original, awaited) else traced

    return wrap


def _arguments(args: Args, _kwargs: Kwargs) -> tuple[Args, Args]:
    return args, args


def when_awaited(wrap: Wrap) -> Wrap:
    """Wrap what a plain function returns that is to be awaited, as a coroutine function beneath a decorator does.

    The function is called at once, so that what it refuses fails where it is called.

    Args:
        wrap: what a coroutine function is wrapped by; it is given the function's arguments, and ``_theirs``.
    """

    async def wait(*_args: Any, _theirs: Any, **_kwargs: Any) -> Any:
        with hiding_frame:
            return await _theirs

    def made(original: Call, scope: str) -> Call:
        traced = wrap(wait, scope)
        return after(lambda args, kwargs, theirs: traced(*args, _theirs=theirs, **kwargs))(original, scope)

    return made


def is_awaited(original: Call, awaited: bool | None) -> bool:
    """Tell whether a function is a coroutine function, where nobody says so by its code."""
    if awaited is not None:
        return awaited
    code = getattr(original, "__code__", None)
    return code is not None and bool(code.co_flags & _COROUTINE)


def _raised(failed: Failed, state: Any, error: BaseException, scope: str, current: Span | None) -> None:
    try:
        failed(state, error)
    except Exception:
        fault(scope)
        set_current(current)


def called_as(original: Call, made: Any) -> Call:
    """Give a function with parameters of its own the name by which Python 3.9 tells of a call that it does not take."""
    name = getattr(original, "__name__", made.__name__)
    made.__code__ = made.__code__.replace(co_name=name)
    return made  # type: ignore[no-any-return]
