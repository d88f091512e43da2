"""From samples to a report: medians, what each agent adds, the limits, as JSON and as Markdown.

What an agent adds is the median over the rounds of (its sample - the bare one's of the same round), each scaled to the best
speed of the machine; the spread beside it is half the distance between the quartiles.  Starts are the best of all.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any, Optional

from benchmarks.environments import PEERS, VARIANTS
from benchmarks.rows import BY_NAME, US

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.chunks import Figures
    from benchmarks.rows import Row

Number = Optional[float]
_OURS = ("autotrace", "inbox")
_BEGIN, _END = "<!-- report -->", "<!-- end of the report -->"


def summary(row: Row, figures: dict[str, Figures], best: float) -> dict[str, Any]:
    """Return a row of the report, ready for JSON.

    Args:
        row: which.
        figures: by the variants' names.
        best: the calibration's best, in ns.
    """
    scaled = {name: _scaled(one, best) for name, one in figures.items()}
    bare = scaled.get("bare", [])
    variants = {}
    for name, one in figures.items():
        value, spread = _value(row, scaled[name])
        added, added_spread = _added(row, scaled[name], bare) if name != "bare" else (None, None)
        void = one.note.startswith("void")
        variants[name] = {
            "value": None if void else value,
            "spread": spread,
            "added": None if void else added,
            "added_spread": added_spread,
            **asdict(one),
        }
    limit = _limit(row, variants)
    ours = variants.get("autotrace", {}).get("added")
    holds = None if limit is None or ours is None else bool(ours <= limit)
    return {"row": row.name, "unit": row.unit, "limit": limit, "holds": holds, "variants": variants}


def _scaled(figures: Figures, best: float) -> list[float]:
    return [sample * best / scale if scale else sample for sample, scale in zip(figures.samples, figures.scales)]


def _value(row: Row, samples: list[float]) -> tuple[Number, Number]:
    """Return a median with its spread; of starts, the best."""
    if not samples:
        return None, None
    return (min(samples) if row.kind == "start" else median(samples)), _spread(samples)


def _spread(samples: list[float]) -> float:
    if len(samples) < 2:
        return 0.0
    low, _, high = quantiles(samples, n=4, method="inclusive")
    return (high - low) / 2


def _added(row: Row, samples: list[float], bare: list[float]) -> tuple[Number, Number]:
    if not samples:
        return None, None
    if row.kind in ("exit", "lost"):  # absolute: nothing is taken off
        return _value(row, samples)
    if not bare:
        return None, None
    if row.kind == "start":
        return min(samples) - min(bare), _spread(samples)
    differences = [ours - theirs for ours, theirs in zip(samples, bare)]
    return median(differences), _spread(differences)


def _limit(row: Row, variants: dict[str, Any]) -> Number:
    """Return what ours may add: the issue's figure as a share of the better peer's, times the better peer's here."""
    if row.absolute:
        return row.asked[2]
    issue = [figure for figure in row.asked[:2] if figure is not None]
    here = [variants[name]["added"] for name in PEERS if name in variants and variants[name]["added"] is not None]
    asked = [figure for figure, name in zip(row.asked, PEERS) if figure is not None and name in variants]
    if not here or len(here) < len(asked):  # half of the comparison is missing
        return None
    return row.asked[2] / min(issue) * min(here)


def write(directory: Path, run: dict[str, Any]) -> str:
    """Write ``report.json`` and ``report.md``; returns the latter's text."""
    text = markdown(run)
    (directory / "report.json").write_text(json.dumps(run, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (directory / "report.md").write_text(text, encoding="utf-8")
    return text


def publish(page: Path, text: str) -> None:
    """Put a report into the page that shows the last one, between its two marks."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"{page.name} has no {_BEGIN!r} or no {_END!r}: put both where the report belongs")
    page.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}", encoding="utf-8")


def markdown(run: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    machine, peers = run["machine"], run["peers"]
    columns = _columns(run)
    hint = " (a quick run: not for comparison)" if run["quick"] else ""
    lines = [
        f"Python {run['python']}; {machine['words']}. {', '.join(f'{name} {version}' for name, version in peers.items())}.",
        f"{run['rounds']} rounds, each chunk {run['chunk_s']:g} s of CPU, taken on {run['taken']}{hint}.",
        f"A calibration took {machine['best_ms']:.2f} ms of CPU at best and {machine['median_ms']:.2f} ms in the middle.",
        "",
        f"| work | bare | {' | '.join('+ ' + VARIANTS[name].title for name in columns)} | ours at most | holds |",
        "|---|---:|" + "---:|" * len(columns) + "---:|---|",
    ]
    notes = []
    for told in run["rows"]:
        row, variants = BY_NAME[told["row"]], told["variants"]
        bare = variants.get("bare", {})
        for name, one in variants.items():
            if one["note"]:
                notes.append(f"- {row.title}, {VARIANTS[name].title}: {_brief(one['note'])}")
        cells = [_cell(bare.get("value"), bare.get("spread"), row.unit)]
        for name in columns:
            one = variants.get(name)
            cells.append("" if one is None else _column(one, row.unit))
        share = "" if told["limit"] is None else _cell(told["limit"], None, row.unit)
        holds = {None: "", True: "yes", False: "**no**"}[told["holds"]]
        lines.append(f"| {row.title} | {' | '.join(cells)} | {share} | {holds} |")
    return "\n".join([*lines, "", *notes, *([""] if notes else []), *_spans(run), ""])


def _columns(run: dict[str, Any]) -> list[str]:
    """Return the variants that the run had, without the bare one; peers first."""
    had = {name for told in run["rows"] for name in told["variants"]}
    return [name for name in dict.fromkeys((*PEERS, *_OURS, *VARIANTS)) if name in had and name != "bare"]


def _column(one: dict[str, Any], unit: str) -> str:
    if one["added"] is None:
        return "void" if one["note"].startswith("void") else one["note"]
    return _cell(one["added"], one["added_spread"], unit)


def _brief(note: str) -> str:
    """Return a note's first line, and the last one of what a program said."""
    lines = note.strip().splitlines()
    return lines[0] if len(lines) == 1 else f"{lines[0]} {lines[-1].strip()}"


def _cell(value: Number, spread: Number, unit: str) -> str:
    if value is None:
        return ""
    text = _number(value)
    if spread:
        text += f" ±{_number(spread)}"
    return f"{text} {unit}"


def _number(value: float) -> str:
    size = abs(value)
    return f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}".rstrip("0").rstrip(".")


def _spans(run: dict[str, Any]) -> list[str]:
    """Return how many spans an operation made, and that they arrived."""
    columns = _columns(run)
    lines = [
        "| spans per operation (arrived of expected, in one request) | "
        + " | ".join(VARIANTS[name].title for name in columns)
        + " |"
    ]
    lines.append("|---|" + "---:|" * len(columns))
    for told in run["rows"]:
        row = BY_NAME[told["row"]]
        if row.unit != US and row.kind != "lost":
            continue
        cells = []
        for name in columns:
            one = told["variants"].get(name)
            if one is None or not one["expected"]:
                cells.append("")
                continue
            each = sum(one["names"].values()) or 1
            batch = f", {one['arrived'] / one['requests']:.0f} a time" if one["requests"] else ""
            cells.append(f"{each:g} ({one['arrived']} of {one['expected']}{batch})")
        lines.append(f"| {row.title} | {' | '.join(cells)} |")
    return lines if len(lines) > 2 else []
