"""eventlet: a green thread inherits the span in which it is made; work for native threads takes it along.

Without us a green thread starts in an empty context.  Threads that ``eventlet.monkey_patch`` turns into green ones come
through here.
"""

from __future__ import annotations

from eventlet.greenthread import getcurrent  # type: ignore[import-untyped,unused-ignore]

from autotrace.families.execution import concurrency, places
from autotrace.patching import Instrumentor, Patch

places.several(getcurrent)

INSTRUMENTOR = Instrumentor(
    "eventlet",
    Patch("eventlet.greenthread:GreenThread.__init__", concurrency.make_greenlet(lambda args, _: args[0])),
    Patch("eventlet.greenthread:_spawn_n", concurrency.make_greenlet(lambda _, result: result[1])),
)

TPOOL = Instrumentor("eventlet_tpool", Patch("eventlet.tpool:execute", concurrency.carry(0, "meth")))
