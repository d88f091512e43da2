"""Numbers and times, made fit for a line of a terminal."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.cli.glyphs import Glyphs


def duration(ns: int, glyphs: Glyphs) -> str:
    """Spell a length of time given in ns with three significant digits and its unit."""
    if ns >= 3_599_500_000_000:
        minutes = round(ns / 60e9)
        return f"{minutes // 60} h {minutes % 60:02} m"
    if ns >= 59_995_000_000:
        seconds = round(ns / 1e9)
        return f"{seconds // 60} m {seconds % 60:02} s"
    for unit, size in (("s", 1e9), ("ms", 1e6), (glyphs.micro, 1e3)):
        value = ns / size
        if value >= 0.9995:
            digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
            return f"{value:.{digits}f} {unit}"
    return f"{ns} ns"


def moment(ns: int, now: float | None = None) -> str:
    """Spell a moment given in ns since the epoch, in local time: the time alone if it was today."""
    try:
        then = time.localtime(ns / 1e9)
    except (OverflowError, ValueError, OSError):
        return "?"
    today = time.localtime(now)
    if (then.tm_year, then.tm_yday) == (today.tm_year, today.tm_yday):
        return time.strftime("%H:%M:%S", then)
    return time.strftime("%d %b %H:%M", then) if then.tm_year == today.tm_year else time.strftime("%Y-%m-%d", then)


def full_moment(ns: int) -> str:
    """Spell a moment given in ns since the epoch, in local time, to the millisecond."""
    try:
        then = time.localtime(ns / 1e9)
    except (OverflowError, ValueError, OSError):
        return "?"
    return time.strftime("%Y-%m-%d %H:%M:%S", then) + f".{ns // 1_000_000 % 1000:03}"


def plural(count: int, noun: str) -> str:
    """Return `1 span`, `2 spans`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def value(raw: Any) -> str:
    """Spell an attribute's value: text as it is, everything else as JSON."""
    if isinstance(raw, str):
        return raw
    import json

    return json.dumps(raw, ensure_ascii=False)
