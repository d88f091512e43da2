"""Spans of generators.

Such a span is current only while the generator's own frame runs, so a consumer that stops early, or that interleaves two of
them, never sees a wrong span.
"""

from __future__ import annotations

import functools

from autotrace.faults import fault
from autotrace.trace.context import get_current, set_current
from autotrace.trace.failure import HidingFrame, hide_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from typing import Any, Optional

    from autotrace.patching import Call
    from autotrace.trace.span import Span

    # is called with the first step; None where nothing is traced
    Begin = Callable[[], Optional[Span]]
    # is called when the generator ends, with the exception that passes if there is one
    End = Callable[[Optional[Span], Optional[BaseException]], None]


def generator(begin: Begin, end: End, scope: str) -> Callable[[Call], Call]:
    """Return a decorator of a generator function; ``begin`` and ``end`` may not raise."""

    def decorate(original: Call) -> Call:
        @functools.wraps(original)
        def traced(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            made = original(*args, **kwargs)
            running = _Running(begin(), end, scope)
            resume, value = made.send, None
            while True:
                try:
                    with running:
                        item = resume(value)
                except StopIteration as stop:
                    return stop.value
                try:
                    value = yield item
                    resume = made.send
                except GeneratorExit as error:
                    with running:
                        made.close()
                    running.end(error)
                    raise
                except BaseException as error:  # thrown in by the consumer: it is the generator's to handle
                    resume, value = made.throw, error

        return traced

    return decorate


def async_generator(begin: Begin, end: End, scope: str) -> Callable[[Call], Call]:
    """Return a decorator of a function that makes asynchronous generators; ``begin`` and ``end`` may not raise."""

    def decorate(original: Call) -> Call:
        @functools.wraps(original)
        async def traced(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            made = original(*args, **kwargs)
            running = _Running(begin(), end, scope)
            resume, value = made.asend, None
            while True:
                try:
                    with running:
                        item = await resume(value)
                except StopAsyncIteration:
                    return
                try:
                    value = yield item
                    resume = made.asend
                except GeneratorExit as error:
                    with running:
                        await made.aclose()
                    running.end(error)
                    raise
                except BaseException as error:
                    resume, value = made.athrow, error

        return traced

    return decorate


class _Running(HidingFrame):
    """The span of a generator: current within a ``with`` of it, while the generator's frame runs; ends with that frame."""

    __slots__ = ("_end", "_outside", "_scope", "_span")

    def __init__(self, span: Span | None, end: End, scope: str) -> None:
        self._span = span
        self._end = end
        self._scope = scope
        self._outside: Span | None = None

    def __enter__(self) -> None:
        try:
            self._outside = get_current()
            if self._span is not None:
                set_current(self._span)
        except Exception:
            fault(self._scope)
            self._outside = get_current()

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        try:
            set_current(self._outside)
        except Exception:
            fault(self._scope)
            set_current(self._outside)
        if error is not None:
            self.end(error)

    def end(self, error: BaseException) -> None:
        """End the span with the exception that leaves the generator's frame, and take the frame out of it."""
        self._end(self._span, None if isinstance(error, (StopIteration, StopAsyncIteration)) else error)
        hide_frame(error)
