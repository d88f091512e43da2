"""subprocess: a program that is started finds its parent in its environment (TRACEPARENT, TRACESTATE, BAGGAGE).

``run``, ``call``, ``check_output``, ``os.popen`` and asyncio's subprocesses come through ``Popen``.
"""

from __future__ import annotations

from autotrace.families.execution import processes
from autotrace.patching import Instrumentor, Patch

INSTRUMENTOR = Instrumentor(
    "subprocess",
    Patch("subprocess:Popen.__init__", processes.environment(11)),
)
