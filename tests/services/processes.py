"""Processes of services: nothing outlives who started it."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)  # before the fork, where loading a library is still safe


def _die_with_parent() -> None:
    """Let Linux kill this process when the thread that started it ends; runs between fork and exec."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def start_process(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a process without input, in a session of its own; on Linux it is killed when its parent ends.

    Args:
        command: the program and its arguments.
        options: more for ``subprocess.Popen``.
    """
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the tests; they stop the service after their last word
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - it takes no lock
        **options,
    )
