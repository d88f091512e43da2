"""aio-pika: messages through a real RabbitMQ, by every way of taking them."""

from __future__ import annotations

import asyncio
import inspect

import aio_pika
import pytest
from aio_pika.exchange import Exchange
from aio_pika.queue import Queue, QueueIterator

from autotrace.api import span
from autotrace.testing.contracts.asynchronous import Loop
from autotrace.testing.contracts.handling import HandlerError, Handling
from autotrace.testing.contracts.messaging_base import creation, current_id, hexadecimal

# The library's own use of what newer Pythons warn of, and what it leaves to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


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
    return {**expected, "name": f"process {queue}", "kind": "CONSUMER", **creation(trace, parent), **more}


def without_ids(spans):
    """Return spans without the message's id, which the library makes while it sends."""
    for one in spans:
        if one["kind"] == "CONSUMER":
            assert one["attributes"].pop("messaging.message.id")
    return spans


class TestAioPika(Handling):
    """The contract, by a callback."""

    name = "aio_pika"
    breaks = ("autotrace.families.messaging.exchanges:_text",)
    unnamed = ("messaging.message.id",)  # the library makes it while it sends
    links_ambient = False  # a handler is called by the connection's own task
    raises = False

    @pytest.fixture(autouse=True, params=["connect", "connect_robust"])
    def _program(self, request, instrument, rabbitmq, queue_name):
        instrument("aio_pika")
        self.rabbitmq, self.loop = rabbitmq, Loop()
        connection = self.loop.run(getattr(aio_pika, request.param), rabbitmq.url)
        self.channel = self.loop.run(connection.channel, on_return_raises=True)
        self.loop.run(self.channel.set_qos, prefetch_count=1)  # what a handler sends is for the next
        self.queue = self.loop.run(self.channel.declare_queue, queue_name, exclusive=True)
        yield
        self.loop.run(connection.close)
        self.loop.close()

    def send(self, headers=None):
        self.loop.run(publish, self.channel, self.queue, b"x", headers=headers)

    def handle(self, function):
        async def program():
            done = asyncio.get_running_loop().create_future()

            async def handler(message):
                try:
                    await asyncio.to_thread(function, dict(message.headers))  # where it can send by this loop
                finally:
                    done.set_result(message)

            tag = await self.queue.consume(handler)
            message = await asyncio.wait_for(done, 60)
            await self.queue.cancel(tag)
            await message.ack()

        self.loop.run(program)

    def title(self):
        return self.queue.name

    def attributes(self, operation):
        made = sent if operation == "send" else processed
        return made(self.rabbitmq, self.queue.name, 1, 1, 1)["attributes"]

    def refused(self):
        message = aio_pika.Message(b"x")
        with pytest.raises(aio_pika.exceptions.DeliveryError) as caught:
            self.loop.run(self.channel.default_exchange.publish, message, "nowhere-at-all", mandatory=True)
        return caught.value


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


@pytest.mark.parametrize("way", ["ack", "nack", "reject", "process", "multiple", "of another"])
def test_a_message_that_was_got_is_handled_until_it_is_settled(run, recorder, way):
    """What the program does after that is beneath nothing; what settles another message ends nothing."""

    async def work(channel, queue):
        for number in range(2):
            await publish(channel, queue, b"%d" % number)
        first = await queue.get() if way in ("multiple", "of another") else None
        message = await queue.get()
        handled = current_id()
        assert handled is not None
        if way == "process":
            async with message.process():
                assert current_id() == handled
        elif way == "of another":
            await first.ack()
            assert current_id() == handled
            await message.ack()
        elif way == "multiple":
            await message.ack(multiple=True)
        else:
            await getattr(message, way)()
        assert current_id() is None
        await publish(channel, queue, b"after")

    run(work)
    after = recorder.finished()[-1]
    assert (after["kind"], after["parent_id"]) == ("PRODUCER", "")


def test_what_is_waited_for_is_current_for_whoever_waits(run, recorder):
    """``wait_for(get(), ...)``, on every Python: it is settled and ends where it is waited for."""

    async def work(channel, queue):
        for number in range(2):
            await publish(channel, queue, b"%d" % number)
        for number in range(2):
            message = await asyncio.wait_for(queue.get(), 30)
            assert (message.body, current_id()) == (b"%d" % number, hexadecimal(3 + number))
            await message.ack()
            assert current_id() is None

    run(work)
    recorder.wait(4)


def test_a_message_that_was_got_ends_with_the_request_around_it(run, recorder):
    """A request that asks for its reply, and does not settle it."""

    async def work(channel, queue):
        await publish(channel, queue, b"x")
        with span("request"):
            await queue.get(no_ack=True)
            assert current_id() == hexadecimal(3)
        assert current_id() is None

    run(work)
    assert [one["kind"] for one in recorder.wait(3)] == ["PRODUCER", "CONSUMER", "INTERNAL"]


def test_a_task_for_each_message_publishes_beneath_it(run, recorder):
    """Also after the loop has moved on: the context that it was handed is the message's."""

    async def work(channel, queue):
        tasks, ended = [], asyncio.Event()

        async def handle():
            await ended.wait()
            await channel.default_exchange.publish(aio_pika.Message(b"next"), "nowhere", mandatory=False)

        for number in range(2):
            await publish(channel, queue, b"%d" % number)
        async with queue.iterator(no_ack=True) as messages:
            async for message in messages:
                tasks.append(asyncio.get_running_loop().create_task(handle()))
                if message.body == b"1":
                    break
        ended.set()
        await asyncio.gather(*tasks)

    run(work)
    found = recorder.wait(6)
    handled = [one["span_id"] for one in found if one["kind"] == "CONSUMER"]
    assert [one["parent_id"] for one in found if one["name"] == "send nowhere"] == handled


def test_patched_functions_look_like_themselves(run):
    """Name, signature and kind are the library's."""
    functions = [(Exchange, "publish"), (Queue, "get"), (QueueIterator, "__anext__"), (QueueIterator, "close")]
    for owner, name in [*functions, *((aio_pika.IncomingMessage, name) for name in ("ack", "nack", "reject"))]:
        function = getattr(owner, name)
        assert function.__name__ == name
        assert inspect.iscoroutinefunction(function)
        assert inspect.signature(function) == inspect.signature(inspect.unwrap(function))


def test_a_queue_that_is_made_for_one_client_is_no_part_of_a_name(run, rabbitmq, recorder):
    """Such queues are named by the broker, or by the library itself where it declares them anew after a reconnection."""

    async def work(channel, _queue):
        queue = await channel.declare_queue(exclusive=True)
        exchange = await channel.declare_exchange("gossip", "fanout", auto_delete=True)
        await queue.bind(exchange)
        await publish(channel, queue, b"x")
        await exchange.publish(aio_pika.Message(b"x"), "")
        for _ in range(2):
            await (await queue.get()).ack()
        assert await queue.get(fail=False) is None  # until then the last one is being handled

    run(work)
    place = f"{rabbitmq.host}:{rabbitmq.port}"
    spans = recorder.wait(4)
    assert sorted(one["name"] for one in spans) == sorted(
        [f"send {place}", f"process {place}", "send gossip", "process gossip"]
    )
    told = {one["name"]: one["attributes"].get("messaging.destination.anonymous") for one in spans}
    assert told == {f"send {place}": True, f"process {place}": True, "send gossip": None, "process gossip": True}
