"""Random trace and span ids, from a generator that the program can neither see nor seed.

``random.seed(0)`` in the program must not repeat our ids, and our ids must not move the program's random numbers.
The C generator is taken directly: importing ``random`` costs more than everything else at start.
"""

from __future__ import annotations

import os
from _random import Random

from autotrace.trace import forks

_generator = Random()
_bits = _generator.getrandbits


_CHUNK = 256
_ZERO = "0" * 16

_used = False

# Span ids, and trace ids: 16 and 32 hex digits each.  PERF: taking one is a ``pop``; they are made many at a time.
pool: list[str] = []
_traces: list[str] = []


def reseed() -> None:
    """Start over from the operating system's entropy; a forked child must, or it repeats its parent's ids."""
    global _used
    _used = False
    _generator.seed(int.from_bytes(os.urandom(32), "big"))
    pool.clear()
    _traces.clear()


def used() -> bool:
    """Tell whether any id was made in this process."""
    return _used


def refill() -> str:
    """Fill the pool of span ids, and return one more."""
    return _fill(pool, 8)


def _fill(ids: list[str], size: int) -> str:
    """Put ids of so many bytes into a list, and return one more; what is made from here on, no forked child may repeat."""
    global _used
    forks.begin()
    forks.watch()
    _used = True
    # PERF: cut by ``hex`` and ``split``, which takes half of what slicing does.
    length = size * (_CHUNK + 1)
    digits = _bits(8 * length).to_bytes(length, "big").hex(" ", size)
    fresh = digits.split()
    # Not all zero (W3C Trace Context, sections 3.2.2.3 and 3.2.2.4).
    if _ZERO in digits:
        fresh = [one for one in fresh if one.strip("0")]
    one = fresh.pop()
    ids.extend(fresh)
    return one


def span_id() -> str:
    """Return 16 hex digits."""
    try:
        return pool.pop()
    except IndexError:
        return refill()


def trace_id() -> str:
    """Return 32 hex digits."""
    if not forks.mark[0]:
        forks.begin()
    try:
        return _traces.pop()
    except IndexError:
        return _fill(_traces, 16)


reseed()
