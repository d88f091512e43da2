"""The family of spans that the program names itself."""

from __future__ import annotations

import functools

from autotrace.conventions.manual import describe
from autotrace.families import steps
from autotrace.families.calls import abandon, failed
from autotrace.faults import fault
from autotrace.patching.wrapping import around
from autotrace.trace.context import get_current, set_current
from autotrace.trace.failure import failure_of
from autotrace.trace.generators import closing
from autotrace.trace.inheriting import own
from autotrace.trace.span import INTERNAL, Operation
from autotrace.trace.tracer import tracer
from autotrace.trace.unrecorded import Unrecorded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.patching import Call
    from autotrace.patching.wrapping import Enter
    from autotrace.trace.span import Attributes, AttributeValue, Span

FAMILY = "internal"
_SCOPE = "api"
_LIMIT = 128  # attributes and events that one span keeps in memory, before the limits of the settings apply


_operation = Operation(FAMILY, INTERNAL, _SCOPE, describe, spelled=True)


def begin(name: str, attributes: Attributes, *, current: bool = True) -> Span | None:
    """Start a span beneath the current one and make it current; None where the agent does not run.

    Args:
        name: the span's.
        attributes: known from the start; they belong to the span from now on, and are never written to.
        current: whether the span becomes current.
    """
    try:
        if not tracer.active:
            return None
        parent = get_current()
        drawn = ""
        if current:
            if type(parent) is Unrecorded:
                return None
            if parent is None and not tracer.sampler.everything and tracer.inherited is None:
                root = tracer.draw()
                if isinstance(root, Unrecorded):
                    set_current(root)
                    return root
                drawn = root
        span = tracer.start(_operation, (name, attributes), parent, drawn)
        if current:
            set_current(span)
    except Exception:
        fault(_SCOPE)
        return None
    return span


def _begin_awaited(name: str, attributes: Attributes) -> Span | None:
    """Do for a coroutine what ``begin`` does."""
    try:
        span = begin(name, attributes)
        if span is not None:
            own(span)
    except Exception:
        fault(_SCOPE)
        return None
    return span


def end(span: Span | None, error: BaseException | None) -> None:
    """Finish a span, with the exception that passes if there is one; never raises."""
    try:
        if span is None:
            return
        if span.notes is not None:
            closing(span)
        if error is not None:
            failed(span, error, _SCOPE)
        else:
            tracer.finish(span)
    except Exception:
        fault(_SCOPE)
        if span is not None:
            abandon(span)


def set_attribute(span: Span | None, key: str, value: AttributeValue) -> None:
    """Set an attribute of a span that is recorded; past the limit it is counted as dropped."""
    if span is None or not span.trace.sampled or span.end:
        return
    extras = span.more()
    if len(extras.attributes) >= _LIMIT and key not in extras.attributes:
        extras.dropped_attributes += 1
        return
    extras.attributes[str(key)] = tuple(value) if isinstance(value, list) else value


def record_exception(span: Span | None, error: BaseException) -> None:
    """Add an exception as an event of a span that is recorded; past the limit it is counted as dropped."""
    if span is None or not span.trace.sampled or span.end:
        return
    extras = span.more()
    if len(extras.events) >= _LIMIT:
        extras.dropped_events += 1
        return
    extras.events.append((tracer.clock(), "exception", failure_of(error)))


def function(name: str, attributes: Attributes, original: Call) -> Call:
    """Trace each call."""
    return _whole(lambda args, _kwargs: (begin(name, attributes), args), original, awaited=False)


def coroutine(name: str, attributes: Attributes, original: Call) -> Call:
    """Trace each call of a coroutine function."""
    return _whole(lambda args, _kwargs: (_begin_awaited(name, attributes), args), original, awaited=True)


def _whole(enter: Enter, original: Call, awaited: bool) -> Call:
    def leave(span: Span, result: Any) -> Any:
        end(span, None)
        return result

    return functools.update_wrapper(around(enter, leave, end, awaited)(original, _SCOPE), original)


def generator(name: str, attributes: Attributes, original: Call) -> Call:
    """Trace each generator that a generator function makes, from its first step to its end."""
    return steps.generator(lambda: begin(name, attributes, current=False), end, _SCOPE)(original)


def async_generator(name: str, attributes: Attributes, original: Call) -> Call:
    """Trace each asynchronous generator that a function makes, from its first step to its end."""
    return steps.async_generator(lambda: begin(name, attributes, current=False), end, _SCOPE)(original)
