"""What the notes of traced processes say: what ran where there is no trace and why, and what no receiver has taken.

It reads the notes of traced processes, and of their Pythons' libraries the names that metadata has; nothing is started
or imported to find out.
"""

from __future__ import annotations

import os
import time

from autotrace.config import settings
from autotrace.runs import Run, runs

REMEMBERED_SECONDS = 7 * 24 * 3600
"""For so long it is said that something was not delivered; the store keeps traces as long."""
SHOWN = 3
"""So many programs are told of."""
MAKE_SOME = "Make some: autotrace-run python your_program.py"


def nothing_yet(data: str = "") -> list[str]:
    """Return the lines to say where a store is empty.

    Args:
        data: the data directory, by default that of the settings.
    """
    data = data or os.path.abspath(os.path.expanduser(settings.load().data_dir))
    newest: dict[tuple[str, str], Run] = {}
    for run in runs(data):
        newest.setdefault((run.script, run.executable), run)
    if not newest:
        return [f"No traces yet. {MAKE_SOME}"]
    lines = ["No traces yet."]
    for run in list(newest.values())[:SHOWN]:
        lines += _told(run)
    if len(newest) > SHOWN:
        lines.append(f"{len(newest) - SHOWN} other programs ran under autotrace as well.")
    lines.append("More: `autotrace doctor -- COMMAND`, with the command that starts the program.")
    lines.append('What no library stands for is traced by hand: `with autotrace.span("name"):`')
    return lines


def undelivered(data: str = "", now: float | None = None) -> tuple[int, str]:
    """Return how many spans receivers have not taken in the last days, and the newest case in words.

    Args:
        data: the data directory, by default that of the settings.
        now: as `time.time`.
    """
    data = data or os.path.abspath(os.path.expanduser(settings.load().data_dir))
    since_ns = ((time.time() if now is None else now) - REMEMBERED_SECONDS) * 1e9
    cases = [(run, *one) for run in runs(data) if run.latest_ns > since_ns for one in run.undelivered.values()]
    count = sum(count for _, count, _ in cases)
    if not cases:
        return 0, ""
    run, _, reason = cases[0]
    return count, f"{_name(run)} (began {_moment(run)}): {reason}"


def _moment(run: Run) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.began_ns / 1e9))


def _name(run: Run) -> str:
    return run.script if run.script not in ("", "-c", "-m") else f"python {run.script}".strip()


def _told(run: Run) -> list[str]:
    from autotrace.patching.wellknown import unsupported, versions_in

    how = "and left no span" if run.ended else "and has left no span so far"
    lines = [f"{_name(run)} ran at {_moment(run)} (process {run.pid}, {run.executable}) {how}."]
    if "inbox" not in run.exporters:
        lines.append(f"  its spans do not come here: they go to {', '.join(run.exporters)} (the setting `exporters`)")
    versions = versions_in(run.packages)
    old, off = _not_patched(run, versions)
    missing = [f"{one['name']} {one['version']} ({one['kind']})" for one in unsupported(versions) if _had(run, one)]
    for title, names, advice in (
        ("too old or not patched", old, "upgrade it"),
        ("switched off", off, "see the settings `instrumentors` and `instrumentors_off`"),
        ("not supported", missing, "what they call through a library that is traced is seen"),
    ):
        if names:
            lines.append(f"  {title}: {', '.join(names)}; {advice}")
    if len(lines) == 1:
        lines.append(
            "  it did nothing that is traced: no request, query, message or task of a library that is supported"
        )
    return lines


def _not_patched(run: Run, versions: dict[str, str]) -> tuple[list[str], list[str]]:
    """Return what of the supported libraries does not fit, with the reason, and what is switched off."""
    from autotrace.patching.catalog import parts, selected
    from autotrace.patching.versions import normalized, required, unsupported

    chosen = {part.name for part in selected(parts(), run.on or ["all"], run.off)}
    skipped = dict(run.skipped)
    old: dict[str, None] = {}
    off = []
    seen: set[str] = set()
    for part in parts():
        distribution, wanted = required(part.requires or "")
        version = versions.get(normalized(distribution), "") if distribution else ""
        if part.name not in chosen:
            if version or (part.requires == "" and part.family != "concurrency"):
                off.append(part.name)
            continue
        # What has ended has said what it imported; of others a library's first part counts, the rest may be newer than it.
        counts = part.name in skipped if run.ended else distribution not in seen
        seen.add(distribution)
        why = unsupported(distribution, version, wanted) if version and counts else ""
        if why:
            old[why] = None
            skipped.pop(part.name, None)
    return [*old, *(f"{name} ({why})" for name, why in skipped.items())], off


def _had(run: Run, one: dict[str, str]) -> bool:
    """Tell whether a program had a library: it said what it imported, or is told by what is installed."""
    return one["module"] in run.modules if run.ended else True
