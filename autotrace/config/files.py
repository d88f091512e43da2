"""A configuration file: whether it may be trusted, and what stands in it.  Loaded only where there is one.

Whoever can write a file that is found by climbing upward decides where all spans go, so one that is not ours counts only
if the user names it (as git's ``safe.directory``).  Not asked: lists of access rights beyond the mode, and file systems
that have no owners.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

_GROUP, _OTHERS = 0o020, 0o002  # may write


def read(
    first: str,
    others: Iterable[str],
    known: tuple[str, ...],
    warnings: list[str],
    advise: Callable[[str, tuple[str, ...]], str] | None,
) -> tuple[str, dict[str, Any]]:
    """Return the file that counts, and what it says; its name is empty where none does.

    Args:
        first: the one that the user named, or the nearest that was found.
        others: those that were found above it; an empty tuple where it was named.
        known: the names of all settings.
        warnings: takes up a sentence for each file and key that is passed over.
        advise: as for ``settings.load``.
    """
    named = others == ()
    for file in (first, *others):
        try:
            if not named and os.path.basename(file) == "pyproject.toml" and not _mentioned(file):
                continue
            reason = "" if named else distrusted(file)
            if reason:
                warnings.append(f"{file} {reason}; it is passed over: name it with --config if it is to count")
                continue
            content = _table(file)
        except (OSError, ValueError, RecursionError, ImportError) as error:
            warnings.append(f"the configuration file {file} cannot be read ({error}); it is passed over")
            return "", {}
        if content is not None:
            for key in content:
                if key not in known:  # its value is not told: it may be a secret
                    hint = advise(key, known) if advise else ""
                    warnings.append(f"{key} in {file} is no setting of autotrace{hint}; it is passed over")
            return file, content
    return "", {}


def distrusted(file: str) -> str:
    """Return why a file that was found does not count, as the end of a sentence, or an empty string.

    Raises:
        OSError: it cannot be looked at.
    """
    if not hasattr(os, "geteuid"):
        return ""
    real = os.path.realpath(file)
    for place in dict.fromkeys((real, os.path.dirname(real), os.path.dirname(file))):
        status = os.stat(place)
        where = "" if place == real else f"is in {place}, which "
        if status.st_uid not in (0, os.geteuid()):
            return f"{where}belongs to another user"
        if status.st_mode & _OTHERS or (status.st_mode & _GROUP and not _is_our_own(status.st_gid)):
            return f"{where}others may write"
    return ""


def _is_our_own(group: int) -> bool:
    """Tell whether a group is that of one user, as many systems make one for each."""
    import grp
    import pwd

    if group == 0:
        return True
    try:
        us, them = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
    except KeyError:
        return False
    return us.pw_gid == group and them.gr_name == us.pw_name and set(them.gr_mem) <= {us.pw_name}


def _mentioned(file: str) -> bool:
    """Tell whether a pyproject.toml may have a table of ours, without reading it as TOML: many only require us."""
    with open(file, "rb") as content:
        lines = content.read().split(b"\n")
    for line in lines:
        before, ours, after = line.partition(b"autotrace")
        where = before.translate(None, b" \t.[\"'")
        if ours and (where == b"tool" or (not where and after.strip()[:1] in (b"=", b"."))):
            return True
    return False


def _table(file: str) -> dict[str, Any] | None:
    """Return the settings in a file; None for a pyproject.toml that has none of ours.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no TOML, or has something else where the table should be.
        ImportError: nothing here reads TOML.
    """
    content = parsed(file)
    if os.path.basename(file) != "pyproject.toml":
        return content
    tool = content.get("tool", {})
    if not isinstance(tool, dict) or "autotrace" not in tool:
        return None
    ours = tool["autotrace"]
    if not isinstance(ours, dict):
        raise ValueError("tool.autotrace is not a table: write [tool.autotrace]")  # noqa: TRY004
    return ours


def parsed(file: str) -> dict[str, Any]:
    """Return what stands in a TOML file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no TOML.
        ImportError: nothing here reads TOML.
    """
    try:
        import tomllib  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        import tomli as tomllib  # type: ignore[import-not-found,no-redef,unused-ignore]

    with open(file, encoding="utf-8") as lines:
        content: dict[str, Any] = tomllib.loads(lines.read())
    return content
