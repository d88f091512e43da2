"""HTTP client libraries in which one call makes several attempts, each of which is a span.

Three shapes are served.  A function that makes attempts by calling itself: ``recursive``, and ``retried`` where the library
looks at how one went; ``again`` in the first one's stead for another library above.  A function that makes them in a loop:
``attempts`` around it, ``attempt`` where one begins, ``attempted`` where it is answered.  And a coroutine that makes them in
a loop: ``async_session`` around it all, ``async_attempt`` where an attempt begins, ``async_answer`` where it is answered.
"""

from __future__ import annotations

from sys import exc_info

from autotrace.families.calls import failed
from autotrace.families.http.http_client import FAMILY, begin, call, ends, open_span, operation, silent
from autotrace.families.http.http_resends import beside, end, made, start
from autotrace.faults import fault
from autotrace.patching import argument
from autotrace.patching.wrapping import around, before
from autotrace.trace.context import get_current, set_current
from autotrace.trace.failure import failure_of
from autotrace.trace.tracer import tracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autotrace.families.calls import After, Before
    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.trace.span import Operation, Span

_SEES = "_autotrace_sees_attempts"


def async_answer(response: After | None) -> Wrap:
    """End the current request with what the coroutine function returns, or fail it with what it raises.

    Args:
        response: returns the outcome, or None where the result is not the request's answer (yet); None where it never is.
    """

    def wrap(original: Call, scope: str) -> Call:
        def leave(_state: Any, result: Any) -> Any:
            if response is not None:
                _answered(response, result, scope)
            return result

        def raised(_state: Any, error: BaseException) -> None:
            _failed_here(error, scope)

        return around(None, leave, raised, awaited=True)(original, scope)

    return wrap


def async_attempt(request: Before) -> Wrap:
    """Begin a request where the coroutine begins; it stays current until ``async_answer`` or ``async_session`` ends it.

    Args:
        request: as for ``call``; the number of resends is counted here.
    """

    def wrap(original: Call, scope: str) -> Call:
        mine = operation(scope)

        def enter(args: Args, kwargs: Kwargs) -> tuple[bool, Args]:
            return True, _begin(mine, request, args, kwargs)

        def raised(_state: Any, error: BaseException) -> None:
            _failed_here(error, scope)

        return around(enter, lambda _state, result: result, raised, awaited=True)(original, scope)

    return wrap


def async_session(goes_on: Callable[[Args, Kwargs], bool] | None = None) -> Wrap:
    """Count the attempts that the coroutine makes, and end the one that is left open when it ends.

    A limit of time or the caller's cancelling reaches an attempt as ``CancelledError``; which of the two it was is known
    only here, where the library has turned it into what the program gets.

    Args:
        goes_on: tells whether it is called by itself for the same call of the program; by default it never is.
    """

    def wrap(original: Call, scope: str) -> Call:
        def enter(args: Args, kwargs: Kwargs) -> tuple[Any, Args]:
            return (get_current(), start(scope, goes_on, args, kwargs)), args

        def raised(state: Any, error: BaseException | None) -> None:
            before, outer = state
            end(outer, scope)
            _end_left(before, error, scope)

        def leave(state: Any, result: Any) -> Any:
            raised(state, None)
            return result

        return around(enter, leave, raised, awaited=True)(original, scope)

    return wrap


def attempted(response: After) -> Wrap:
    """Note what became of an attempt that another library makes, in case that it makes one more.

    Args:
        response: returns the outcome.
    """

    def wrap(original: Call, scope: str) -> Call:
        def leave(_state: Any, result: Any) -> Any:
            _note(response, result, None, scope)
            return result

        def raised(_state: Any, error: BaseException) -> None:
            _note(None, None, error, scope)

        return around(None, leave, raised)(original, scope)

    return wrap


def retried(place: int, response: After, *, mine: bool = False) -> Wrap:
    """See what became of an attempt, where the library is about to make one more, or to give up.

    Trace the function by which it decides that; where an attempt has failed, it is called in the handling of the error.

    Args:
        place: where among its arguments the answer is, also by the name ``response``; None where there is no answer.
        response: returns the outcome.
        mine: the attempt has a span of ``recursive``, which ends here; else that is noted for ``again``.
    """

    def wrap(original: Call, scope: str) -> Call:
        def look(args: Args, kwargs: Kwargs) -> None:
            answer = argument(args, kwargs, place, "response")
            error = exc_info()[1] if answer is None else None
            if not mine:
                _note(response, answer, error, scope)
            elif error is None:
                _answered(response, answer, scope)
            else:
                _failed_here(error, scope)

        return before(look)(original, scope)

    return wrap


def attempts(request: Before, response: After) -> Wrap:
    """Trace a function that makes attempts in a loop: the first one here, the others where ``attempt`` is.

    Args:
        request: as for ``call``.
        response: returns the outcome of the last one.
    """

    def wrap(original: Call, scope: str) -> Call:
        traced = call(request, response)(_answering(response)(original, scope), scope)

        def raised(state: tuple[Span | None], error: BaseException | None) -> None:
            _end_left(*state, error, scope)

        def leave(state: tuple[Span | None], result: Any) -> Any:
            raised(state, None)
            return result

        return around(lambda args, _kwargs: ((get_current(),), args), leave, raised)(traced, scope)

    return wrap


def attempt() -> Wrap:
    """Begin an attempt where the function begins; the first is the request that is current already.

    What it raises is noted, as ``attempted`` does it.
    """

    def wrap(original: Call, scope: str) -> Call:
        mine = operation(scope)

        def enter(args: Args, _kwargs: Kwargs) -> tuple[bool, Args]:
            _next(mine)
            return True, args

        def raised(_state: Any, error: BaseException) -> None:
            _note(None, None, error, scope)

        return around(enter, lambda _state, result: result, raised)(original, scope)

    return wrap


def recursive(request: Before, response: After, goes_on: Callable[[Args, Kwargs], bool]) -> Wrap:
    """Trace a function that makes an attempt, and the next one by calling itself (see ``retried``).

    Beneath another library's request it does what ``again`` does for that one.

    Args:
        request: as for ``call``.
        response: returns the outcome.
        goes_on: as for ``session``.
    """

    def wrap(original: Call, scope: str) -> Call:
        open_, close = ends(request, response, scope)

        def enter(args: Args, kwargs: Kwargs) -> tuple[Any, Args]:
            parent = get_current()
            if parent is not None and parent.operation.family is FAMILY and not parent.end:
                next_one = _next(parent.operation) if parent.notes is not None else None
                return (None if next_one is None else (made.get(), next_one)), args
            outer = start(scope, goes_on, args, kwargs)
            span, args = open_(args, kwargs)
            return (outer, span), args

        def leave(state: Any, result: Any) -> Any:
            outer, span = state
            if span is not None:
                close(span, result)
            end(outer, scope)
            return result

        def raised(state: Any, error: BaseException) -> None:
            outer, span = state
            if span is not None:
                failed(span, error, scope)
            end(outer, scope)

        traced = around(enter, leave, raised)(original, scope)
        setattr(traced, _SEES, True)
        return traced

    return wrap


def again(response: After) -> Wrap:
    """Trace a function of another library's that makes an attempt, and the next one by calling itself.

    The first attempt is the request that is current already; each other one has a span of its own, beside it.  Where that
    library is traced itself, its own wrapper sees to it.
    """

    def wrap(original: Call, scope: str) -> Call:
        if getattr(original, _SEES, False):
            return original
        mine = operation(scope)

        def leave(span: Span, result: Any) -> Any:
            tracer.finish(span, response(result))
            return result

        return around(lambda args, _kwargs: (_next(mine), args), leave, lambda span, error: failed(span, error, scope))(
            original, scope
        )

    return wrap


def _answering(response: After) -> Wrap:
    """End the current request with what the function returns, or fail it with what it raises."""

    def wrap(original: Call, scope: str) -> Call:
        def leave(_args: Args, result: Any) -> Any:
            _answered(response, result, scope)
            return result

        return around(None, leave, lambda _args, error: _failed_here(error, scope))(original, scope)

    return wrap


def _note(response: After | None, result: Any, error: BaseException | None, scope: str) -> None:
    try:
        span = open_span(scope)
        if span is not None and span.trace.sampled:
            outcome = response(result) if response is not None and error is None else None
            failure = failure_of(error) if error is not None else None
            span.noted()["attempt"] = tracer.clock(), outcome, failure
    except Exception:
        fault(scope)


def _next(mine: Operation) -> Span | None:
    """End the attempt that was made before, when it ended, and begin the next one; None where this is the first."""
    try:
        before = open_span(mine.scope)
        attempt = before.notes.pop("attempt", None) if before is not None and before.notes is not None else None
        if before is None or attempt is None:
            return None
        set_current(before.previous)
        before.end, before.outcome, before.failure = attempt
        tracer.submit(before)
        method, url, resends = before.facts
        span = tracer.start(mine, (method, url, resends + 1), before.previous)
        beside(span, before, False)
        counted = made.get()
        if counted is not None:
            counted.count += 1
        set_current(span)
    except Exception:
        fault(mine.scope)
        return None
    return span


def _begin(mine: Operation, request: Before, args: Args, kwargs: Kwargs) -> Args:
    try:
        counted, parent = made.get(), get_current()
        if counted is None:  # not from a session's request: nobody would end the span
            return args
        if parent is not None and parent.operation.family is FAMILY and parent.operation is not mine and not parent.end:
            return args
        prepared = request(args, kwargs)
        if prepared is None:
            return args
        (method, url, _), carrier, args_ = prepared
        span = tracer.start(mine, (method, url, counted.count), parent)
        if span.trace.sampled and silent(span.facts):
            span.trace = span.trace.unsampled()
        begin(carrier, span)
        set_current(span)
    except Exception:
        fault(mine.scope)
        return args
    return args_


def _failed_here(error: BaseException, scope: str) -> None:
    """Fail the current request, unless it was ended from outside: then the caller knows why."""
    try:
        span = open_span(scope) if isinstance(error, Exception) else None
        if span is not None:
            failed(span, error, scope)
    except Exception:
        fault(scope)


def _answered(response: After | None, result: Any, scope: str) -> None:
    try:
        span = open_span(scope)
        if span is not None and response is not None:
            outcome = response(result)
            if outcome is not None:
                tracer.finish(span, outcome)
    except Exception:
        fault(scope)


def _end_left(before: Span | None, error: BaseException | None, scope: str) -> None:
    """End the attempt that nothing has ended, if there is one."""
    try:
        span = open_span(scope)
        if span is None or span is before:
            return
        if error is not None:
            failed(span, error, scope)
        else:
            tracer.finish(span)
    except Exception:
        fault(scope)
        set_current(before)
