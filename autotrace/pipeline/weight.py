"""How much memory a finished span holds, roughly: for the ceiling of what waits to be delivered.

Text that many spans share (a statement, a route) is divided among those who hold it.  What a library's own frozen objects
(URLs) hold is not looked into, and what several spans share of a trace is not counted.
"""

from __future__ import annotations

from sys import getrefcount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.trace.span import Span

BASE = 600  # bytes: the span itself, its id, its times, its part of the trace
_FRAME = 80  # bytes: a line of a stack; names of files and functions are the program's own
_ANY = 64  # bytes: numbers, and objects that are not looked into
_LONG = 256  # characters: shorter text is not worth a closer look


def _ours() -> int:
    """Return how many references to a value are ours while ``_of`` weighs it; interpreters differ."""

    def count(value: Any) -> int:
        return getrefcount(value)

    return sum([count(item) for item in ("x".join("abc"),)]) - 1  # one is the tuple's


_HERE = _ours()


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
        return _ANY + sum([_of(item) for item in value])
    if kind is dict:
        return _ANY + sum([_ANY + _of(item) for item in list(value.values())])
    return _ANY
