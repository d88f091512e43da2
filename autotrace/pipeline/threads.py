"""Bare threads of ours, which leave signals to the main thread.

The kernel gives a process's signal to any thread that takes it.  Where that is another than the main thread, which sleeps,
Python's main thread sleeps on: Ctrl-C would be heard only after its `sleep` or `read`, which ends at once in a bare program
that has one thread.
"""

from __future__ import annotations

import signal
from _thread import start_new_thread

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
    if not hasattr(signal, "pthread_sigmask"):  # Windows has none
        start_new_thread(run, arguments)
        return
    # It inherits what is blocked here: before it could block anything itself it waits for the interpreter's lock, for long.
    # The mask is asked for first, since a handler of the program's may raise out of any of these calls.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - _OF_A_THREAD)
        start_new_thread(run, arguments)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
