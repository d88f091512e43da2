"""How a workload takes its orders: a number of operations on each line of its input, "done" as the answer."""

from __future__ import annotations

import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def serve(run: Callable[[int], object]) -> None:
    """Run chunks of operations until the input ends."""
    print("ready", flush=True)
    for line in sys.stdin:
        run(int(line))
        print("done", flush=True)
    print(f"leaving {time.monotonic():.6f}", flush=True)


async def serve_async(run: Callable[[int], Awaitable[object]]) -> None:
    """Run chunks of operations in this task until the input ends; between chunks the loop stands still."""
    print("ready", flush=True)
    for line in sys.stdin:
        await run(int(line))
        print("done", flush=True)
    print(f"leaving {time.monotonic():.6f}", flush=True)
