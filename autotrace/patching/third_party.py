"""Instrumentors of other distributions, announced by the entry-point group ``autotrace.instrumentors``.

The entry point's name is the module that triggers it, its value is where the ``Instrumentor`` is::

    [project.entry-points."autotrace.instrumentors"]
    acme = "acme_autotrace:INSTRUMENTOR"

Looking into every installed distribution at every start would cost more than all else, so what was found is kept in a file
under a key made of the search path and its modification times; installing or removing a distribution changes the key.

Not seen: distributions in zip files, and editable installs whose metadata is not in a directory of the search path.
"""

from __future__ import annotations

import os
import sys
from zlib import crc32

from autotrace.patching.registry import Known

GROUP = "[autotrace.instrumentors]"


def third_party(cache_dir: str) -> list[Known]:
    """Return what other distributions announce.

    Args:
        cache_dir: where the findings are kept; it need not be writable.
    """
    key = _key()
    cache = os.path.join(cache_dir, f"instrumentors-{crc32(key.encode(errors='replace')):08x}.txt")
    try:
        with open(cache, encoding="utf-8") as lines:
            first, *rest = lines.read().split("\n")
        if first == key:
            return [_known(*line.split("\t")) for line in rest if line]
    except (OSError, ValueError, TypeError):
        pass
    found = scan(sys.path)
    _keep(cache, "\n".join([key, *("\t".join(pair) for pair in found)]))
    return [_known(*pair) for pair in found]


def scan(path: list[str]) -> list[tuple[str, str]]:
    """Return name and value of each entry point of the group, from the metadata in the directories of a search path."""
    found = []
    for directory in path:
        try:
            entries = sorted(os.listdir(directory or "."))
        except OSError:
            continue
        for entry in entries:
            if entry.endswith((".dist-info", ".egg-info")):
                found += _entry_points(os.path.join(directory, entry, "entry_points.txt"))
    return found


def _entry_points(file: str) -> list[tuple[str, str]]:
    try:
        with open(file, encoding="utf-8") as lines:
            text = lines.read()
    except (OSError, ValueError):
        return []
    if GROUP not in text:
        return []
    found = []
    section = ""
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("["):
            section = line
        elif section == GROUP and "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.append((name.strip(), value.split("[")[0].strip()))
    return found


def _known(trigger: str, value: str) -> Known:
    module, _, attribute = value.partition(":")
    return Known(trigger, trigger, "third_party", None, module, attribute or "INSTRUMENTOR")


def _key() -> str:
    parts = [sys.version.split()[0]]
    for directory in sys.path:
        try:
            parts.append(f"{directory}@{os.stat(directory or '.').st_mtime_ns}")
        except OSError:
            continue
    return "|".join(parts).replace("\n", " ")


def _keep(cache: str, text: str) -> None:
    """Write the findings in one step, so that a reader sees the old file or the new one."""
    temporary = f"{cache}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(cache), mode=0o700, exist_ok=True)
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, cache)
    except OSError:
        return
