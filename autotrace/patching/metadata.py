"""Which version of a distribution is installed, as the metadata in the directories of the search path says it.

Read is the one line that is needed: ``importlib.metadata`` brings the parsers of mails, archives and tables with it, and
raises where somebody's installation is broken.  A version is not known, and what an instrumentor patches decides, where
there is no metadata, none that can be read, none with a number, or several of different versions in one directory.

Distributions in archives, and those that only an importer of the program's own finds, are asked of ``importlib_metadata``
(or Python's own, from 3.10 on), where there is an archive or such an importer.
"""

from __future__ import annotations

import os
import sys

from autotrace.patching.versions import normalized, release, unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDINGS = (".dist-info", ".egg-info")
_listed: dict[str, tuple[int, dict[str, list[str]]]] = {}  # by directory: when it was changed, and what is in it


def judged(distribution: str, versions: str, file: str = "") -> tuple[str, str]:
    """Return the installed version, empty where it is not known, and why it is not supported, or an empty string.

    Args:
        distribution: the distribution's name.
        versions: those that are supported.
        file: the library's own; metadata that speaks of another one does not count against it.
    """
    if not distribution:
        return "", ""
    found = _found(distribution)
    version = _version(found) if found else _elsewhere(distribution)
    reason = unsupported(distribution, version, versions)
    if reason and found and file and not any(_speaks_of(info, file) for info in found):
        return "", ""
    return version, reason


def file_of(module: str) -> str:
    """Return the file of an imported module, or an empty string."""
    try:
        return os.path.abspath(sys.modules[module].__file__ or "")
    except Exception:  # a namespace, a module without a file, an object that stands in for one
        return ""


def _found(distribution: str) -> list[str]:
    """Return where the metadata of a distribution lies: in the first directory of the search path that has any."""
    name = normalized(distribution)
    for directory in sys.path:
        known = _infos(directory or os.curdir)
        infos = known.get(name) or known.get(f"{name}_binary")  # by which name some libraries' wheels go
        if infos:
            return infos
    return []


def _elsewhere(distribution: str) -> str:
    """Return the version of a distribution that is in no directory, or an empty string; never raises."""
    from importlib.machinery import PathFinder

    try:
        asked = any(hasattr(finder, "find_distributions") and finder is not PathFinder for finder in sys.meta_path)
        if not asked and not any(os.path.isfile(entry) for entry in sys.path):
            return ""
        try:
            import importlib_metadata as metadata  # type: ignore[import-not-found,unused-ignore]
        except ImportError:
            from importlib import metadata  # type: ignore[no-redef,unused-ignore]
        version = str(metadata.version(distribution))
    except Exception:  # not found, broken, or whatever an importer of the program's own raises
        return ""
    return version if release(version) else ""


def _infos(directory: str) -> dict[str, list[str]]:
    """Return the metadata in a directory, by the distributions' names; kept until the directory changes."""
    try:
        changed = os.stat(directory).st_mtime_ns
        known = _listed.get(directory)
        if known is None or known[0] != changed:
            found: dict[str, list[str]] = {}
            for entry in sorted(os.listdir(directory)):
                if entry.endswith(_ENDINGS):
                    name = normalized(entry.rpartition(".")[0].partition("-")[0])
                    found.setdefault(name, []).append(os.path.join(directory, entry))
            known = _listed[directory] = changed, found
    except (OSError, ValueError, TypeError):  # an archive, a directory that is gone, whatever stands in `sys.path`
        return {}
    return known[1]


def _version(infos: list[str]) -> str:
    """Return the one version that metadata tells, or an empty string."""
    versions = {version for info in infos for version in _told(info)}
    return versions.pop() if len(versions) == 1 else ""


def _told(info: str) -> Iterator[str]:
    """Yield the version that one directory (or file) of metadata tells, if it tells one that has a number."""
    for file in (os.path.join(info, "METADATA"), os.path.join(info, "PKG-INFO"), info):
        try:
            with open(file, encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    name, _, value = line.partition(":")
                    if name.lower() == "version" and release(value):
                        yield value.strip()
                    if not line.strip() or name.lower() == "version":
                        return
        except OSError:
            continue


def _speaks_of(info: str, file: str) -> bool:
    """Tell whether metadata is that of a library's file, as far as it lists its files with their sizes."""
    home = os.path.dirname(os.path.abspath(info))
    try:
        with open(os.path.join(info, "RECORD"), encoding="utf-8", errors="replace") as lines:
            for line in lines:
                path, _, rest = line.strip().partition(",")
                if os.path.normpath(os.path.join(home, path)) == file:
                    size = rest.rpartition(",")[2]
                    return not size.isdigit() or int(size) == os.stat(file).st_size
            return False
    except OSError:  # it lists nothing
        return home in (os.path.dirname(file), os.path.dirname(os.path.dirname(file)))
