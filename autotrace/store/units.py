"""Reads what people write: lengths of time (`250ms`, `1.5s`, `10m`, `2h`, `7d`), and how a trace went."""

from __future__ import annotations

import re

UNITS_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60 * 1_000_000_000,
    "h": 3600 * 1_000_000_000,
    "d": 86400 * 1_000_000_000,
}

LONGEST_NS = 2**62
"""What is longer is as good as this, 146 years: SQLite's integers have 64 bits."""

_WRITTEN = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*([a-zµ]+)\s*")


def parse_duration(text: str) -> int:
    """Return a length of time in ns.

    Raises:
        ValueError: the text is no number followed by a unit.
    """
    found = _WRITTEN.fullmatch(text.lower())
    if found is None or found[2] not in UNITS_NS:
        raise ValueError(f"{text!r} is not a length of time; write it like 250ms, 1.5s, 10m, 2h or 7d")
    return int(min(float(found[1]) * UNITS_NS[found[2]], LONGEST_NS))


def parse_status(text: str) -> str:
    """Return how a trace went: `error`, `ok`, or an HTTP status code, as it was written.

    Raises:
        ValueError: it is none of these.
    """
    if text not in {"error", "ok"} and not (text.isdecimal() and len(text) == 3):
        raise ValueError(f"{text!r} is not a status; give `error`, `ok` or an HTTP status code like 500")
    return text
