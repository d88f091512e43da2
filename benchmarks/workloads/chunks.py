"""How a workload takes its orders: a number of operations on each line of its input, "done" as the answer.

And what it does them with: as in life, no URL, path, key or literal comes twice.  Where BENCH_FACTS is ``constant`` each
operation is the same as the last one, which is what a memory for facts, ours or a library's, likes best.
"""

from __future__ import annotations

import itertools
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator


def numbers() -> Iterator[int]:
    """Return the numbers that make each operation's facts what they are."""
    return itertools.repeat(1_000_000) if os.environ.get("BENCH_FACTS") == "constant" else itertools.count(1_000_000)


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
