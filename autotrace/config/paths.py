"""Where a user's traces lie on this machine: the data directory, the inbox in it, the database beside it.

Standard library only and no imports beyond `os` and `sys`, because both sides share it. It names places and
creates none of them.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


UNDELIVERED = "undelivered"
"""The directory, beside the inbox, of what a receiver has not taken."""


def data_directory(environ: Mapping[str, str] | None = None, platform: str = sys.platform) -> str:
    """Find the directory in which all services of this user meet.

    Args:
        environ: the environment to read, by default that of the process. An empty value counts as unset.
        platform: as `sys.platform`.

    Returns:
        `AUTOTRACE_DATA_DIR` if set; else the place that the platform keeps for the data of programs.
    """
    env = os.environ if environ is None else environ
    chosen = env.get("AUTOTRACE_DATA_DIR")
    return located(chosen) if chosen else default_directory(env, platform)


def default_directory(env: Mapping[str, str], platform: str = sys.platform) -> str:
    """Return the data directory where nobody chose one; the arguments are those of ``data_directory``."""
    home = env.get("XDG_DATA_HOME")
    if not home:
        if platform == "win32":
            home = env.get("LOCALAPPDATA") or os.path.join(os.path.expanduser("~"), "AppData", "Local")
        elif platform == "darwin":
            home = os.path.join(os.path.expanduser("~"), "Library", "Application Support")
        else:
            home = os.path.join(os.path.expanduser("~"), ".local", "share")
    return os.path.join(os.path.abspath(home), "autotrace")


def located(path: str, base: str = "") -> str:
    """Return a path that somebody wrote as an absolute one, so that it does not move with the working directory.

    Args:
        path: ``~`` in it is somebody's home; an empty one stays empty.
        base: what a relative one is relative to, by default the working directory.

    Raises:
        ValueError: it names the home of somebody who has none.
        OSError: there is no working directory.
    """
    if not path:
        return ""
    expanded = os.path.expanduser(path)
    if path[0] == "~" and expanded == path:
        raise ValueError("names a home directory that is not known")
    return os.path.abspath(os.path.join(base, expanded))


def inbox_directory(data: str) -> str:
    """Return the directory into which traced processes write."""
    return os.path.join(data, "inbox")


def database_file(data: str) -> str:
    """Return the indexed SQLite file that only the reader side touches."""
    return os.path.join(data, "traces.sqlite")


def temporary_root() -> str:
    """Return our directory under the system's temporary one (``tempfile`` is a heavy import)."""
    for name in ("TMPDIR", "TEMP", "TMP"):
        base = os.environ.get(name)
        if base and os.path.isdir(base):
            break
    else:
        base = "/tmp"  # noqa: S108
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    return os.path.join(os.path.abspath(base), f"autotrace-{user}")


def temporary_directory(data: str) -> str:
    """Return what takes the place of a data directory that cannot be used: one of its own for each that was chosen.

    The default ones share theirs: a process without a home has another default than whoever reads its traces.
    """
    if data == default_directory(os.environ):
        return temporary_root()
    from zlib import crc32

    return os.path.join(temporary_root(), f"for-{crc32(os.path.realpath(data).encode(errors='surrogateescape')):08x}")


def configuration_files(directory: str) -> Iterator[str]:
    """Yield what may be a configuration file of ours, at or above a directory, the nearest first."""
    for above in upward(directory):
        own = os.path.join(above, "autotrace.toml")
        if os.path.isfile(own):
            yield own
        shared = os.path.join(above, "pyproject.toml")
        if os.path.isfile(shared) and os.access(shared, os.R_OK):
            with open(shared, "rb") as content:
                ours = b"autotrace" in content.read()
            if ours:
                yield shared


def upward(directory: str) -> Iterator[str]:
    """Yield a directory and all above it."""
    while True:
        yield directory
        above = os.path.dirname(directory)
        if above == directory:
            return
        directory = above
