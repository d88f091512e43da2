"""How figures are written into the cells of a report's tables."""

from __future__ import annotations

from typing import Any, Optional

Number = Optional[float]
_TRIED = "[**no**](#what-was-tried-and-what-is-left)"


def verdict(holds: bool | None, doubt: bool = False) -> str:
    """Tell whether a row holds; where it does not, the reader is led to what was tried.

    Args:
        holds: None where nothing is asked.
        doubt: another run might say the opposite.
    """
    told = "" if holds is None else "yes" if holds else _TRIED
    return f"{told}, by chance" if told and doubt else told


def doubtful(one: dict[str, Any], limit: Number) -> bool:
    """Tell whether a limit lies within the spread of what a variant adds."""
    added, spread = one.get("added"), one.get("added_spread")
    return added is not None and bool(spread) and limit is not None and abs(added - limit) <= spread


def column(one: dict[str, Any], unit: str) -> str:
    """Write what a variant adds, or why that is not known."""
    if one["added"] is None:
        return "void" if one["note"].startswith("void") else one["note"]
    return cell(one["added"], one["added_spread"], unit)


def cell(value: Number, spread: Number, unit: str) -> str:
    """Write a value with its spread."""
    if value is None:
        return ""
    text = number(value)
    if spread:
        text += f" ±{number(spread)}"
    return f"{text} {unit}"


def number(value: float) -> str:
    """Write a number, to about three digits."""
    size = abs(value)
    return f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}".rstrip("0").rstrip(".")
