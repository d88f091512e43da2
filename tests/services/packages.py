"""Installing the program of a service from the system's packages, where the user is root and the system has apt-get.

The system starts nothing: while a package is installed, what Debian asks before it starts a service says no.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

_POLICY = Path("/usr/sbin/policy-rc.d")  # invoke-rc.d(8) asks it; 101 is "action forbidden by policy"


def apt_install(package: str, need: str) -> None:
    """Install a package.

    Args:
        package: its name.
        need: one line that says what is missing and what for, without what to do about it.

    Raises:
        ServiceUnavailable: it cannot be installed.
    """
    if not shutil.which("apt-get") or os.geteuid() != 0:
        raise ServiceUnavailable(need)
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
