"""Making the place where spans lie on this machine.

Nothing is made before the first span is written.  Directories are made for their owner alone (XDG Base Directory
Specification, "Referencing this specification"); those that exist are left as they are.
"""

from __future__ import annotations

import stat

from autotrace.export.system import system


def make(directory: str) -> None:
    """Make a directory and what is missing above it, for us alone.

    Raises:
        OSError: it cannot be made.
    """
    try:
        system.os.mkdir(directory, 0o700)
    except FileExistsError:
        if not stat.S_ISDIR(system.os.stat(directory).st_mode):
            raise
    except FileNotFoundError:
        above = system.os.path.dirname(directory)
        if above == directory:
            raise
        make(above)
        try:
            system.os.mkdir(directory, 0o700)
        except FileExistsError:  # another process was faster
            return


def make_private(directory: str) -> None:
    """Make a directory where everybody may, and trust it only if it is ours: no link, nobody else's, not open.

    Raises:
        OSError: it cannot be made, or is not ours.
    """
    make(directory)
    status = system.os.lstat(directory)
    ours = not hasattr(system.os, "getuid") or status.st_uid == system.os.getuid()
    if not stat.S_ISDIR(status.st_mode) or not ours or (system.os.name == "posix" and status.st_mode & 0o022):
        raise PermissionError(f"{directory!r} is not a directory of ours alone: remove it, or set AUTOTRACE_DATA_DIR")
