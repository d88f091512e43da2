"""threading: a thread inherits the span in which it is started, timers and subclasses that override ``run`` included."""

from __future__ import annotations

import sys

from autotrace.families.execution import concurrency, threads
from autotrace.patching import Instrumentor, Patch

if sys.version_info >= (3, 14):  # `run` has the thread's own context, which `start` makes
    _patches = (
        Patch("threading:Thread.start", threads.start_in_context()),
        Patch("threading:Thread._delete", threads.let_go(), optional=True),
    )
else:
    # The function of C that ``Thread.start`` calls: the thread object, which is the program's, is not touched.
    _target = "_start_joinable_thread" if sys.version_info >= (3, 13) else "_start_new_thread"
    _patches = (Patch(f"threading:{_target}", concurrency.start_thread()),)

INSTRUMENTOR = Instrumentor("threads", *_patches)
