"""RabbitMQ, by each of its clients: published, consumed by callbacks and loops, got, acknowledged, refused."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import contextmanager

from .common import INCOMING, awaited, loop, outcome, silenced


@contextmanager
def pika_(url):
    """The blocking adapter, and asyncio's, which calls back."""
    import pika
    from pika.adapters.asyncio_connection import AsyncioConnection

    queue = f"faults-{uuid.uuid4().hex[:8]}"
    parameters = pika.URLParameters(url)
    connection = pika.BlockingConnection(parameters)
    channel, confirmed = connection.channel(), connection.channel()
    channel.queue_declare(queue, auto_delete=False)
    confirmed.confirm_delivery()

    def consumed(handle, count):
        for _ in range(count):
            publish()
        seen = []

        def handler(by, method, properties, body):
            seen.append((body, properties.headers and properties.headers.get("own")))
            if len(seen) == count:
                by.stop_consuming()
            handle(by, method)

        channel.basic_consume(queue, handler)
        channel.start_consuming()
        return seen

    def publish(headers=None):
        channel.basic_publish("", queue, b"pizza", headers and pika.BasicProperties(headers=headers, message_id="m"))

    def fail(by, method):
        by.basic_ack(method.delivery_tag)
        raise ValueError("burnt")

    def walked():
        made = []
        for headers in (None, {"own": "1"}, {"traceparent": INCOMING["traceparent"]}):
            publish(headers)
        for method, _properties, body in channel.consume(queue, inactivity_timeout=10):
            made.append(body)
            channel.basic_ack(method.delivery_tag)
            if len(made) == 3:
                break
        return [*made, channel.cancel()]

    def left():
        publish()
        for method, _properties, _body in channel.consume(queue, inactivity_timeout=10):
            channel.basic_nack(method.delivery_tag, requeue=False)
            raise ValueError("burnt")

    def got():
        publish()
        publish()
        method, _properties, body = channel.basic_get(queue)
        made = [body, channel.basic_reject(method.delivery_tag, requeue=False)]
        return [*made, channel.basic_get(queue, True)[2], channel.basic_get(queue, True)]

    async def opened():
        ready = asyncio.get_running_loop().create_future()
        other = AsyncioConnection(
            parameters,
            on_open_callback=lambda made: made.channel(on_open_callback=ready.set_result),
            custom_ioloop=asyncio.get_running_loop(),
        )
        return other, await asyncio.wait_for(ready, 30)

    async def called_back():
        running = asyncio.get_running_loop()
        first, second, cancelled = (running.create_future() for _ in range(3))
        calling.basic_publish("", queue, b"first")
        tag = calling.basic_consume(queue, lambda *given: first.set_result(given[3]), auto_ack=True)
        made = [await asyncio.wait_for(first, 10)]
        calling.basic_cancel(tag, cancelled.set_result)
        await asyncio.wait_for(cancelled, 10)
        calling.basic_publish("", queue, b"second")
        calling.basic_get(queue, lambda *given: second.set_result(given[3]), auto_ack=True)
        return [*made, await asyncio.wait_for(second, 10)]

    async def closed():
        done = asyncio.get_running_loop().create_future()
        other.add_on_close_callback(lambda *_: done.set_result(None))
        other.close()
        await asyncio.wait_for(done, 30)

    def run():
        made = [consumed(lambda by, method: by.basic_ack(method.delivery_tag), 2), outcome(consumed, fail, 1)]
        made += [walked(), outcome(left), channel.cancel(), got()]
        made.append(outcome(confirmed.basic_publish, "", "nowhere-at-all", b"x", mandatory=True))
        made.append(outcome(channel.basic_consume, queue, "no function"))
        with_channel = connection.channel()
        with_channel.close()
        return [*made, loops(called_back)]

    with silenced("pika"), loop() as loops:
        other, calling = loops(opened)
        yield run
        channel.queue_delete(queue)
        loops(closed)
    connection.close()


@contextmanager
def aio_pika_(url):
    """Both kinds of connection are one to us; the robust one is what programs use."""
    import aio_pika

    name = f"faults-{uuid.uuid4().hex[:8]}"

    async def opened():
        connection = await aio_pika.connect_robust(url)
        channel = await connection.channel(on_return_raises=True)
        return connection, channel, await channel.declare_queue(name, auto_delete=False)

    async def publish(body, **known):
        await channel.default_exchange.publish(aio_pika.Message(body, **known), name)

    async def consumed(error=None):
        done = asyncio.get_running_loop().create_future()

        async def handler(message):
            done.set_result((message.body, message.headers.get("own")))
            if error is not None:
                raise error

        tag = await queue.consume(handler, no_ack=True)
        try:
            return await asyncio.wait_for(done, 10)
        finally:
            await queue.cancel(tag)

    async def walked(error=None):
        made = []
        async with queue.iterator() as messages:
            async for message in messages:
                made.append(message.body)
                await message.ack()
                if error is not None:
                    raise error
                if len(made) == 2:
                    break
        return made

    async def all_of_it():
        await publish(b"consumed")
        made = [await consumed()]
        await publish(b"failing", headers={"own": "1"})
        made.append(await consumed(ValueError("burnt")))
        for number in range(2):
            await publish(b"%d" % number, headers={"traceparent": INCOMING["traceparent"]})
        made.append(await walked())
        await publish(b"burnt")
        made.append(await awaited(walked, ValueError("burnt")))
        await publish(b"got")
        message = await queue.get()
        made += [message.body, await message.ack(), await queue.get(fail=False)]
        made.append(await awaited(queue.get))
        made.append(await awaited(channel.default_exchange.publish, aio_pika.Message(b"x"), "nowhere", mandatory=True))
        return made

    async def closed():
        await queue.delete(if_unused=False, if_empty=False)
        await connection.close()

    with silenced("aio_pika", "aiormq", "asyncio"), loop() as loops:
        connection, channel, queue = loops(opened)
        yield lambda: loops(all_of_it)
        loops(closed)
