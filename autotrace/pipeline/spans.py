"""What is particular about a queue of spans: what they weigh, which are spared, and where it is said how many were lost.

A span's weight is the memory that it holds, roughly.  Text that many spans share (a statement, a route) is divided among
those who hold it.  What a library's own frozen objects (URLs) hold is not looked into, and what several spans share of a
trace is not counted.
"""

from __future__ import annotations

from sys import getrefcount

from autotrace.pipeline.queue import Queue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from autotrace.signals import Signal
    from autotrace.trace.span import Span

DROPPED = "autotrace.dropped_spans"  # how many were lost before: an attribute of the next span that is delivered
_FEW = 32  # spans that are not weighed
_WEIGHED, _FOR = "2", 8  # a span whose id begins with less is weighed, for so many

BASE = 600  # bytes: the span itself, its id, its times, its part of the trace
_FRAME = 80  # bytes: a line of a stack; names of files and functions are the program's own
_ANY = 64  # bytes: numbers, and objects that are not looked into
_LONG = 256  # characters: shorter text is not worth a closer look


def _ours() -> int:
    """Return how many references to a value are ours while ``_of`` weighs it; interpreters differ."""

    def count(value: Any) -> int:
        return getrefcount(value)

    total = 0
    for item in ("x".join("abc"),):
        total += count(item)
    return total - 1  # one is the tuple's


_HERE = _ours()


class SpanQueue(Queue):
    """The finished spans that wait; the arguments are those of ``Queue``.  Past a ceiling those that failed go last."""

    def __init__(
        self,
        signal: Signal,
        encode: Callable[[Sequence[Span]], list[bytes]],
        capacity: int,
        batch: int,
        most: int = 64 << 20,
    ) -> None:
        super().__init__(signal, encode, _weight_of_some, capacity, batch, most)
        self._few = min(_FEW, capacity)

    def submit(self, span: Span) -> None:
        """Take a finished span; never blocks, never raises.  PERF: spelled out, most spans are not weighed."""
        items = self.items
        waiting = len(items)
        if waiting >= self._few and (waiting >= self._room or span.span_id < _WEIGHED):
            self._press(span, waiting)
        span.handed = True  # the interpreter gives neither a signal nor another thread its turn between these two
        items.append(span)
        if self.idle:
            self.wake()

    def is_spared(self, span: Span) -> bool:
        """Tell whether a span has failed."""
        return span.failure is not None

    def say_lost(self, spans: list[Span], lost: int) -> bool:
        """Say it as an attribute of the first span."""
        spans[0].more().attributes[DROPPED] = lost
        return True


def _weight_of_some(span: Span) -> int:
    """Return the weight of one span in eight, for all of them; 0 for the others."""
    return _FOR * weight(span) if span.span_id < _WEIGHED else 0


def weight(span: Span) -> int:
    """Return bytes."""
    total = BASE + _of(span.facts) + _of(span.outcome)
    failure = span.failure
    while failure is not None:
        total += _ANY + len(failure.message) + _FRAME * len(failure.frames)
        failure = failure.cause
    extras = span.extras
    if extras is not None:
        total += _ANY + _of(extras.attributes) + _of(extras.events) + _of(extras.links)
    return total


def _of(value: Any) -> int:
    kind = type(value)
    if kind is str or kind is bytes:
        length = len(value)
        return length + _ANY if length < _LONG else _ANY + int(value.__sizeof__() / max(getrefcount(value) - _HERE, 1))
    if kind is tuple or kind is list:
        total = _ANY * (len(value) + 1)
        for item in value:
            kind = type(item)
            if kind is str or kind is bytes:  # PERF: most are short
                length = len(item)
                total += length if length < _LONG else _of(item) - _ANY
            elif kind is tuple or kind is list or kind is dict:
                total += _of(item) - _ANY
        return total
    if kind is dict:
        return _ANY + sum([_ANY + _of(item) for item in list(value.values())])
    return _ANY
