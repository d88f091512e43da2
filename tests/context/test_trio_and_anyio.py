"""trio, and anyio on trio and on asyncio: tasks, threads and what they call back; each span's parent."""

from __future__ import annotations

import functools
import warnings

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import pytest

from autotrace import span

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # old versions warn of the excepthook that pytest's dependencies set
    import trio


@pytest.fixture(autouse=True)
def traced(recorder, instrument):
    """Threads, patched."""
    instrument("threads", "futures", "futures_callbacks")
    return recorder


def work(name):
    """Make a span."""
    with span(name):
        return name


async def slow_work(name):
    """Make a span that is current across a pause."""
    async with span(name):
        await anyio.lowlevel.checkpoint()
        return name


async def trio_nursery():
    async with trio.open_nursery() as nursery:
        nursery.start_soon(slow_work, "inside")


async def trio_start():
    async def started(task_status=trio.TASK_STATUS_IGNORED):
        task_status.started()
        await slow_work("inside")

    async with trio.open_nursery() as nursery:
        await nursery.start(started)


async def trio_to_thread():
    await trio.to_thread.run_sync(work, "inside")


async def trio_from_thread():
    await trio.to_thread.run_sync(lambda: trio.from_thread.run(slow_work, "inside"))


async def trio_from_thread_sync():
    await trio.to_thread.run_sync(lambda: trio.from_thread.run_sync(work, "inside"))


async def anyio_task_group():
    async with anyio.create_task_group() as group:
        group.start_soon(slow_work, "inside")


async def anyio_to_thread():
    await anyio.to_thread.run_sync(work, "inside")


async def anyio_from_thread():
    await anyio.to_thread.run_sync(lambda: anyio.from_thread.run(slow_work, "inside"))


async def anyio_from_thread_sync():
    await anyio.to_thread.run_sync(lambda: anyio.from_thread.run_sync(work, "inside"))


TRIO = [trio_nursery, trio_start, trio_to_thread, trio_from_thread, trio_from_thread_sync]
ANYIO = [anyio_task_group, anyio_to_thread, anyio_from_thread, anyio_from_thread_sync]
CASES = [
    *(pytest.param(trio.run, way, id=way.__name__) for way in TRIO),
    *(
        pytest.param(functools.partial(anyio.run, backend=backend), way, id=f"{way.__name__}-{backend}")
        for way in ANYIO
        for backend in ("asyncio", "trio")
    ),
]


@pytest.mark.parametrize(("run", "way"), CASES)
def test_the_parent_is_whoever_asked(traced, run, way):
    """And nobody where nobody is current, before and after; threads that are used again inherit nothing."""

    async def main():
        await way()
        async with span("asking"):
            await way()
            work("here")
        await way()

    run(main)
    assert traced.parents() == [
        ("inside", ""),
        ("inside", "asking"),
        ("here", "asking"),
        ("asking", ""),
        ("inside", ""),
    ]


@pytest.mark.parametrize(("run", "way"), CASES)
def test_requests_that_take_turns_do_not_mix(traced, run, way):
    """Each task's work is beneath its own span, however they are interleaved."""

    async def request(number):
        async with span(f"request {number}"):
            await anyio.lowlevel.checkpoint()
            await way()
            await anyio.lowlevel.checkpoint()

    async def main():
        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(request, number)

    run(main)
    inside = [parent for name, parent in traced.parents() if name == "inside"]
    assert sorted(inside) == [f"request {number}" for number in range(5)]
    assert len(traced.parents()) == 10


def test_a_portal_runs_what_its_caller_asks_for(traced):
    """``anyio.from_thread.start_blocking_portal``: the loop is in another thread, the parent here."""
    with anyio.from_thread.start_blocking_portal() as portal, span("asking"):
        portal.call(slow_work, "inside")
    assert traced.parents() == [("inside", "asking"), ("asking", "")]
