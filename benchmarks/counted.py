"""A workload whose instructions are counted, one operation and then others in order: ``counted.py COUNT WORKLOAD...``.

What "in order" means is said in ``tests/cost/workload.py``.
"""

from __future__ import annotations

import gc
import importlib
import os
import runpy
import sys
import time
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_CHECKOUT = Path(__file__).resolve().parent.parent
_SETTLED = 1  # s in which the worker's thread has begun and sleeps
_OF_A_SERVER = {
    "aiohttp_server.py": "aiohttp.web",
    "cheroot_server.py": "cheroot.wsgi",
    "tornado_server.py": "tornado.httpserver",
}


class Orders:
    """What a workload takes for its input."""

    def __iter__(self) -> Iterator[str]:
        yield "1\n"
        in_order()
        time.sleep(_SETTLED)
        print("warm", flush=True)  # from here on it counts
        given.readline()
        yield count


if __name__ == "__main__":
    gc.disable()
    os.environ.pop(
        "VALGRIND_LIB", None
    )  # what a launcher starts has it; requests looks through all variables, each time
    in_order = runpy.run_path(str(_CHECKOUT / "tests" / "cost" / "workload.py"), run_name="counted")["in_order"]
    _, count, *sys.argv = sys.argv
    workload = Path(sys.argv[0])
    sys.path.insert(0, str(workload.parent))
    if workload.name in _OF_A_SERVER:  # it takes no orders
        importlib.import_module(_OF_A_SERVER[workload.name])
        in_order()
    given = sys.stdin
    sys.stdin = Orders()  # type: ignore[assignment]
    runpy.run_path(str(workload), run_name="__main__")
