"""Installing the program of a service from the system's packages: only where ``make`` said so, as root, with apt-get.

The system starts nothing: while a package is installed, what Debian asks before it starts a service says no.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

allowed = False
"""Whether this process may install and fetch: ``tests.services --install`` and ``tests.transparency`` may, no pytest does."""

_one_at_a_time = threading.Lock()  # services that start side by side
_POLICY = Path("/usr/sbin/policy-rc.d")  # invoke-rc.d(8) asks it; 101 is "action forbidden by policy"


def announce(what: str) -> None:
    """Say in one line what is about to be installed or fetched."""
    print(f"services: {what}", file=sys.stderr, flush=True)


def apt_install(package: str, need: str) -> None:
    """Install a package.

    Args:
        package: its name.
        need: what is missing and what for, without what to do about it.

    Raises:
        ServiceUnavailable: it cannot be installed, or not by this process; the text is one line that says how to get it.
    """
    if not allowed or not shutil.which("apt-get") or os.geteuid() != 0:
        raise ServiceUnavailable(f"{need}: install it (Debian: apt-get install {package})")
    with _one_at_a_time:
        _install(package, need)


def _install(package: str, need: str) -> None:
    announce(f"{need}: installing {package} with apt-get")
    with _nothing_started():
        for command in (
            ["apt-get", "update", "-q"],
            ["apt-get", "install", "-y", "-q", "--no-install-recommends", package],
        ):
            environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=environment
            )
            if done.returncode:
                said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
                raise ServiceUnavailable(f"{' '.join(command)} failed (exit {done.returncode}): {said}")


@contextlib.contextmanager
def _nothing_started() -> Iterator[None]:
    """Have Debian start no service; a policy that is there already stays, and is the system's own affair."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
    try:
        _POLICY.chmod(0o755)
        yield
    finally:
        _POLICY.unlink()
