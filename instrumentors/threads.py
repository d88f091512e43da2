"""threading: a thread inherits the span in which it is started, timers and subclasses that override ``run`` included."""

from __future__ import annotations

import sys

from autotrace.patching import Instrumentor, Patch
from autotrace.protocols import concurrency

# The function of C that ``Thread.start`` calls: the thread object, which is the program's, is not touched.
_TARGET = "_start_joinable_thread" if sys.version_info >= (3, 13) else "_start_new_thread"

INSTRUMENTOR = Instrumentor(
    library="threads",
    versions="*",
    distribution="",
    patches=(Patch(f"threading:{_TARGET}", concurrency.start_thread()),),
)
