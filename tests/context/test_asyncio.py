"""asyncio, on its own event loop and on uvloop: tasks, callbacks, threads, programs; each span's parent."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest
import uvloop

from autotrace import span


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    """A function that runs a coroutine on a loop of its own."""
    if request.param == "asyncio":
        return asyncio.run

    def run(main):
        loop = uvloop.new_event_loop()
        try:
            return loop.run_until_complete(main)
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    return run


@pytest.fixture(autouse=True)
def traced(recorder, instrument):
    """Threads and executors, patched."""
    instrument("threads", "futures", "futures_callbacks")
    return recorder


def work(name):
    """Make a span."""
    with span(name):
        return name


async def slow_work(name):
    """Make a span that is current across a pause."""
    async with span(name):
        await asyncio.sleep(0)
        return name


async def a_task():
    await asyncio.create_task(slow_work("inside"))


async def a_task_that_somebody_else_awaits():
    task = asyncio.ensure_future(slow_work("inside"))
    await asyncio.wait([task])


async def gathered():
    await asyncio.gather(slow_work("inside"))


async def a_task_group():
    if sys.version_info < (3, 11):
        return await gathered()
    async with asyncio.TaskGroup() as group:
        group.create_task(slow_work("inside"))
    return None


async def with_a_time_limit():
    await asyncio.wait_for(slow_work("inside"), 30)


async def to_thread():
    await asyncio.to_thread(work, "inside")


async def run_in_executor():
    await asyncio.get_running_loop().run_in_executor(None, work, "inside")


async def call_soon():
    done = asyncio.Event()
    asyncio.get_running_loop().call_soon(lambda: (work("inside"), done.set()))
    await done.wait()


async def call_later():
    done = asyncio.Event()
    asyncio.get_running_loop().call_later(0.001, lambda: (work("inside"), done.set()))
    await done.wait()


async def call_at():
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.call_at(loop.time() + 0.001, lambda: (work("inside"), done.set()))
    await done.wait()


async def a_done_callback():
    done = asyncio.Event()
    future = asyncio.get_running_loop().create_future()
    future.add_done_callback(lambda _: (work("inside"), done.set()))
    future.set_result(None)
    await done.wait()


async def from_a_thread():
    loop = asyncio.get_running_loop()
    await asyncio.to_thread(lambda: asyncio.run_coroutine_threadsafe(slow_work("inside"), loop).result(30))


async def a_callback_from_a_thread():
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(lambda: (work("inside"), done.set()),))
    thread.start()
    await done.wait()
    thread.join(30)


WAYS = [
    a_task,
    a_task_that_somebody_else_awaits,
    gathered,
    a_task_group,
    with_a_time_limit,
    to_thread,
    run_in_executor,
    call_soon,
    call_later,
    call_at,
    a_done_callback,
    from_a_thread,
    a_callback_from_a_thread,
]


@pytest.mark.parametrize("way", WAYS)
def test_the_parent_is_whoever_asked(traced, run, way):
    """And nobody where nobody is current, before and after."""

    async def main():
        await way()
        async with span("asking"):
            await way()
            work("here")
        await way()

    run(main())
    assert traced.parents() == [
        ("inside", ""),
        ("inside", "asking"),
        ("here", "asking"),
        ("asking", ""),
        ("inside", ""),
    ]


@pytest.mark.parametrize("way", WAYS)
def test_requests_that_take_turns_do_not_mix(traced, run, way):
    """Each task's work is beneath its own span, however they are interleaved."""

    async def request(number):
        async with span(f"request {number}"):
            await asyncio.sleep(0)
            await way()
            await asyncio.sleep(0)

    async def main():
        await asyncio.gather(*(request(number) for number in range(5)))

    run(main())
    inside = [parent for name, parent in traced.parents() if name == "inside"]
    assert sorted(inside) == [f"request {number}" for number in range(5)]
    assert len(traced.parents()) == 10


def test_a_task_that_outlives_its_parent_keeps_it(traced, run):
    """What was asked for beneath a span is beneath it, although that has ended; the others are not."""

    async def main():
        gate = asyncio.Event()

        async def late():
            await gate.wait()
            work("late")

        async with span("asking"):
            task = asyncio.create_task(late())
        gate.set()
        work("here")
        await task

    run(main())
    assert traced.parents() == [("asking", ""), ("here", ""), ("late", "asking")]


def test_a_cancelled_task_disturbs_nobody(traced, run):
    """Its span ends, and what was current elsewhere stays."""

    async def never():
        async with span("cancelled"):
            await asyncio.Event().wait()

    async def main():
        async with span("asking"):
            task = asyncio.create_task(never())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            work("here")

    run(main())
    assert traced.parents() == [("cancelled", "asking"), ("here", "asking"), ("asking", "")]


def test_a_span_that_ends_in_another_task_disturbs_nobody(traced, run):
    """What is current where it ends stays current."""

    async def main():
        handed = span("handed over")
        handed.__enter__()

        async def other():
            async with span("other"):
                handed.__exit__(None, None, None)
                work("beneath the other")

        await asyncio.create_task(other())

    run(main())
    assert traced.parents() == [
        ("handed over", ""),
        ("beneath the other", "other"),
        ("other", "handed over"),
    ]
