"""Processes of services, and a command that runs beside one: nothing outlives who started it."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from .errors import ServiceUnavailable

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


def _run(command: list[str], variable: str, address: str | None, name: str) -> int:
    """Run ``command`` with the service's address in its environment and return its exit code, as a shell would."""
    environment = {key: value for key, value in os.environ.items() if key != variable}
    if address:
        environment[variable] = address
    try:
        code = subprocess.call(command, env=environment)
    except OSError as error:
        print(f"{name}: {command[0]} does not run: {error}", file=sys.stderr)
        return 127
    return code if code >= 0 else 128 - code


def beside(arguments: list[str], service: Any, variable: str, name: str) -> int:
    """Run the command after ``--`` with a service beside it and return the command's exit code.

    Args:
        arguments: ``--``, the command and its arguments.
        service: has ``start``, ``stop`` and ``address``; where it cannot be had the command runs without it, unless
            CI=true.
        variable: the environment variable that tells the command where the service is.
        name: the module that is run, for what is said.
    """
    command = arguments[1:] if arguments[:1] == ["--"] else arguments
    if not command:
        print(f"usage: python -m {name} -- CMD ARGS...", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        try:
            service.start()
        except ServiceUnavailable as error:
            print(f"{name}: {error}", file=sys.stderr)
            if os.environ.get("CI") == "true":
                return 1
        return _run(command, variable, service.address or None, name)
    except KeyboardInterrupt:
        return 130
    finally:
        service.stop()
