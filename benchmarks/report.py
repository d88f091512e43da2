"""From samples to a report: medians, what each agent adds, the limits, as JSON and as Markdown.

What an agent adds is the median over the rounds of (its sample - the bare one's of the same round), each scaled to the best
speed of the machine; the spread beside it is half the distance between the quartiles.  Starts are the best of all.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from benchmarks import ours
from benchmarks.cells import Number, cell, column, doubtful, verdict
from benchmarks.environments import PEERS, VARIANTS
from benchmarks.rows import BY_NAME, CONSTANT, US

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.chunks import Figures
    from benchmarks.rows import Row

_OURS = ("autotrace", "inbox")
_FACTS = (
    "No URL, path, key or literal of these operations comes twice, as in life; **constant** is the same with one that never"
    " changes, which each memory for facts likes best."
)


def summary(row: Row, figures: dict[str, Figures], best: float) -> dict[str, Any]:
    """Return a row of the report, ready for JSON.

    Args:
        row: which.
        figures: by the variants' names.
        best: the calibration's best, in ns.
    """
    scaled = {name: _scaled(one, best) for name, one in figures.items()}
    variants = {}
    for name, one in figures.items():
        value, spread = _value(row, scaled[name])
        constant = CONSTANT if name.endswith(CONSTANT) else ""
        bare = scaled.get(f"bare{constant}", [])
        added, added_spread = _added(row, scaled[name], bare) if name != f"bare{constant}" else (None, None)
        void = one.note.startswith("void")
        variants[name] = {
            "value": None if void else value,
            "spread": spread,
            "added": None if void else added,
            "added_spread": added_spread,
            **asdict(one),
        }
    most = limit(row, variants)
    added = variants.get("autotrace", {}).get("added")
    holds = None if most is None or added is None else bool(added <= most)
    if variants.get("autotrace", {}).get("note", "").startswith("void"):
        holds = False
    return {"row": row.name, "unit": row.unit, "limit": most, "holds": holds, "variants": variants}


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
    differences = [mine - theirs for mine, theirs in zip(samples, bare)]
    return median(differences), _spread(differences)


def limit(row: Row, variants: dict[str, Any]) -> Number:
    """Return what ours may add: the issue's figure as a share of the better peer's, times the better peer's here."""
    if row.scale:  # its limit is another row's, see `compare`
        return None
    if row.absolute:
        return row.asked[2]
    issue = [figure for figure in row.asked[:2] if figure is not None]
    here = [variants[name]["added"] for name in PEERS if name in variants and variants[name]["added"] is not None]
    asked = [figure for figure, name in zip(row.asked, PEERS) if figure is not None and name in variants]
    if not issue or not here or len(here) < len(asked):  # half of the comparison is missing
        return None
    return row.asked[2] / min(issue) * min(here)


def write(directory: Path, run: dict[str, Any]) -> str:
    """Write ``report.json`` and ``report.md``; returns the latter's text."""
    text = markdown(run)
    (directory / "report.json").write_text(json.dumps(run, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (directory / "report.md").write_text(text, encoding="utf-8")
    return text


def compare(rows: list[dict[str, Any]]) -> None:
    """Set the limits of rows that are compared with the first one of their scale; either of ours has to hold."""
    first: dict[str, dict[str, Any]] = {}
    for told in rows:
        row = BY_NAME[told["row"]]
        if not row.scale:
            continue
        base = first.setdefault(row.scale, told)["variants"]
        limits = {name: _times(row.asked[2], base[name]["added"]) for name in _OURS if name in base}
        told["limit"] = limits.get("autotrace")
        for name, most in limits.items():
            added = told["variants"][name]["added"]
            holds = added is not None and (most is None or added <= most)
            told["holds"] = holds and told["holds"] is not False


def _times(factor: float, value: Number) -> Number:
    return None if value is None else factor * value


def markdown(run: dict[str, Any], *, brief: bool = False) -> str:
    """Return the report as Markdown; a brief one does not tell how many spans arrived, only where they did not."""
    machine, peers = run["machine"], run["peers"]
    hint = " (a quick run: not for comparison)" if run["quick"] else ""
    lines = [
        f"Python {run['python']}; {machine['words']}. {', '.join(f'{name} {version}' for name, version in peers.items())}.",
        f"{run['rounds']} rounds, each chunk {run['chunk_s']:g} s of CPU, taken on {run['taken']}{hint}.",
        f"A calibration took {machine['best_ms']:.2f} ms of CPU at best and {machine['median_ms']:.2f} ms in the middle.",
    ]
    if any(name.endswith(CONSTANT) for told in run["rows"] for name in told["variants"]):
        lines.append(_FACTS)
    tables = [lines, _main(run), ours.sampling(run), ours.scales(run)]
    if not brief:
        tables.append(_spans(run))
    return "\n\n".join("\n".join(table) for table in tables if table) + "\n"


def _main(run: dict[str, Any]) -> list[str]:
    columns = _columns(run)
    twice = {
        name.removesuffix(CONSTANT) for told in run["rows"] for name in told["variants"] if name.endswith(CONSTANT)
    }
    titles = [title for name in columns for title in (f"+ {VARIANTS[name].title}", *["constant"] * (name in twice))]
    if "bare" in twice:
        titles.insert(0, "constant")
    lines = [
        f"| work | bare | {' | '.join(titles)} | ours at most | holds |",
        "|---|---:|" + "---:|" * len(titles) + "---:|---|",
    ]
    head = len(lines)
    notes = []
    for told in run["rows"]:
        row, variants = BY_NAME[told["row"]], told["variants"]
        bare = variants.get("bare", {})
        for name, one in variants.items():
            if one["note"]:
                title, constant = VARIANTS[name.removesuffix(CONSTANT)].title, name.endswith(CONSTANT)
                facts = ", constant" if constant else ""
                notes.append(f"- {row.title}, {title}{facts}: {_brief(one['note'])}")
        if row.scale:
            continue
        cells = [cell(bare.get("value"), bare.get("spread"), row.unit)]
        if "bare" in twice:
            again = variants.get(f"bare{CONSTANT}", {})
            cells.append(cell(again.get("value"), again.get("spread"), row.unit))
        for name in columns:
            for key in (name, f"{name}{CONSTANT}") if name in twice else (name,):
                one = variants.get(key)
                cells.append("" if one is None else column(one, row.unit))
        share = "" if told["limit"] is None else cell(told["limit"], None, row.unit)
        said = verdict(told["holds"], doubtful(variants.get("autotrace", {}), told["limit"]))
        lines.append(f"| {row.title} | {' | '.join(cells)} | {share} | {said} |")
    return [*(lines if len(lines) > head else []), *(["", *notes] if notes else [])]


def _columns(run: dict[str, Any]) -> list[str]:
    """Return the variants that the run had, without the bare one; peers first."""
    had = {name for told in run["rows"] for name in told["variants"]} - {"hundredth"}
    return [name for name in dict.fromkeys((*PEERS, *_OURS, *VARIANTS)) if name in had and name != "bare"]


def _brief(note: str) -> str:
    """Return a note's first line, and the last one of what a program said."""
    lines = note.strip().splitlines()
    return lines[0] if len(lines) == 1 else f"{lines[0]} {lines[-1].strip()}"


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
        if (row.unit != US and row.kind != "lost") or row.scale:
            continue
        cells = []
        for name in columns:
            one = told["variants"].get(name)
            if one is None or not one["expected"]:
                cells.append("")
                continue
            each = one["expected"] / one["operations"]
            batch = f", {one['arrived'] / one['requests']:.0f} a time" if one["requests"] else ""
            cells.append(f"{each:g} ({one['arrived']} of {one['expected']}{batch})")
        lines.append(f"| {row.title} | {' | '.join(cells)} |")
    return lines if len(lines) > 2 else []
