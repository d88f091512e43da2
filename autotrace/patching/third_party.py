"""Instrumentors of other distributions, announced by the entry-point group ``autotrace.instrumentors``.

The entry point's name is the module that triggers it, its value is where the ``Instrumentor`` is::

    [project.entry-points."autotrace.instrumentors"]
    acme = "acme_autotrace:INSTRUMENTOR"

Looking into every installed distribution at every start would cost more than all else, so what was found is kept in a file
for each search path, with a key made of it and its modification times; installing or removing a distribution changes the
key.  Of these files there are at most thirty-two.

Not seen: distributions in zip files, and editable installs whose metadata is not in a directory of the search path.
"""

from __future__ import annotations

import os
import stat
import sys
from _imp import source_hash  # PERF: every interpreter has it in it

from autotrace.patching.catalog import Part

GROUP = "[autotrace.instrumentors]"
_PREFIX, _SUFFIX = "instrumentors-", ".txt"
_MOST = 32  # search paths of one user that are not looked through again at each start
_NO_LINK = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def third_party(cache_dir: str) -> list[Part]:
    """Return what other distributions announce.

    Args:
        cache_dir: where the findings are kept; it need not be writable.
    """
    key = _key()
    where = source_hash(0, "|".join([sys.version.split()[0], *sys.path]).encode(errors="replace")).hex()
    cache = os.path.join(cache_dir, f"{_PREFIX}{where}{_SUFFIX}")
    try:
        first, *rest = _read(cache).split("\n")
        if first == key:
            return [_part(*line.split("\t")) for line in rest if line]
    except (OSError, ValueError, TypeError):
        pass
    found = scan(sys.path)
    _keep(cache, "\n".join([key, *("\t".join(pair) for pair in found)]))
    return [_part(*pair) for pair in found]


def announced() -> list[Part]:
    """Return what other distributions announce, looked for anew."""
    return [_part(*pair) for pair in scan(sys.path)]


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


def _part(trigger: str, value: str) -> Part:
    return Part(trigger, None, trigger, "third_party", trigger, value)


def _key() -> str:
    parts = [sys.version.split()[0]]
    for directory in sys.path:
        try:
            parts.append(f"{directory}@{os.stat(directory or '.').st_mtime_ns}")
        except OSError:
            continue
    return "|".join(parts).replace("\n", " ")


def _read(cache: str) -> str:
    """Return what is in the file of findings; what stands there is imported, so nobody else may have written it.

    Raises:
        OSError: there is none that may be trusted.
        ValueError: it is no text.
    """
    descriptor = os.open(cache, os.O_RDONLY | _NO_LINK)
    with open(descriptor, encoding="utf-8") as lines:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or (
            hasattr(os, "geteuid") and (status.st_uid != os.geteuid() or status.st_mode & 0o022)
        ):
            raise PermissionError(f"{cache} may be somebody else's")
        return lines.read()


def _keep(cache: str, text: str) -> None:
    """Write the findings in one step, so that a reader sees the old file or the new one."""
    temporary = f"{cache}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(cache), mode=0o700, exist_ok=True)
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK, 0o600)
        except FileExistsError:  # of a process that was killed, or a trap: not written to, and gone the next time
            os.unlink(temporary)
            return
        with open(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        os.replace(temporary, cache)
        _forget_old(os.path.dirname(cache))
    except OSError:
        return


def _forget_old(directory: str) -> None:
    """Delete the findings for search paths that were not looked up for the longest, beyond a number."""
    names = [name for name in os.listdir(directory) if name.startswith(_PREFIX) and _SUFFIX in name]
    if len(names) > _MOST:
        files = [os.path.join(directory, name) for name in names]
        files.sort(key=lambda file: os.lstat(file).st_mtime_ns)
        for file in files[: len(files) - _MOST]:
            os.unlink(file)
