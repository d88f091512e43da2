"""Where spans lie on this machine, and the making of that place.

Nothing is made before the first span is written.  Directories are made for their owner alone (XDG Base Directory
Specification, "Referencing this specification"); those that exist are left as they are.
"""

from __future__ import annotations

import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def data_directory(environ: Mapping[str, str] | None = None, platform: str = sys.platform) -> str:
    """Return the user's data directory for autotrace; without a home it may be one that cannot be made."""
    env = os.environ if environ is None else environ
    chosen = env.get("AUTOTRACE_DATA_DIR")
    if chosen:
        return os.path.abspath(os.path.expanduser(chosen))
    base = env.get("XDG_DATA_HOME")
    if not base:
        home = os.path.expanduser("~")
        if platform == "win32":
            base = env.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
        elif platform == "darwin":
            base = os.path.join(home, "Library", "Application Support")
        else:
            base = os.path.join(home, ".local", "share")
    return os.path.join(os.path.abspath(base), "autotrace")


def temporary_directory() -> str:
    """Return the place to fall back on, under the system's temporary directory (``tempfile`` is a heavy import)."""
    for name in ("TMPDIR", "TEMP", "TMP"):
        base = os.environ.get(name)
        if base and os.path.isdir(base):
            break
    else:
        base = "/tmp"  # noqa: S108
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    return os.path.join(os.path.abspath(base), f"autotrace-{user}")


def make(directory: str) -> None:
    """Make a directory and what is missing above it, for us alone.

    Raises:
        OSError: it cannot be made.
    """
    try:
        os.mkdir(directory, 0o700)
    except FileExistsError:
        if not os.path.isdir(directory):
            raise
    except FileNotFoundError:
        above = os.path.dirname(directory)
        if above == directory:
            raise
        make(above)
        try:
            os.mkdir(directory, 0o700)
        except FileExistsError:  # another process was faster
            return


def make_private(directory: str) -> None:
    """Make a directory where everybody may, and trust it only if it is ours: no link, nobody else's, not open.

    Raises:
        OSError: it cannot be made, or is not ours.
    """
    make(directory)
    status = os.lstat(directory)
    ours = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    if not stat.S_ISDIR(status.st_mode) or not ours or (os.name == "posix" and status.st_mode & 0o022):
        raise PermissionError(f"{directory!r} is not a directory of ours alone: remove it, or set AUTOTRACE_DATA_DIR")
