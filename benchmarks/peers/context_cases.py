"""Runs cases of context under whatever agent this process has: ``context_cases.py CASE...``.

Each case runs in a context of its own.  Each span that is made appends its name, its id and its parent's id to a file.
``CASES`` says, for each case, what runs and which parents are right.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import gc
import importlib
import multiprocessing
import multiprocessing.pool
import os
import subprocess
import sys
import threading
from typing import Any

AGENT = os.environ["CONTEXT_AGENT"]
FILE = os.environ["CONTEXT_FILE"]
ASKING = [("asking", ""), ("inside", "asking")]
CASES: dict[str, tuple[Any, list[tuple[str, str]]]] = {}


class span:  # noqa: N801 - as autotrace.span
    """A span made by hand, with what the agent has for that; it writes down who its parent is."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        """Start it."""
        if AGENT == "opentelemetry":
            tracer = importlib.import_module("opentelemetry.trace").get_tracer("context")
            self._made = tracer.start_as_current_span(self._name)
            made = self._made.__enter__()
            parent = made.parent.span_id if made.parent else 0
            found = made.get_span_context().span_id, parent
        elif AGENT == "ddtrace":
            self._made = importlib.import_module("ddtrace.trace").tracer.trace(self._name)
            made = self._made.__enter__()
            found = made.span_id, made.parent_id or 0
        else:
            # With the caller's frame, as if the caller had written it: it may be a generator's.
            self._made = importlib.import_module("autotrace").span(self._name)
            self._made._open(sys._getframe(1))  # noqa: SLF001
            made = self._made._span  # noqa: SLF001
            found = int(made.span_id, 16), int(made.parent_id or "0", 16)
        with open(FILE, "a", encoding="ascii") as lines:
            lines.write(f"{self._name.replace(' ', '_')} {found[0]:x} {found[1]:x}\n")

    def __exit__(self, *error: object) -> None:
        """End it."""
        self._made.__exit__(*error)


def case(*expected: tuple[str, str]) -> Any:
    """Register a function as a case; without more, it asks for ``inside`` beneath ``asking``."""

    def register(function: Any) -> Any:
        def asking() -> None:
            with span("asking"):
                function()

        CASES[function.__name__] = (function, sorted(expected)) if expected else (asking, ASKING)
        return function

    return register


def work(name: str = "inside") -> str:
    """Make a span."""
    with span(name):
        return name


async def slow_work(name: str = "inside") -> str:
    """Make a span that is current across a pause."""
    with span(name):
        await asyncio.sleep(0)
        return name


@case()
def thread() -> None:
    """threading.Thread."""
    one = threading.Thread(target=work)
    one.start()
    one.join()


@case()
def timer() -> None:
    """threading.Timer."""
    one = threading.Timer(0.001, work)
    one.start()
    one.join()


@case()
def executor_submit() -> None:
    """ThreadPoolExecutor.submit."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()


@case()
def executor_map() -> None:
    """ThreadPoolExecutor.map."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        list(pool.map(work, ["inside"]))


@case()
def future_callback() -> None:
    """Future.add_done_callback."""
    gate = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(gate.wait).add_done_callback(lambda _: work())
        gate.set()


@case()
def thread_pool() -> None:
    """multiprocessing.pool.ThreadPool."""
    with multiprocessing.pool.ThreadPool(1) as pool:
        pool.map(work, ["inside"])


@case()
def copied_context() -> None:
    """contextvars.copy_context().run."""
    contextvars.copy_context().run(work)


@case()
def task() -> None:
    """asyncio.create_task."""

    async def main() -> None:
        await asyncio.create_task(slow_work())

    asyncio.run(main())


@case()
def gather() -> None:
    """asyncio.gather."""

    async def main() -> None:
        await asyncio.gather(slow_work())

    asyncio.run(main())


@case()
def task_group() -> None:
    """asyncio.TaskGroup."""

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(slow_work())

    asyncio.run(main())


@case()
def to_thread() -> None:
    """asyncio.to_thread."""
    asyncio.run(asyncio.to_thread(work))


@case()
def run_in_executor() -> None:
    """loop.run_in_executor."""

    async def main() -> None:
        await asyncio.get_running_loop().run_in_executor(None, work)

    asyncio.run(main())


def _called(how: str, *more: Any) -> None:
    async def main() -> None:
        done = asyncio.Event()
        getattr(asyncio.get_running_loop(), how)(*more, lambda: (work(), done.set()))
        await done.wait()

    asyncio.run(main())


@case()
def call_soon() -> None:
    """loop.call_soon."""
    _called("call_soon")


@case()
def call_later() -> None:
    """loop.call_later."""
    _called("call_later", 0.001)


@case()
def uvloop_task() -> None:
    """uvloop: create_task and to_thread."""
    loop = importlib.import_module("uvloop").new_event_loop()

    async def main() -> None:
        await asyncio.create_task(slow_work())

    loop.run_until_complete(main())
    loop.close()


@case()
def trio_nursery() -> None:
    """trio: start_soon."""
    trio = importlib.import_module("trio")

    async def child() -> None:
        with span("inside"):
            await trio.sleep(0)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)

    trio.run(main)


@case()
def trio_to_thread() -> None:
    """trio.to_thread.run_sync."""
    trio = importlib.import_module("trio")
    trio.run(trio.to_thread.run_sync, work)


@case()
def anyio_to_thread() -> None:
    """anyio.to_thread.run_sync."""
    anyio = importlib.import_module("anyio")
    importlib.import_module("anyio.to_thread")
    anyio.run(anyio.to_thread.run_sync, work)


@case()
def gevent_spawn() -> None:
    """gevent.spawn."""
    importlib.import_module("gevent").spawn(work).join()


@case()
def gevent_early() -> None:
    """gevent.monkey.patch_all before everything (in the runner), Thread."""
    thread()


@case()
def gevent_late() -> None:
    """gevent.monkey.patch_all now, Thread."""
    importlib.import_module("gevent.monkey").patch_all()
    thread()


@case()
def gevent_native() -> None:
    """gevent's pool of native threads."""
    importlib.import_module("gevent").get_hub().threadpool.apply(work)


@case()
def eventlet_spawn() -> None:
    """eventlet.spawn."""
    importlib.import_module("eventlet").spawn(work).wait()


@case()
def eventlet_late() -> None:
    """eventlet.monkey_patch now, Thread."""
    importlib.import_module("eventlet").monkey_patch()
    thread()


def block() -> Any:
    """A generator that keeps a span open."""
    with span("gen"):
        work("step")
        yield 1
        work("step")
        yield 2


_STEPS = [("consumer", ""), ("gen", "consumer"), ("step", "gen")]


@case(*_STEPS, ("step", "gen"), ("between", "consumer"), ("between", "consumer"))
def generator_fully() -> None:
    """A generator that keeps a span open, consumed fully."""
    with span("consumer"):
        for _ in block():
            work("between")


@case(*_STEPS, ("afterwards", "consumer"), ("at last", ""))
def generator_closed() -> None:
    """The same, left early and closed."""
    with span("consumer"):
        steps = block()
        next(steps)
        steps.close()
        work("afterwards")
    work("at last")


@case(*_STEPS, ("afterwards", "consumer"), ("at last", ""))
def generator_collected() -> None:
    """The same, left early and collected."""
    with span("consumer"):
        steps = block()
        next(steps)
        del steps
        gc.collect()
        work("afterwards")
    work("at last")


@case(("gen", ""), ("gen", ""), *[("step", "gen")] * 4, ("between", ""))
def generators_interleaved() -> None:
    """Two of them in turns."""
    one, two = block(), block()
    next(one)
    next(two)
    work("between")
    for steps in (one, two, one, two):
        next(steps, None)


async def async_block() -> Any:
    """An asynchronous generator that keeps a span open."""
    with span("gen"):
        work("step")
        yield 1
        work("step")


@case(*_STEPS, ("afterwards", "consumer"), ("at last", ""))
def async_generator_left() -> None:
    """An ``async for`` that is left early."""

    async def main() -> None:
        with span("consumer"):
            async for _ in async_block():
                break
            gc.collect()
            for _ in range(5):
                await asyncio.sleep(0)
            work("afterwards")
        work("at last")

    asyncio.run(main())


@case(("gen", "first"), ("first", ""), ("step", "gen"), ("step", "gen"), ("second", ""), ("in second", "second"))
def async_generator_in_other_tasks() -> None:
    """Each step in a task of its own."""

    async def step(steps: Any, name: str) -> None:
        with span(name):
            with contextlib.suppress(StopAsyncIteration):
                await steps.__anext__()
            if name == "second":
                work("in second")

    async def main() -> None:
        steps = async_block()
        await asyncio.create_task(step(steps, "first"))
        await asyncio.create_task(step(steps, "second"))

    asyncio.run(main())


@case()
def fork() -> None:
    """os.fork."""
    child = os.fork()
    if not child:
        work()
        os._exit(0)
    os.waitpid(child, 0)


def _process(method: str) -> None:
    process = multiprocessing.get_context(method).Process(target=work)
    process.start()
    process.join()


@case()
def process_fork() -> None:
    """multiprocessing.Process, fork."""
    _process("fork")


@case()
def process_spawn() -> None:
    """multiprocessing.Process, spawn."""
    _process("spawn")


@case()
def process_forkserver() -> None:
    """multiprocessing.Process, forkserver."""
    _process("forkserver")


@case()
def process_executor() -> None:
    """ProcessPoolExecutor, spawn."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        pool.submit(work).result()


@case()
def process_pool() -> None:
    """multiprocessing.Pool, fork: the second piece of work of a process that was made before."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        pool.apply(work)


@case()
def subprocess_run() -> None:
    """subprocess.run of a traced program."""
    command = {"opentelemetry": "opentelemetry-instrument", "ddtrace": "ddtrace-run", "autotrace": "autotrace-run"}
    launcher = os.path.join(os.path.dirname(sys.executable), command[AGENT])
    subprocess.run([launcher, sys.executable, __file__, "--work"], check=True)


def main() -> None:
    """Run the cases that are named, and say in the file and on standard error where each begins."""
    for name in sys.argv[1:]:
        with open(FILE, "a", encoding="ascii") as lines:
            lines.write(f"# {name}\n")
        sys.stderr.write(f"# {name}\n")
        contextvars.Context().run(CASES[name][0])


if __name__ == "__main__":
    if sys.argv[1:] == ["--work"]:
        work()
    else:
        main()
