"""The public names and their types, as a user's type checker sees them; mypy reads this, nothing runs it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from typing_extensions import assert_type

import autotrace


@autotrace.span("function", kind="test", count=1)
def function(number: int, *, text: str = "") -> str:
    return text * number


@autotrace.span("coroutine")
async def coroutine(number: int) -> bool:
    return bool(number)


@autotrace.span("generator")
def generator() -> Iterator[int]:
    yield 1


@autotrace.span("async generator")
async def async_generator() -> AsyncIterator[int]:
    yield 1


async def uses() -> None:
    assert_type(function(1, text="a"), str)
    assert_type(await coroutine(1), bool)
    assert_type(generator(), Iterator[int])
    assert_type(async_generator(), AsyncIterator[int])
    with autotrace.span("block", ratio=0.5, tags=["a", "b"]) as block:
        block.set_attribute("key", (1, 2))
        block.record_exception(ValueError())
    async with autotrace.span("block") as block:
        assert_type(block, autotrace.span)
    assert_type(autotrace.current_span().trace_id, str)
    assert_type(bool(autotrace.current_span()), bool)
    autotrace.set_attribute("key", True)
    autotrace.record_exception(KeyError())
    assert_type(autotrace.__version__, str)
