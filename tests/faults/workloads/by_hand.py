"""The public functions."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager

from .common import outcome


@contextmanager
def by_hand():
    """The public functions: blocks, decorators, generators, attributes, exceptions."""
    import autotrace

    @autotrace.span("function")
    def function(number):
        autotrace.set_attribute("number", number)
        return number

    @autotrace.span("broken")
    def broken():
        raise ValueError("broken")

    @autotrace.span("generator")
    def generator():
        got = yield 1
        yield got

    @autotrace.span("coroutine")
    async def coroutine():
        return 3

    @autotrace.span("async generator")
    async def async_generator():
        yield 4
        yield 5

    async def waiting():
        return [await coroutine(), [item async for item in async_generator()]]

    def run():
        with autotrace.span("block", size=1):
            made = [function(1), outcome(broken)]
            steps = generator()
            made += [next(steps), steps.send(2), next(steps, None)]
            left = generator()
            made.append(next(left))
            left.close()
            try:
                raise KeyError("caught")
            except KeyError as error:
                autotrace.record_exception(error)
            made.append(autotrace.current_span() is None and "none")
        return [*made[:-1], asyncio.run(waiting())]

    yield run
