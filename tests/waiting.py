"""The one way in which tests wait: for what they want to see, not for a length of time."""

from __future__ import annotations

import platform
import time

LIMIT_S = 60.0
"""Ends a test that waits in vain; nobody measures with it, so it is far more than the slowest machine needs."""
_PAUSE_S = 0.01


def until(condition, what, limit=LIMIT_S):
    """Look again and again until a condition holds; returns what it returned.

    Args:
        condition: a function; what is true ends the waiting.
        what: what is waited for, or a function that says it; the test fails with it when it never came.
        limit: s.
    """
    deadline = time.monotonic() + limit
    while not (seen := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain for {what() if callable(what) else what}")
        time.sleep(_PAUSE_S)
    return seen


# Calls of the system in which the main thread of a program sleeps of its own will: sleep, pause, poll, select and epoll.
_SLEEPING = {
    "x86_64": {"7", "23", "34", "35", "230", "232", "270", "271", "281"},
    "aarch64": {"22", "72", "73", "101", "115"},
}


def asleep(pid):
    """Tell whether the main thread of a process sleeps in the system, where a signal wakes it; Linux knows."""
    try:
        with open(f"/proc/{pid}/syscall") as file:
            return file.read().split()[0] in _SLEEPING[platform.machine()]
    except ProcessLookupError:
        return True  # it has ended, which the test will see


def answered(ask, process=None, what="an answer"):
    """Ask again and again until that raises no OSError any more; returns the answer. Fails at once where a process ended.

    Args:
        ask: a function that asks a server once.
        process: the server's, of ``subprocess``.
        what: as ``until`` takes it.
    """
    answers = []

    def tried():
        ended = process is not None and process.poll() is not None
        assert not ended, f"the server ended: {what() if callable(what) else what}"
        try:
            answers.append(ask())
        except OSError:
            return False
        return True

    until(tried, what)
    return answers[0]
