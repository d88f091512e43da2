"""A function of the program's that a library calls with a message: the message is being handled while it runs.

Unlike what is pulled (``consuming``), such a span ends where the function ends, with its exception.
"""

from __future__ import annotations

from functools import update_wrapper

from autotrace.families.calls import abandon, failed
from autotrace.families.messaging import consuming
from autotrace.faults import fault, off
from autotrace.patching.model import argument, with_argument
from autotrace.patching.wrapping import around, before
from autotrace.trace.inheriting import own
from autotrace.trace.tracer import tracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Optional

    from autotrace.families.messaging.producing import Place
    from autotrace.patching import Args, Call, Kwargs, Wrap
    from autotrace.patching.wrapping import Failed
    from autotrace.trace.span import Facts, Operation, Span

    # facts and headers of a message, from the arguments that the function is called with
    Look = Callable[[Args, Kwargs], tuple[Facts, Any]]
    # outcome, and the exception that the function has caught
    Ended = Callable[[Any], tuple[Optional[Facts], Optional[BaseException]]]
    # the same of what passes through the function and is no Exception; None: that tells nothing
    Passed = Callable[[BaseException], Optional[tuple[Facts, BaseException]]]
    # how to look at the messages, from the arguments of the function that is given the handler; None: not traced
    Prepare = Callable[[Args, Kwargs], Optional[Look]]


_SOON = 0.05  # s for delivering a message whose process is ended from outside, before it is killed


def given(make: Callable[[str], Operation], prepare: Prepare, place: Place) -> Wrap:
    """Trace a function that is given a handler of messages, to be called for each.

    Args:
        make: returns the operation of the spans, for an instrumentation scope.
        prepare: see Prepare.
        place: position (receiver included) and name of the argument that is the handler.
    """

    def wrap(original: Call, scope: str) -> Call:
        operation = make(scope)

        def register(args: Args, kwargs: Kwargs) -> Args | None:
            function = argument(args, kwargs, *place)
            look = prepare(args, kwargs) if callable(function) and scope not in off else None
            if look is None:
                return None
            made = (handled_in_task if _is_coroutine(function) else handled)(function, operation, look)
            return with_argument(args, kwargs, *place, made)

        return before(register, awaited=None)(original, scope)

    return wrap


def handled(
    original: Call, operation: Operation, look: Look, ended: Ended | None = None, passed: Passed | None = None
) -> Call:
    """Return the traced form of a function that handles one message.

    Args:
        original: the function.
        operation: of the spans.
        look: see Look.
        ended: looks at what the function returned, where that may tell of a failure.
        passed: looks at what ends the function from outside.
    """
    return _handled(original, operation, look, ended, lambda span, error: _fail(span, error, passed), in_task=False)


def handled_in_task(original: Call, operation: Operation, look: Look) -> Call:
    """Return the traced form of a coroutine function that handles one message, in a task of its own."""
    scope = operation.scope
    return _handled(original, operation, look, None, lambda span, error: failed(span, error, scope), in_task=True)


def _handled(
    original: Call, operation: Operation, look: Look, ended: Ended | None, raised: Failed, in_task: bool
) -> Call:
    def enter(args: Args, kwargs: Kwargs) -> tuple[Span | None, Args]:
        return begin(operation, look, args, kwargs, in_task=in_task), args

    def leave(span: Span, result: Any) -> Any:
        _end(span, result, ended)
        return result

    return update_wrapper(around(enter, leave, raised, in_task)(original, operation.scope), original)


def begin(operation: Operation, look: Look, args: Args, kwargs: Kwargs, *, in_task: bool = False) -> Span | None:
    """Start the span of a message and make it current; never raises, None where it fails."""
    span = None
    try:
        span = consuming.entered(operation, *look(args, kwargs))
        if in_task:
            own(span)
    except Exception:
        fault(operation.scope)
    return span


def _end(span: Span, result: Any, ended: Ended | None) -> None:
    """End the span of a message that has been handled; never raises."""
    try:
        outcome, error = ended(result) if ended is not None else (None, None)
        if error is not None:
            tracer.fail(span, error, outcome)
        else:
            tracer.finish(span, outcome)
    except Exception:
        fault(span.operation.scope)
        abandon(span)


def _fail(span: Span, error: BaseException, passed: Passed | None) -> None:
    """End the span of a message with what passes through its function; never raises."""
    try:
        found = passed(error) if passed is not None and not isinstance(error, Exception) else None
        if found is not None:
            outcome, reason = found
            tracer.fail(span, reason, outcome)
            if isinstance(error, SystemExit):
                tracer.deliver(_SOON)
            return
    except Exception:
        fault(span.operation.scope)
    failed(span, error, span.operation.scope)


def _is_coroutine(function: Any) -> bool:
    from inspect import iscoroutinefunction  # only where there are messages, and then the library has it

    return iscoroutinefunction(function)
