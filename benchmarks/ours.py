"""Tables of what only autotrace is asked: what sampling saves, and whether the cost of a span is flat."""

from __future__ import annotations

from typing import Any

from benchmarks.cells import cell, column, doubtful, number, verdict
from benchmarks.environments import VARIANTS
from benchmarks.rows import BY_NAME, ROWS

_QUARTER = 0.25  # of a sampled one is what one that is not sampled may cost: issue 3
_RATIO = 0.01


def sampling(run: dict[str, Any]) -> list[str]:
    """Return a table: what is added where all traces are sampled, and where one in a hundred is."""
    lines = []
    for told in run["rows"]:
        variants = told["variants"]
        if "hundredth" not in variants or "autotrace" not in variants:
            continue
        row = BY_NAME[told["row"]]
        whole, some = variants["autotrace"], variants["hundredth"]
        cells = [column(whole, row.unit), column(some, row.unit), "", "", ""]
        if whole["added"] and some["added"] is not None:
            without = (some["added"] - _RATIO * whole["added"]) / (1 - _RATIO)
            share = without / whole["added"]
            doubt = doubtful(some, _QUARTER * whole["added"])
            cells[2:] = [cell(without, None, row.unit), f"{number(100 * share)} %", verdict(share < _QUARTER, doubt)]
        lines.append(f"| {row.title} | {' | '.join(cells)} |")
    head = "| sampling | all traces | one in a hundred | one that is not sampled | share | below a quarter |"
    return [head, "|---|---:|---:|---:|---:|---|", *lines] if lines else []


def scales(run: dict[str, Any]) -> list[str]:
    """Return a table for each scale: cost of a span, and how many of them arrived."""
    by_name = {told["row"]: told for told in run["rows"]}
    lines: list[str] = []
    for scale in dict.fromkeys(row.scale for row in ROWS if row.scale):
        rows = [row for row in ROWS if row.scale == scale and row.name in by_name]
        names = [name for name in ("autotrace", "inbox") if any(name in by_name[row.name]["variants"] for row in rows)]
        if not names:
            continue
        titles = " | ".join(f"+ {VARIANTS[name].title} | arrived" for name in names)
        lines += ["", f"| {scale} | {titles} | at most | holds |", "|---|" + "---:|---:|" * len(names) + "---:|---|"]
        for row in rows:
            told = by_name[row.name]
            cells = []
            for name in names:
                one = told["variants"][name]
                cells += [column(one, row.unit), f"{one['arrived']} of {one['expected']}"]
            limit = cell(told["limit"], None, row.unit)
            doubt = any(doubtful(told["variants"][name], told["limit"]) for name in names)
            lines.append(f"| {row.title} | {' | '.join(cells)} | {limit} | {verdict(told['holds'], doubt)} |")
    return lines[1:]
