"""aio-pika: messages through a real RabbitMQ, by every way of taking them."""

from __future__ import annotations

import asyncio
import inspect

import aio_pika
import pytest
from aio_pika.exchange import Exchange
from aio_pika.queue import Queue, QueueIterator

from autotrace import propagation
from autotrace.api import span
from autotrace.patching.wall import faults
from autotrace.protocols import exchanges
from contracts.messaging_base import current_id, hexadecimal

FOREIGN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
# The library's own use of what newer Pythons warn of, and what it leaves to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class HandlerError(Exception):
    """What goes wrong in the program that handles a message."""


@pytest.fixture(params=["connect", "connect_robust"])
def run(request, instrument, rabbitmq, queue_name):
    """A function that runs a coroutine function with a channel and a queue of its own, by both kinds of connection."""
    instrument("aio_pika")

    async def whole(work):
        connection = await getattr(aio_pika, request.param)(rabbitmq.url)
        async with connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(queue_name, exclusive=True)
            await asyncio.wait_for(work(channel, queue), 60)

    return lambda work: asyncio.run(whole(work))


async def publish(channel, queue, body, **known):
    """Send a message by the default exchange."""
    await channel.default_exchange.publish(aio_pika.Message(body, **known), queue.name)


async def consume(queue, handle):
    """Have one message handled by a callback, and wait until it was."""
    done = asyncio.get_running_loop().create_future()

    async def handler(message):
        try:
            done.set_result(await handle(message))
        except HandlerError as error:
            done.set_result(error)
            raise

    tag = await queue.consume(handler, no_ack=True)
    await done
    await queue.cancel(tag)


def sent(rabbitmq, queue, number, trace=None, parent="", **more):
    """Return the expected span of a message that was published."""
    return {
        "name": f"send {queue}",
        "kind": "PRODUCER",
        "scope": "aio_pika",
        "trace_id": f"{number if trace is None else trace:032x}",
        "span_id": hexadecimal(number),
        "parent_id": parent and hexadecimal(parent),
        "attributes": {
            "messaging.system": "rabbitmq",
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "messaging.destination.name": queue,
            "messaging.rabbitmq.destination.routing_key": queue,
            "server.address": rabbitmq.host,
            "server.port": rabbitmq.port,
        },
        "status": "UNSET",
        **more,
    }


def processed(rabbitmq, queue, number, trace, parent, tag=1, **more):
    """Return the expected span of a message that was handled."""
    expected = sent(rabbitmq, queue, number, trace, parent)
    operation = {"messaging.operation.name": "process", "messaging.operation.type": "process"}
    expected["attributes"].update({**operation, "messaging.rabbitmq.message.delivery_tag": tag})
    return {**expected, "name": f"process {queue}", "kind": "CONSUMER", **more}


def without_ids(spans):
    """Return spans without the message's id, which the library makes while it sends."""
    for one in spans:
        if one["kind"] == "CONSUMER":
            assert one["attributes"].pop("messaging.message.id")
    return spans


def test_a_message_is_one_trace_from_its_cause_to_what_its_handling_does(run, rabbitmq, queue_name, recorder):
    """Sending is beneath what caused it, handling beneath the sending, and what handling does beneath that."""

    async def handle(message):
        assert (message.body, current_id()) == (b"pizza", hexadecimal(3))
        await asyncio.sleep(0)
        with span("bake"):
            pass

    async def work(channel, queue):
        with span("order"):
            await publish(channel, queue, b"pizza")
            assert current_id() == hexadecimal(1)
        await consume(queue, handle)
        assert current_id() is None

    run(work)
    found = {one["span_id"]: one for one in without_ids(recorder.wait(4))}
    assert found[hexadecimal(2)] == sent(rabbitmq, queue_name, 2, trace=1, parent=1)
    assert found[hexadecimal(3)] == processed(rabbitmq, queue_name, 3, trace=1, parent=2)
    assert (found[hexadecimal(4)]["name"], found[hexadecimal(4)]["parent_id"]) == ("bake", hexadecimal(3))


def test_each_message_of_an_iteration_is_current_in_its_body(run, rabbitmq, queue_name, recorder):
    """The span begins with the body and ends with the next pull, or where the loop's block is left."""
    seen = []

    async def work(channel, queue):
        for number in range(2):
            await publish(channel, queue, b"%d" % number)
        async with queue.iterator() as messages:
            async for message in messages:
                seen.append((message.body, current_id()))
                await message.ack()
                if len(seen) == 2:
                    break
        assert current_id() is None

    run(work)
    assert seen == [(b"0", hexadecimal(3)), (b"1", hexadecimal(4))]
    assert without_ids(recorder.wait(4))[2:] == [
        processed(rabbitmq, queue_name, 3 + n, trace=1 + n, parent=1 + n, tag=1 + n) for n in range(2)
    ]


def test_an_exception_in_the_body_fails_its_message(run, recorder):
    """The block of the iterator is left with it."""

    async def work(channel, queue):
        await publish(channel, queue, b"x")
        async with queue.iterator(no_ack=True) as messages:
            async for _message in messages:
                raise HandlerError("burnt")

    with pytest.raises(HandlerError):
        run(work)
    failed = recorder.wait(2)[1]
    assert (failed["kind"], failed["status"], failed["message"]) == ("CONSUMER", "ERROR", "burnt")


def test_a_message_that_was_got_is_handled_until_the_next_is_asked_for(run, recorder):
    """``get``: current from here on; a call that finds nothing ends it."""

    async def work(channel, queue):
        await publish(channel, queue, b"x")
        message = await queue.get(no_ack=True)
        assert (message.body, current_id()) == (b"x", hexadecimal(2))
        assert await queue.get(fail=False) is None
        assert current_id() is None

    run(work)
    assert recorder.wait(2)[1]["parent_id"] == hexadecimal(1)


def test_the_programs_message_is_not_written_to(run, recorder):
    """What arrives is what it set and ours; a context of its own stays, and is linked."""
    seen = []

    async def handle(message):
        seen.append(dict(message.headers))

    async def work(channel, queue):
        message = aio_pika.Message(b"x", headers={"a": 1})
        await channel.default_exchange.publish(message, queue.name)
        assert message.headers == {"a": 1}
        await consume(queue, handle)
        await publish(channel, queue, b"x", headers={"traceparent": FOREIGN})
        await consume(queue, handle)

    run(work)
    assert seen == [{"a": 1, "traceparent": f"00-{1:032x}-{1:016x}-01"}, {"traceparent": FOREIGN}]
    found = {one["span_id"]: one for one in recorder.wait(4)}
    assert found[hexadecimal(3)]["links"] == [tuple(FOREIGN.split("-")[1:3])]
    assert found[hexadecimal(4)]["parent_id"] == FOREIGN.split("-")[2]


def test_without_propagation_the_message_is_what_the_program_sent(run, recorder):
    """The propagator ``none`` adds nothing."""
    propagation.configure(("none",))
    seen = []

    async def handle(message):
        seen.append(dict(message.headers))

    async def work(channel, queue):
        await publish(channel, queue, b"x", headers={"a": 1})
        await consume(queue, handle)

    run(work)
    assert seen == [{"a": 1}]


def test_our_own_failure_costs_spans_and_nothing_else(run, recorder, monkeypatch):
    """Where our code raises, messages come and go as if we were not there."""

    def broken(*_args):
        raise RuntimeError("ours")

    monkeypatch.setattr(exchanges, "_text", broken)
    seen = []

    async def handle(message):
        seen.append(message.body)

    async def work(channel, queue):
        await publish(channel, queue, b"x")
        await consume(queue, handle)

    run(work)
    assert seen == [b"x"]
    assert recorder.finished() == []
    assert faults.pop("aio_pika") == 2


def test_patched_functions_look_like_themselves(run):
    """Name, signature and kind are the library's."""
    for owner, name in ((Exchange, "publish"), (Queue, "get"), (QueueIterator, "__anext__"), (QueueIterator, "close")):
        function = getattr(owner, name)
        assert function.__name__ == name
        assert inspect.iscoroutinefunction(function)
        assert inspect.signature(function) == inspect.signature(inspect.unwrap(function))
