"""The public functions: spans by hand in every kind of code, and nothing where the agent is not running."""

from __future__ import annotations

import asyncio
import inspect

import pytest

import autotrace


def names(recorder):
    return {span["name"]: span["parent_id"] for span in recorder.finished()}


def test_a_block_is_a_span_with_attributes_and_children(recorder):
    """The whole span, written out."""
    with autotrace.span("bake", pizza="margherita") as bake:
        autotrace.set_attribute("oven", 2)
        bake.set_attribute("hot", True)
        with autotrace.span("cut"):
            pass
    cut, outer = recorder.finished()
    assert outer == {
        "name": "bake",
        "kind": "INTERNAL",
        "scope": "api",
        "trace_id": "00000000000000000000000000000001",
        "span_id": "0000000000000001",
        "parent_id": "",
        "attributes": {"pizza": "margherita", "oven": 2, "hot": True},
        "status": "UNSET",
    }
    assert (cut["name"], cut["parent_id"]) == ("cut", outer["span_id"])


def test_an_exception_ends_the_span_and_passes(recorder):
    """It is the very exception, and the span says what it was."""
    error = ValueError("burnt")
    with pytest.raises(ValueError) as caught, autotrace.span("bake"):
        raise error
    assert caught.value is error
    (span,) = recorder.finished()
    assert (span["status"], span["message"], span["exception"]) == ("ERROR", "burnt", "ValueError: burnt")
    assert span["attributes"] == {"error.type": "ValueError"}


def test_a_handled_exception_is_an_event(recorder):
    """The status stays unset."""
    with autotrace.span("bake"):
        autotrace.record_exception(KeyError("salt"))
    (span,) = recorder.finished()
    assert (span["events"], span["status"]) == (["exception"], "UNSET")


def test_a_decorated_function_keeps_its_face(recorder):
    """Signature, name and text are the function's."""

    @autotrace.span("bake")
    def bake(pizza, *, hot=True):
        """Bake it."""
        return pizza, hot

    assert bake("diavola", hot=False) == ("diavola", False)
    assert (bake.__name__, bake.__doc__, str(inspect.signature(bake))) == ("bake", "Bake it.", "(pizza, *, hot=True)")
    assert [span["name"] for span in recorder.finished()] == ["bake"]


def test_coroutines_have_their_own_current_span(recorder):
    """Tasks that run at the same time do not take each other's parents."""

    @autotrace.span("inner")
    async def inner():
        await asyncio.sleep(0)

    @autotrace.span("outer")
    async def outer():
        await asyncio.sleep(0)
        await inner()

    async def both():
        async with autotrace.span("root"):
            await asyncio.gather(outer(), outer())

    asyncio.run(both())
    spans = recorder.finished()
    by_id = {span["span_id"]: span for span in spans}
    assert sorted(span["name"] for span in spans) == ["inner", "inner", "outer", "outer", "root"]
    parents = [(span["name"], by_id[span["parent_id"]]["name"]) for span in spans if span["parent_id"]]
    assert sorted(parents) == [("inner", "outer"), ("inner", "outer"), ("outer", "root"), ("outer", "root")]
    assert len({span["parent_id"] for span in spans if span["name"] == "inner"}) == 2


def test_a_generators_span_is_current_only_inside_it(recorder):
    """Between the steps the consumer's own span is current; the generator's children are its own."""

    @autotrace.span("generator")
    def slices():
        for number in range(3):
            with autotrace.span("slice"):
                pass
            yield number

    with autotrace.span("consumer"):
        for _ in slices():
            with autotrace.span("eat"):
                pass
    parents = names(recorder)
    ids = {span["name"]: span["span_id"] for span in recorder.finished()}
    assert parents["slice"] == ids["generator"]
    assert parents["eat"] == parents["generator"] == ids["consumer"]


def test_a_generator_left_early_is_finished_and_leaves_the_consumers_span(recorder):
    """Stopping in the middle disturbs nobody, and two of them may interleave."""

    @autotrace.span("generator")
    def slices():
        yield from range(3)

    with autotrace.span("consumer"):
        first, second = slices(), slices()
        next(first), next(second)
        first.close()
        assert autotrace.current_span().span_id == "0000000000000001"
        next(second)
        second.close()
    assert [span["name"] for span in recorder.finished()] == ["generator", "generator", "consumer"]
    assert {span["status"] for span in recorder.finished()} == {"UNSET"}


def test_a_generator_passes_values_and_exceptions_both_ways(recorder):
    """send, throw and the returned value work as without us."""

    @autotrace.span("generator")
    def echo():
        received = []
        while True:
            try:
                received.append((yield len(received)))
            except KeyError:
                return received

    made = echo()
    assert next(made) == 0
    assert made.send("a") == 1
    with pytest.raises(StopIteration) as stopped:
        made.throw(KeyError())
    assert stopped.value.value == ["a"]
    assert recorder.finished()[0]["status"] == "UNSET"


def test_an_asynchronous_generator_left_early(recorder):
    """The same for async for with a break."""

    @autotrace.span("generator")
    async def slices():
        for number in range(3):
            with autotrace.span("slice"):
                yield number

    async def consume():
        with autotrace.span("consumer"):
            made = slices()
            async for number in made:
                with autotrace.span("eat"):
                    pass
                if number == 1:
                    break
            await made.aclose()
            assert autotrace.current_span().span_id == "0000000000000001"

    asyncio.run(consume())
    spans = recorder.finished()
    assert sorted(span["name"] for span in spans) == ["consumer", "eat", "eat", "generator", "slice", "slice"]
    consumer = next(span["span_id"] for span in spans if span["name"] == "consumer")
    assert {span["parent_id"] for span in spans if span["name"] in ("eat", "generator")} == {consumer}


def test_the_current_span_can_be_asked(recorder):
    """Ids for log lines; false where there is none."""
    assert not autotrace.current_span()
    assert autotrace.current_span().trace_id == ""
    with autotrace.span("bake"):
        assert autotrace.current_span().trace_id == "00000000000000000000000000000001"
        assert autotrace.current_span()


def test_outside_any_span_nothing_happens(recorder):
    """Attributes and exceptions without a span go nowhere."""
    autotrace.set_attribute("a", 1)
    autotrace.record_exception(ValueError())
    autotrace.current_span().set_attribute("a", 1)
    assert recorder.finished() == []


def test_attributes_past_the_limit_are_counted(recorder):
    """Memory stays bounded in a loop that sets ever new keys."""
    with autotrace.span("bake"):
        for number in range(200):
            autotrace.set_attribute(f"key{number}", number)
    (span,) = recorder.spans
    assert (len(span.extras.attributes), span.extras.dropped_attributes) == (128, 72)


def test_without_the_agent_nothing_is_made():
    """A program that uses the functions runs without autotrace-run as if they were not there."""
    from autotrace.trace.context import get_current

    @autotrace.span("bake")
    def bake():
        return get_current()

    with autotrace.span("outer", a=1) as outer:
        outer.set_attribute("b", 2)
        assert bake() is None
        assert not autotrace.current_span()
