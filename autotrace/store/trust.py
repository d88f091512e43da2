"""Whether a file or directory of the reader's is ours: a stranger's may lead to our files, or tell us anything.

Root's count as ours, since root needs no tricks; where files have no owners, only links are looked for.
"""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


def distrusted(path: Path) -> str:
    """Return why a file or directory is not to be used, as the end of a sentence; empty where it may be.

    Raises:
        OSError: it is not there, or cannot be looked at.
    """
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return "is a link"
    if hasattr(os, "geteuid") and status.st_uid not in (0, os.geteuid()):
        return f"belongs to another user ({status.st_uid}), who alone may read it"
    return ""


def writable_by_others(path: Path) -> bool:
    """Tell whether anybody but its owner may write to a directory."""
    return os.name == "posix" and bool(path.stat().st_mode & 0o022)
