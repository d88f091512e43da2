"""Bare threads of ours, which leave signals to the main thread.

The kernel gives a process's signal to any thread that takes it.  Where that is another than the main thread, which sleeps,
Python's main thread sleeps on: Ctrl-C would be heard only after its `sleep` or `read`, which ends at once in a bare program
that has one thread.
"""

from __future__ import annotations

import signal
from _thread import start_new_thread

from autotrace.patching.wall import fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_NAMES = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP", "SIGSYS")
_OF_A_THREAD = {getattr(signal, name) for name in _NAMES if hasattr(signal, name)}  # it has caused them itself


def start_thread(run: Callable[..., object], *arguments: Any) -> None:
    """Start a thread that `threading` does not know and no signal of the process reaches.

    Raises:
        RuntimeError: the interpreter is ending, or the machine is out of threads.
    """
    start_new_thread(_begin, (run, arguments))


def _begin(run: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    try:
        if hasattr(signal, "pthread_sigmask"):  # Windows has none
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - _OF_A_THREAD)
    except Exception:
        fault("process")
    run(*arguments)
