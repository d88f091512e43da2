"""For people who want to name something themselves; nobody has to.

Everything here does nothing where the agent is not running, and never raises: a span that cannot be made is not made.
"""

from __future__ import annotations

from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from sys import _getframe
from typing import TYPE_CHECKING, Any, Callable, TypeVar, cast

from autotrace.families import manual
from autotrace.faults import fault
from autotrace.trace.context import get_current
from autotrace.trace.generators import GENERATOR, SUSPENDABLE, opened, rightful
from autotrace.trace.inheriting import own

if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from autotrace.trace.span import AttributeValue, Span

Function = TypeVar("Function", bound=Callable[..., Any])


class span:  # noqa: N801 - it is used as a word: ``with span("bake")``, ``@span("bake")``
    """A span of the program's own; a context manager and a decorator, for synchronous and asynchronous code.

    Args:
        name: what it is called; the same for every call, so that calls can be compared.
        attributes: what is known from the start.

    Example:
        >>> with span("bake", pizza="margherita"):
        ...     pass
    """

    def __init__(self, name: str, **attributes: AttributeValue) -> None:
        self._name = name
        self._attributes = attributes
        self._span: Span | None = None

    def __enter__(self) -> span:  # noqa: PYI034 - typing.Self is newer than Python 3.9
        """Start the span; it is current until the block ends."""
        try:
            made = self._span = manual.begin(self._name, self._attributes)
            frame = _getframe(1)
            if frame.f_code.co_flags & SUSPENDABLE and made is not None:
                _within(frame, made)
        except Exception:
            fault("api")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Finish the span, with the exception if there is one."""
        manual.end(self._span, error)
        self._span = None

    async def __aenter__(self) -> span:  # noqa: PYI034
        """Start the span."""
        try:
            made = self._span = manual.begin(self._name, self._attributes)
            if made is not None:
                _within(_getframe(1), made)
        except Exception:
            fault("api")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Finish the span."""
        self.__exit__(kind, error, traceback)

    def __call__(self, function: Function) -> Function:
        """Trace each call of a function, a coroutine function, a generator or an asynchronous generator function.

        The span of a generator is its whole life; it is current only while the generator's own frame runs.
        """
        if isgeneratorfunction(function):
            made: Any = manual.generator(self._name, self._attributes, function)
        elif isasyncgenfunction(function):
            made = manual.async_generator(self._name, self._attributes, function)
        elif iscoroutinefunction(function):
            made = manual.coroutine(self._name, self._attributes, function)
        else:
            made = manual.function(self._name, self._attributes, function)
        return cast("Function", made)

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        """Set an attribute of this span."""
        _set(self._span, key, value)

    def record_exception(self, error: BaseException) -> None:
        """Add an exception that was handled to this span, as an event; its status stays."""
        _record(self._span, error)


def _within(frame: FrameType, span: Span) -> None:
    """Say of a span that has just begun in what may be suspended where that was."""
    if frame.f_code.co_flags & SUSPENDABLE:
        own(span)
        if frame.f_code.co_flags & GENERATOR:
            opened(span, frame)


class CurrentSpan:
    """The span that is current here, whoever made it.

    Attributes:
        trace_id: 32 hex digits; empty where no span is current.
        span_id: 16 hex digits; empty where no span is current.
    """

    __slots__ = ("_span", "span_id", "trace_id")

    def __init__(self, current: Span | None) -> None:
        try:
            self._span = current
            self.trace_id = current.trace.trace_id if current is not None else ""
            self.span_id = current.span_id if current is not None else ""
        except Exception:
            fault("api")
            self._span, self.trace_id, self.span_id = None, "", ""

    def __bool__(self) -> bool:
        return self._span is not None and self._span.trace.sampled

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        """Set an attribute."""
        _set(self._span, key, value)

    def record_exception(self, error: BaseException) -> None:
        """Add an exception that was handled, as an event; the status stays."""
        _record(self._span, error)


def current_span() -> CurrentSpan:
    """Return the current span; false in a condition where there is none, or where it is not recorded."""
    return CurrentSpan(_here())


def set_attribute(key: str, value: AttributeValue) -> None:
    """Set an attribute of the current span."""
    _set(_here(), key, value)


def record_exception(error: BaseException) -> None:
    """Add an exception that was handled to the current span, as an event; its status stays."""
    _record(_here(), error)


def _here() -> Span | None:
    """Return the current span; never raises."""
    try:
        return rightful(get_current())
    except Exception:
        fault("api")
        return None


def _set(on: Span | None, key: str, value: AttributeValue) -> None:
    try:
        manual.set_attribute(on, key, value)
    except Exception:
        fault("api")


def _record(on: Span | None, error: BaseException) -> None:
    try:
        manual.record_exception(on, error)
    except Exception:
        fault("api")
