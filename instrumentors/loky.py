"""loky, alone and within joblib: work handed to its processes has its parent where it was handed over.

``map`` comes through ``submit``, and so does all that joblib's ``Parallel`` runs.  What joblib puts off until earlier work
is done it hands over in callbacks of that work, which have the parent of it.
"""

from __future__ import annotations

from autotrace.families.execution import concurrency, processes
from autotrace.patching import Instrumentor, Patch

_work = concurrency.carry(1, "fn", isolated=True, absence=False, carried=processes.Sent)

INSTRUMENTOR = Instrumentor("loky", Patch("loky.process_executor:ProcessPoolExecutor.submit", _work))

JOBLIB = Instrumentor("joblib", Patch("joblib.externals.loky.process_executor:ProcessPoolExecutor.submit", _work))
