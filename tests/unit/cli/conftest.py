"""Fixtures for the tests of the command line: a data directory, and the command as people start it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.fixture
def data(tmp_path):
    """A data directory; not there yet."""
    return tmp_path / "data"


@pytest.fixture
def environment(data, tmp_path):
    """An environment that knows nothing of this terminal and this user."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "PYTHONPATH", "SYSTEMROOT"}}
    return {**kept, "AUTOTRACE_DATA_DIR": str(data), "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "LANG": "C.UTF-8"}


@pytest.fixture
def autotrace(environment, tmp_path):
    """Run `python -m autotrace ...` with its output in a pipe."""

    def run(*arguments, **more):
        command = [sys.executable, "-m", "autotrace", *arguments]
        done = subprocess.run(
            command, check=False, capture_output=True, cwd=tmp_path, env={**environment, **more}, timeout=60
        )
        done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
        return done

    return run
