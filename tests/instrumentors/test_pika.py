"""pika: messages through a real RabbitMQ, by every adapter and every way of taking them."""

from __future__ import annotations

import asyncio
import gc
import inspect
import pickle
import threading

import pika
import pytest
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.adapters.blocking_connection import BlockingChannel

from autotrace import propagation
from autotrace.api import span
from autotrace.testing.contracts.handling import TRACEPARENT, HandlerError, Handling
from autotrace.testing.contracts.messaging_base import creation, current_id, hexadecimal


@pytest.fixture
def parameters(rabbitmq):
    """How to connect."""
    return pika.URLParameters(rabbitmq.url)


@pytest.fixture
def channel(instrument, parameters):
    """A channel of a blocking connection."""
    instrument("pika")
    connection = pika.BlockingConnection(parameters)
    yield connection.channel()
    if connection.is_open:
        connection.close()


@pytest.fixture
def queue(channel, queue_name):
    """A queue of this test's own, which goes with its connection."""
    channel.queue_declare(queue_name, exclusive=True)
    return queue_name


def properties_of(**known):
    """Return the properties of a message."""
    return pika.BasicProperties(**known)


def publish(channel, queue, *bodies, properties=None):
    """Send messages by the default exchange."""
    for body in bodies:
        channel.basic_publish("", queue, body, properties)


def sent(rabbitmq, queue, number, trace=None, parent="", **more):
    """Return the expected span of a message that was published."""
    return {
        "name": f"send {queue}",
        "kind": "PRODUCER",
        "scope": "pika",
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
    expected["attributes"].update(
        {
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.rabbitmq.message.delivery_tag": tag,
        }
    )
    return {**expected, "name": f"process {queue}", "kind": "CONSUMER", **creation(trace, parent), **more}


def receive(channel, queue, handle, count=1, **options):
    """Have messages handled by a callback until there were so many."""
    seen = []

    def handler(receiver, method, properties, body):
        seen.append(body)
        if len(seen) == count:
            receiver.stop_consuming()
        return handle(receiver, method, properties, body)

    channel.basic_consume(queue, handler, auto_ack=True, **options)
    channel.start_consuming()
    return seen


class TestPika(Handling):
    """The contract, by a callback."""

    name = "pika"
    breaks = ("autotrace.families.messaging.exchanges:_text",)

    @pytest.fixture(autouse=True)
    def _program(self, channel, queue, rabbitmq):
        self.channel, self.queue, self.rabbitmq = channel, queue, rabbitmq
        self.one_at_a_time = threading.Lock()  # a connection is not for several threads

    def send(self, headers=None):
        properties = None if headers is None else properties_of(headers=headers)
        with self.one_at_a_time:
            publish(self.channel, self.queue, b"x", properties=properties)

    def handle(self, function):
        receive(self.channel, self.queue, lambda _c, _m, properties, _b: function(properties.headers))

    def title(self):
        return self.queue

    def attributes(self, operation):
        made = sent if operation == "send" else processed
        return made(self.rabbitmq, self.queue, 1, 1, 1)["attributes"]

    def refused(self):
        self.channel.confirm_delivery()
        with pytest.raises(pika.exceptions.UnroutableError) as caught:
            self.channel.basic_publish("", "nowhere-at-all", b"x", mandatory=True)
        return caught.value


def test_a_message_of_an_exchange_is_told_with_its_queue(channel, queue, recorder):
    """The destination is exchange and routing key, and where it was taken the queue; ids of the program are told."""
    channel.exchange_declare("pizzas", "topic", auto_delete=True)
    channel.queue_bind(queue, "pizzas", "order.*")
    properties = properties_of(message_id="m1", correlation_id="c1", headers={"a": 1})
    channel.basic_publish("pizzas", "order.new", b"x", properties)
    assert properties.headers == {"a": 1}
    seen = []
    receive(channel, queue, lambda _c, _m, props, _b: seen.append(props.headers))
    assert seen == [{"a": 1, "traceparent": TRACEPARENT.format(1, 1, "03")}]
    out, into = recorder.wait(2)
    assert (out["name"], into["name"]) == ("send pizzas:order.new", f"process pizzas:order.new:{queue}")
    for one in (out, into):
        assert one["attributes"]["messaging.rabbitmq.destination.routing_key"] == "order.new"
        assert one["attributes"]["messaging.message.id"] == "m1"
        assert one["attributes"]["messaging.message.conversation_id"] == "c1"


def test_each_message_of_a_loop_is_current_in_its_body(channel, queue, rabbitmq, recorder):
    """``consume``: the span begins with the body and ends with the next pull; an idle turn has none."""
    publish(channel, queue, b"0", b"1")
    recorder.clear()
    seen = []
    for method, _properties, body in channel.consume(queue, inactivity_timeout=0.2):
        seen.append((body, current_id()))
        if method is None:
            break
        channel.basic_ack(method.delivery_tag)
        assert current_id() == seen[-1][1]
    channel.cancel()
    assert seen == [(b"0", hexadecimal(3)), (b"1", hexadecimal(4)), (None, None)]
    assert recorder.wait(2) == [processed(rabbitmq, queue, 3 + n, 1 + n, 1 + n, tag=1 + n) for n in range(2)]


def test_a_loop_that_is_left_ends_its_message(channel, queue, recorder):
    """After ``break`` and ``cancel``, and after an exception and ``close``, no message is being handled."""
    publish(channel, queue, b"0")
    for method, _properties, _body in channel.consume(queue):
        assert current_id() is not None
        tag = method.delivery_tag
        break
    assert current_id() is None
    channel.basic_nack(tag)
    channel.cancel()
    assert current_id() is None

    def fail():
        try:
            for _message in channel.consume(queue):
                raise HandlerError
        finally:
            channel.close()

    with pytest.raises(HandlerError):
        fail()
    assert current_id() is None
    found = recorder.wait(3)
    assert [one["status"] for one in found] == ["UNSET", "UNSET", "ERROR"]
    assert "autotrace.messaging.redelivered" not in found[1]["attributes"]
    assert found[2]["attributes"]["autotrace.messaging.redelivered"] is True


def test_the_generator_is_one(channel, queue, recorder):
    """What ``consume`` returns is a generator, as without us, and refuses what it refuses without us."""
    made = channel.consume(queue, inactivity_timeout=0.01)
    assert inspect.isgenerator(made)
    assert next(made) == (None, None, None)
    made.close()
    channel.cancel()
    assert recorder.finished() == []


def test_a_message_that_was_got_is_handled_until_it_is_settled_or_the_next_is_asked_for(channel, queue, recorder):
    """``basic_get``: current from here on; an acknowledgement ends it, so does the next call, which finds nothing."""
    publish(channel, queue, b"0", b"1")
    method, _properties, body = channel.basic_get(queue)
    assert (body, current_id()) == (b"0", hexadecimal(3))
    channel.basic_ack(method.delivery_tag)
    assert current_id() is None
    assert channel.basic_get(queue, auto_ack=True)[2] == b"1"
    assert current_id() == hexadecimal(4)
    assert channel.basic_get(queue) == (None, None, None)
    assert current_id() is None
    assert [one["parent_id"] for one in recorder.wait(4)[2:]] == [hexadecimal(1), hexadecimal(2)]


def test_without_propagation_the_message_is_what_the_program_sent(channel, queue, recorder):
    """The propagator ``none`` adds not even empty headers."""
    propagation.configure(("none",))
    publish(channel, queue, b"x")
    seen = []
    receive(channel, queue, lambda _c, _m, props, _b: seen.append((props.headers, props.priority)))
    assert seen == [(None, None)]


def test_callbacks_of_a_connection_that_calls_back_are_handlers(instrument, parameters, queue_name, rabbitmq, recorder):
    """The asyncio adapter: messages consumed and got are handled while the callback runs."""
    instrument("pika")
    seen = []

    async def work():
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def got(_channel, _method, _properties, body):
            seen.append((body, current_id()))
            done.set_result(None)

        def consumed(channel, _method, _properties, body):
            seen.append((body, current_id()))
            channel.basic_cancel(tag)
            channel.basic_publish("", queue_name, b"1")
            channel.basic_get(queue_name, got, auto_ack=True)

        def opened(channel):
            def declared(_frame):
                nonlocal tag
                channel.basic_publish("", queue_name, b"0")
                tag = channel.basic_consume(queue_name, consumed, auto_ack=True)

            channel.queue_declare(queue_name, exclusive=True, callback=declared)

        tag = ""
        connection = AsyncioConnection(
            parameters, on_open_callback=lambda made: made.channel(on_open_callback=opened), custom_ioloop=loop
        )
        await asyncio.wait_for(done, 30)
        closed = loop.create_future()
        connection.add_on_close_callback(lambda *_: closed.set_result(None))
        connection.close()
        await asyncio.wait_for(closed, 30)

    asyncio.run(work())
    gc.collect()
    assert seen == [(b"0", hexadecimal(2)), (b"1", hexadecimal(4))]
    found = {one["span_id"]: one for one in recorder.wait(4)}
    assert found[hexadecimal(1)] == sent(rabbitmq, queue_name, 1)
    assert found[hexadecimal(2)] == processed(rabbitmq, queue_name, 2, trace=1, parent=1)
    assert found[hexadecimal(3)] == sent(rabbitmq, queue_name, 3, trace=1, parent=2)
    assert found[hexadecimal(4)] == processed(rabbitmq, queue_name, 4, trace=1, parent=3, tag=2)


def test_callbacks_of_the_select_adapter_are_handlers(instrument, parameters, queue_name, recorder):
    """A connection with a loop of its own, in a thread."""
    instrument("pika")
    seen = []

    def consumed(channel, _method, _properties, body):
        seen.append((body, current_id()))
        channel.connection.close()

    def opened(channel):
        def declared(_frame):
            channel.basic_publish("", queue_name, b"0")
            channel.basic_consume(queue_name, consumed, auto_ack=True)

        channel.queue_declare(queue_name, exclusive=True, callback=declared)

    connection = pika.SelectConnection(
        parameters,
        on_open_callback=lambda made: made.channel(on_open_callback=opened),
        on_close_callback=lambda made, _reason: made.ioloop.stop(),
    )
    thread = threading.Thread(target=connection.ioloop.start)
    thread.start()
    thread.join(60)
    connection.ioloop.close()
    assert seen == [(b"0", hexadecimal(2))]
    assert [one["kind"] for one in recorder.wait(2)] == ["PRODUCER", "CONSUMER"]


def test_a_handler_that_is_none_is_refused_as_ever(channel, queue):
    """What the library checks is still the program's own object."""
    with pytest.raises(TypeError):
        channel.basic_consume(queue, "no function")
    with pytest.raises(TypeError):
        channel.connection.call_later(0, "no function")


TEMPORARY = {"messaging.destination.anonymous": True, "messaging.destination.temporary": True}


def temporary(span):
    """What a span tells of a destination that is only for one client."""
    return {name: value for name, value in span["attributes"].items() if name in TEMPORARY}


def test_a_call_and_its_reply_have_names_that_last(channel, queue, rabbitmq, recorder):
    """The queue of the reply is for one client: it is told, and said to be temporary, but it is no part of a name."""
    replies = []

    def answer(receiver, _method, properties, body):
        receiver.basic_publish("", properties.reply_to, body * 2)

    def replied(receiver, _method, _properties, body):
        replies.append(body)
        receiver.stop_consuming()

    channel.basic_consume("amq.rabbitmq.reply-to", replied, auto_ack=True)
    channel.basic_consume(queue, answer, auto_ack=True)
    publish(channel, queue, b"x", properties=properties_of(reply_to="amq.rabbitmq.reply-to"))
    channel.start_consuming()
    assert replies == [b"xx"]
    place = f"{rabbitmq.host}:{rabbitmq.port}"
    spans = {one["name"]: one for one in recorder.wait(4)}
    assert sorted(spans) == sorted([f"send {queue}", f"process {queue}", f"send {place}", f"process {place}"])
    for operation in ("send", "process"):
        named, unnamed = spans[f"{operation} {queue}"], spans[f"{operation} {place}"]
        assert (temporary(named), temporary(unnamed)) == ({}, TEMPORARY)
        assert unnamed["attributes"]["messaging.destination.name"].startswith("amq.rabbitmq.reply-to")


def test_a_queue_that_the_broker_names_is_no_part_of_a_name(channel, recorder):
    """What is sent to all who listen is named by the exchange, and handled under that name."""
    channel.exchange_declare("news", "fanout", auto_delete=True)
    made = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(made, "news")
    channel.basic_publish("news", "", b"x")
    receive(channel, made, lambda *_: None)
    channel.basic_publish("news", "sport", b"x")
    receive(channel, made, lambda *_: None)
    spans = recorder.wait(4)
    assert [one["name"] for one in spans] == ["send news", "process news", "send news:sport", "process news:sport"]
    assert [temporary(one) for one in spans] == [{}, TEMPORARY] * 2
    assert spans[1]["attributes"]["messaging.destination.name"] == f"news:{made}"


def test_what_is_called_later_has_the_span_of_whoever_asked_for_it(channel, queue, recorder):
    """By a timer, or from another thread, as that of a handler which acknowledges; else it has none."""
    connection, seen = channel.connection, []

    def later():
        seen.append(current_id())

    def asks():
        with span("thread"):
            connection.add_callback_threadsafe(later)

    connection.add_callback_threadsafe(later)
    with span("work"):
        connection.call_later(0, later)
        thread = threading.Thread(target=asks)
        thread.start()
        thread.join()
    with span("other"):
        while len(seen) < 3:
            connection.process_data_events(time_limit=1)
    numbers = {one["name"]: one["span_id"] for one in recorder.wait(3)}
    assert sorted(seen, key=str) == sorted([None, numbers["work"], numbers["thread"]], key=str)


def test_what_the_select_adapter_calls_later_has_the_span_of_whoever_asked_for_it(instrument, parameters, recorder):
    """The library's own timers have none."""
    instrument("pika")
    seen, own = [], []

    def opened(made):
        with span("work"):
            made.ioloop.call_later(0, lambda: seen.append(current_id()))
            made.ioloop.add_callback_threadsafe(lambda: seen.append(current_id()))
            made.channel(on_open_callback=lambda channel: (own.append(current_id()), made.close()))

    connection = pika.SelectConnection(
        parameters, on_open_callback=opened, on_close_callback=lambda made, _reason: made.ioloop.stop()
    )
    thread = threading.Thread(target=connection.ioloop.start)
    thread.start()
    thread.join(60)
    connection.ioloop.close()
    [work] = recorder.wait(1)
    assert (seen, own) == ([work["span_id"]] * 2, [None])


def test_patched_functions_look_like_themselves(channel):
    """Name, module, signature and pickling by reference are the library's."""
    names = "basic_publish basic_consume basic_get consume cancel close basic_ack basic_nack basic_reject"
    for name in names.split():
        function = getattr(BlockingChannel, name)
        assert function.__name__ == name
        assert inspect.signature(function) == inspect.signature(inspect.unwrap(function))
        assert pickle.loads(pickle.dumps(function)) is function
