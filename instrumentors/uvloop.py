"""uvloop: a program that is started finds its parent in its environment.

uvloop starts programs without ``subprocess``.  Tasks, callbacks and threads need nothing here: it copies the context as
asyncio does.
"""

from __future__ import annotations

from autotrace.families.execution import processes
from autotrace.patching import Instrumentor, Patch

_starting = processes.environment(99)  # by name only: what stands in its place belongs to the command

INSTRUMENTOR = Instrumentor(
    "uvloop", Patch("uvloop:Loop.subprocess_exec", _starting), Patch("uvloop:Loop.subprocess_shell", _starting)
)
