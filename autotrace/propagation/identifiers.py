"""What the styles older than W3C have in common: identifiers of any length, and callers that leave the decision open."""

from __future__ import annotations

from autotrace.trace.tracer import tracer

_HEX = "0123456789abcdef"


def hexadecimal(text: str, digits: int) -> str:
    """Return an identifier in lowercase, padded with zeros on the left to so many digits.

    Empty if it has none or more than so many digits, is not hexadecimal, or is all zero, which means "no identifier".
    """
    if not 0 < len(text) <= digits:
        return ""
    text = text.lower()
    return text.zfill(digits) if not text.strip(_HEX) and text.strip("0") else ""


def decided_here(trace_id: str) -> int:
    """Return the W3C flags where the caller left it to us whether the trace is recorded."""
    return 1 if tracer.sampler.sample(trace_id) else 0
