"""Generators and asynchronous generators that make spans, however they are consumed; each span's parent."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from contextvars import copy_context

import pytest

from autotrace import span
from autotrace.trace.context import get_current
from autotrace.trace.generators import rightful, suspendable


@pytest.fixture(autouse=True)
def traced(recorder, instrument):
    """Threads and executors, patched; no generator of another test is remembered."""
    suspendable.clear()
    instrument("threads", "futures")
    yield recorder
    gc.collect()
    assert not any(suspendable)


def work(name):
    """Make a span."""
    with span(name):
        return name


def block(name, items=2):
    """A generator that keeps a span open across its steps."""
    with span(name):
        for number in range(items):
            work(f"{name} {number}")
            yield number


@span("decorated")
def decorated(name, items=2):
    """A generator whose whole life is a span."""
    for number in range(items):
        work(f"{name} {number}")
        yield number


def plain(name, items=2):
    """A generator that makes spans and keeps none open."""
    for number in range(items):
        work(f"{name} {number}")
        yield number


async def async_block(name, items=2):
    """An asynchronous generator that keeps a span open across its steps."""
    async with span(name):
        for number in range(items):
            work(f"{name} {number}")
            await asyncio.sleep(0)
            yield number


def test_consumed_fully(traced):
    """What the generator does is beneath its span, what the consumer does between its steps is not."""
    with span("consumer"):
        for number in block("gen"):
            work(f"consumer {number}")
    assert traced.parents() == [
        ("gen 0", "gen"),
        ("consumer 0", "consumer"),
        ("gen 1", "gen"),
        ("consumer 1", "consumer"),
        ("gen", "consumer"),
        ("consumer", ""),
    ]


def test_consumed_fully_without_a_span_around(traced):
    """What the consumer does then has no parent at all."""
    for number in block("gen", 1):
        work(f"consumer {number}")
    work("afterwards")
    assert traced.parents() == [("gen 0", "gen"), ("consumer 0", ""), ("gen", ""), ("afterwards", "")]


@pytest.mark.parametrize("make", [plain, decorated])
def test_generators_that_keep_no_block_open(traced, make):
    """A generator inherits what is current where it is stepped; one that is decorated has its own span there."""
    with span("consumer"):
        for number in make("gen", 1):
            work(f"consumer {number}")
    inside = {plain: "consumer", decorated: "decorated"}[make]
    expected = [("gen 0", inside), ("consumer 0", "consumer"), ("decorated", "consumer"), ("consumer", "")]
    assert traced.parents() == [pair for pair in expected if make is decorated or pair[0] != "decorated"]


@pytest.mark.parametrize("end", ["close", "throw", "collect"])
@pytest.mark.parametrize("make", [block, decorated])
def test_consumed_partly(traced, make, end):
    """Its span ends when it is closed, thrown into or collected, and the consumer's is current before and after."""
    with span("consumer"):
        steps = make("gen")
        next(steps)
        work("between")
        if end == "close":
            steps.close()
        elif end == "throw":
            with pytest.raises(KeyError):
                steps.throw(KeyError("mine"))
        del steps
        gc.collect()
        work("afterwards")
    own = "gen" if make is block else "decorated"
    assert traced.parents() == [
        ("gen 0", own),
        ("between", "consumer"),
        (own, "consumer"),
        ("afterwards", "consumer"),
        ("consumer", ""),
    ]


def test_interleaved(traced):
    """Two of them, stepped in turns beneath different spans, keep to themselves."""
    first, second = block("first"), block("second")
    with span("one"):
        next(first)
        next(second)
        work("in one")
    with span("two"):
        next(first)
        work("in two")
        next(second)
    assert next(first, None) is None
    work("between")
    assert next(second, None) is None
    work("afterwards")
    assert traced.parents() == [
        ("first 0", "first"),
        ("second 0", "second"),
        ("in one", "one"),
        ("one", ""),
        ("first 1", "first"),
        ("in two", "two"),
        ("second 1", "second"),
        ("two", ""),
        ("first", "one"),
        ("between", ""),
        ("second", "one"),
        ("afterwards", ""),
    ]


def test_generators_within_generators(traced):
    """Each step is beneath the innermost whose frame runs."""

    def outer():
        with span("outer"):
            inner = block("inner", 2)
            next(inner)
            work("in outer")
            yield 1
            next(inner)
            inner.close()
            yield from block("delegated", 1)
            work("in outer, at last")

    for _ in outer():
        work("consumer")
    assert traced.parents() == [
        ("inner 0", "inner"),
        ("in outer", "outer"),
        ("consumer", ""),
        ("inner 1", "inner"),
        ("inner", "outer"),
        ("delegated 0", "delegated"),
        ("consumer", ""),
        ("delegated", "outer"),
        ("in outer, at last", "outer"),
        ("outer", ""),
    ]


def test_blocks_within_a_block(traced):
    """The innermost block that is open in the frame counts."""

    def nested():
        with span("outer"):
            with span("inner"):
                yield work("one")
            yield work("two")

    with span("consumer"):
        for name in nested():
            work(f"after {name}")
    assert traced.parents() == [
        ("one", "inner"),
        ("after one", "consumer"),
        ("inner", "outer"),
        ("two", "outer"),
        ("after two", "consumer"),
        ("outer", "consumer"),
        ("consumer", ""),
    ]


def test_stepped_in_another_thread(traced):
    """What it does there is beneath its span; what else happens there is not."""
    with span("consumer"):
        steps = block("gen")
        next(steps)

        def elsewhere():
            with span("thread"):
                next(steps)
                work("in the thread")

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join(30)
        assert list(steps) == []
        work("afterwards")
    assert traced.parents() == [
        ("gen 0", "gen"),
        ("gen 1", "gen"),
        ("in the thread", "thread"),
        ("thread", "consumer"),
        ("gen", "consumer"),
        ("afterwards", "consumer"),
        ("consumer", ""),
    ]


def test_what_a_generator_asks_for_elsewhere_is_beneath_it(traced):
    """A thread that it starts; and one that its consumer starts is beneath the consumer's span."""

    def start(name):
        thread = threading.Thread(target=work, args=(name,))
        thread.start()
        thread.join(30)

    def steps():
        with span("gen"):
            start("of the generator")
            yield

    with span("consumer"):
        for _ in steps():
            start("of the consumer")
            work("here")
    assert traced.parents() == [
        ("of the generator", "gen"),
        ("of the consumer", "consumer"),
        ("here", "consumer"),
        ("gen", "consumer"),
        ("consumer", ""),
    ]


def test_a_copied_context(traced):
    """A generator may be stepped in a context of its own."""
    steps = block("gen")
    context = copy_context()
    with span("consumer"):
        context.run(next, steps)
        work("between")
        context.run(next, steps)
        assert context.run(next, steps, None) is None
    assert traced.parents() == [
        ("gen 0", "gen"),
        ("between", "consumer"),
        ("gen 1", "gen"),
        ("gen", ""),
        ("consumer", ""),
    ]


def test_a_context_manager_surrounds_its_block(traced):
    """The block of a context manager that is made of a generator is beneath its span."""

    @contextlib.contextmanager
    def surrounding(name):
        with span(name):
            yield

    @contextlib.asynccontextmanager
    async def async_surrounding(name):
        async with span(name):
            yield

    async def main():
        async with async_surrounding("async"):
            work("in the async block")

    with surrounding("sync"):
        work("in the block")
    asyncio.run(main())
    assert traced.parents() == [
        ("in the block", "sync"),
        ("sync", ""),
        ("in the async block", "async"),
        ("async", ""),
    ]


def test_an_async_generator_consumed_fully(traced):
    """As a generator; the pauses of its own are no pauses of its frame."""

    async def main():
        async with span("consumer"):
            async for number in async_block("gen"):
                work(f"consumer {number}")
                await asyncio.sleep(0)

    asyncio.run(main())
    assert traced.parents() == [
        ("gen 0", "gen"),
        ("consumer 0", "consumer"),
        ("gen 1", "gen"),
        ("consumer 1", "consumer"),
        ("gen", "consumer"),
        ("consumer", ""),
    ]


@pytest.mark.parametrize("close", [True, False])
def test_an_async_generator_that_is_left_early(traced, close):
    """Closed, or dropped and closed by the loop in a task of its own: what is current here stays right."""

    async def main():
        async with span("consumer"):
            steps = async_block("gen")
            async for _ in steps:
                break
            work("between")
            if close:
                await steps.aclose()
            del steps
            gc.collect()
            for _ in range(5):
                await asyncio.sleep(0)
            work("afterwards")
        work("at last")

    asyncio.run(main())
    assert traced.parents() == [
        ("gen 0", "gen"),
        ("between", "consumer"),
        ("gen", "consumer"),
        ("afterwards", "consumer"),
        ("consumer", ""),
        ("at last", ""),
    ]


def test_an_async_generator_stepped_in_other_tasks(traced):
    """Each step in a task of its own; what each task does besides is beneath what it was started in."""

    async def step(steps, name):
        async with span(name):
            try:
                await steps.__anext__()
            except StopAsyncIteration:
                pass
            work(f"in {name}")

    async def main():
        steps = async_block("gen", 1)
        await asyncio.create_task(step(steps, "first"))
        await asyncio.create_task(step(steps, "second"))
        work("afterwards")

    asyncio.run(main())
    assert traced.parents() == [
        ("gen 0", "gen"),
        ("in first", "first"),
        ("first", ""),
        ("gen", "first"),
        ("in second", "second"),
        ("second", ""),
        ("afterwards", ""),
    ]


def test_interleaved_async_generators(traced):
    """Many tasks, each with its own, step by step in turns."""

    async def consume(number):
        async with span(f"task {number}"):
            async for step in async_block(f"gen {number}"):
                await asyncio.sleep(0)
                work(f"consumer {number} {step}")

    async def main():
        await asyncio.gather(*(consume(number) for number in range(4)))

    asyncio.run(main())
    expected = []
    for n in range(4):
        expected += [(f"task {n}", ""), (f"gen {n}", f"task {n}")]
        expected += [(f"gen {n} {step}", f"gen {n}") for step in range(2)]
        expected += [(f"consumer {n} {step}", f"task {n}") for step in range(2)]
    assert sorted(traced.parents()) == sorted(expected)


def test_what_an_async_generator_gathers_is_beneath_it(traced):
    """Tasks that it starts while its frame runs."""

    async def child(name):
        await asyncio.sleep(0)
        work(name)

    async def steps():
        async with span("gen"):
            await asyncio.gather(child("one"), child("two"))
            yield

    async def main():
        async for _ in steps():
            work("consumer")

    asyncio.run(main())
    assert traced.parents() == [("one", "gen"), ("two", "gen"), ("consumer", ""), ("gen", "")]


def test_the_public_functions_see_the_same(traced):
    """What is current for a person who asks is what would be the parent."""
    with span("consumer") as consumer:
        steps = block("gen")
        next(steps)
        assert rightful(get_current()) is consumer._span
        steps.close()
        assert rightful(get_current()) is consumer._span


def test_nothing_is_remembered_of_what_has_ended(traced):
    """Neither frames nor spans; and where nothing can have been left current, nobody looks at the stack."""
    for _ in block("gen"):
        pass
    assert suspendable == {}
