"""Spans that a block inside a generator, or an asynchronous generator, keeps open across a ``yield``.

Such a span is anybody's parent only while the generator's frame runs.  The context variable cannot say so: whoever consumes
the generator shares it.  So these spans are remembered by their frame, and as long as there are any, or one may have been
left current by a generator that was closed elsewhere, the parent of a new span is looked for on the stack.

The generator of a context manager is not concerned: its span is there for the block that it surrounds.

Not handled: a task that the consumer starts between two steps inherits the generator's span (a task that the generator
starts does too, and rightly; the two cannot be told apart).
"""

from __future__ import annotations

import sys
from _thread import get_ident

from autotrace.trace.context import get_current
from autotrace.trace.span import SERVER
from autotrace.trace.tasks import current_task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Optional

    from autotrace.trace.span import Span

# In a code's flags: inspect.CO_GENERATOR, CO_ASYNC_GENERATOR; and these with CO_COROUTINE.
GENERATOR = 0x20 | 0x200
SUSPENDABLE = GENERATOR | 0x80

# By frame, innermost last.  The key None stays once a span may have been left current.
suspendable: dict[Optional[FrameType], list[Span]] = {}  # noqa: UP045 - evaluated on Python 3.9


def opened(span: Span, frame: FrameType) -> None:
    """Remember a span that was opened in a generator's frame."""
    caller = frame.f_back
    if caller is not None and caller.f_globals.get("__name__") == "contextlib":
        return
    notes = span.noted()
    notes["frame"] = frame
    notes["unit"] = _unit()
    suspendable.setdefault(frame, []).append(span)


def closing(span: Span) -> None:
    """Forget a span that is about to end."""
    notes = span.notes
    frame = notes.pop("frame", None) if notes is not None else None
    if frame is None:
        return
    spans = suspendable.get(frame, [])
    if span in spans:
        spans.remove(span)
    if not spans:
        suspendable.pop(frame, None)
    if get_current() is not span or span.noted()["unit"] != _unit():
        suspendable[None] = []


def rightful(span: Span | None) -> Span | None:
    """Return what is current here, given what the context variable says; for those who make no span of it."""
    return parent_of(span) if suspendable else span


def parent_of(span: Span | None) -> Span | None:
    """Return the parent of what happens here.

    Args:
        span: what the context variable says.
    """
    running: list[list[Span]] = []  # innermost first
    frame: FrameType | None = sys._getframe(1) if any(suspendable) else None  # noqa: SLF001 - there is no other way
    while frame is not None:
        spans = suspendable.get(frame)
        if spans:
            running.append(spans)
        frame = frame.f_back
    unit = None
    while span is not None and span.notes is not None and "unit" in span.notes:
        unit = unit or _unit()
        if span.notes["unit"] != unit or any(span in spans for spans in running):
            break
        span = _above(span)
        while span is not None and span.end and span.operation.kind != SERVER:
            span = _above(span)  # it ended while the generator's was the current one
    if running:
        innermost = running[0][-1]
        above = span
        while above is not None and above is not innermost:
            above = _above(above)
        if above is None:
            return innermost
    return span


def _above(span: Span) -> Span | None:
    notes: dict[str, Any] | None = span.notes
    return notes["beneath"] if notes is not None and "beneath" in notes else span.previous


def _unit() -> tuple[int, int]:
    """Return what runs here, among all that have a context of their own: a thread, or a task in it."""
    return get_ident(), id(current_task())
