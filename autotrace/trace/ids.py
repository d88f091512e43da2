"""Random trace and span ids, from a generator that the program can neither see nor seed.

``random.seed(0)`` in the program must not repeat our ids, and our ids must not move the program's random numbers.
The C generator is taken directly: importing ``random`` costs more than everything else at start.
"""

from __future__ import annotations

import os
from _random import Random

_generator = Random()
_bits = _generator.getrandbits


def reseed() -> None:
    """Start over from the operating system's entropy; a forked child must, or it repeats its parent's ids."""
    _generator.seed(int.from_bytes(os.urandom(32), "big"))


def span_id() -> str:
    """Return 16 hex digits, not all zero (W3C Trace Context, section 3.2.2.4)."""
    return (_bits(64) or 1).to_bytes(8, "big").hex()


def trace_id() -> str:
    """Return 32 hex digits, not all zero (W3C Trace Context, section 3.2.2.3)."""
    return (_bits(128) or 1).to_bytes(16, "big").hex()


reseed()
