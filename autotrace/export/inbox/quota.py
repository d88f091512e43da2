"""Keeping the inbox below its size: the oldest files whose writers are gone are deleted, read or not.

A file is finished if it can be locked for us alone at once; nobody is ever waited for.  Several processes can pass the
ceiling together, each by what it reserves: they do not know of each other's reserves.
"""

from __future__ import annotations

import os

from autotrace.export.inbox import system
from autotrace.signals import MAGIC, SUFFIX
from autotrace.trace.clocks import clocks

_YOUNG = 10.0  # seconds: a file with nothing but its header may be about to be locked by its writer
_ABANDONED = 3600.0  # seconds: stands in for the lock where there is none


def make_room(directory: str, ceiling: int, need: int) -> int:
    """Delete the oldest finished files until a number of bytes fits below the ceiling.

    Args:
        directory: the inbox.
        ceiling: bytes that all its files may have together.
        need: bytes that are about to be written.

    Returns:
        The bytes that fit now, which may be fewer, or more.

    Raises:
        OSError: the directory cannot be read.
    """
    found: list[tuple[int, str, int]] = []
    with system.os.scandir(directory) as entries:
        for entry in entries:
            if not entry.name.endswith(SUFFIX):
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:  # a reader has just deleted it
                continue
            found.append((status.st_mtime_ns, entry.name, status.st_size))
    room = ceiling - sum(size for _, _, size in found)
    now = clocks.wall_ns() / 1e9
    for modified, name, size in sorted(found):
        age = now - modified / 1e9
        if room >= need:
            break
        if size <= len(MAGIC) and age < _YOUNG:
            continue
        if _delete(system.os.path.join(directory, name), age):
            room += size
    return room


def _delete(path: str, age: float) -> bool:
    """Delete a file if its writer is gone; tell whether it is."""
    try:
        if system.locks is None:
            if age < _ABANDONED:
                return False
            system.os.unlink(path)
            return True
        descriptor = system.os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            system.locks.flock(descriptor, system.locks.LOCK_EX | system.locks.LOCK_NB)
            system.os.unlink(path)
        finally:
            system.os.close(descriptor)
    except FileNotFoundError:
        return True
    except OSError:  # in use, or not ours to delete
        return False
    return True
