"""pika: a PRODUCER span for each ``basic_publish``, a CONSUMER span while the program handles a message.

For all adapters: blocking, and those that call back.  The blocking one stands on the other's channel, whose inner callbacks
are no handlers.  What ``basic_get`` returned is handled until it is settled or the next is asked for.  What is called back
by a timer, or for another thread, has the span of whoever asked for it, as the callbacks of asyncio have.
"""

from __future__ import annotations

from copy import copy

from pika import BasicProperties  # type: ignore[import-untyped]

from autotrace.families.execution import concurrency
from autotrace.families.messaging import exchanges
from autotrace.patching import Instrumentor, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

    from autotrace.families.messaging.handling import Look
    from autotrace.patching import Args, Kwargs
    from autotrace.trace.span import Facts

    Found = Optional[tuple[Facts, Any]]

_BLOCKING, _SELECT = "pika.adapters.blocking_connection", "pika.adapters.select_connection"
_rabbit = exchanges.Exchanges("rabbitmq")


def _server(channel: Any) -> tuple[Any, Any]:
    connection = channel.connection
    parameters = getattr(connection, "_impl", connection).params
    return parameters.host, parameters.port


def _message(args: Args, kwargs: Kwargs) -> Found:
    # The arguments of basic_publish, in order: exchange, routing_key, body, properties, mandatory.
    given = argument(args, kwargs, 4, "properties")
    properties = BasicProperties() if given is None else copy(given)
    key = argument(args, kwargs, 2, "routing_key")
    ids = properties.message_id, properties.correlation_id
    return exchanges.sent(argument(args, kwargs, 1, "exchange"), key, *ids, *_server(args[0])), properties


def _received(channel: Any, queue: Any, method: Any, properties: Any) -> tuple[Facts, Any]:
    place = method.exchange, method.routing_key, queue, method.delivery_tag, method.redelivered
    return exchanges.received(
        *place, properties.message_id, properties.correlation_id, *_server(channel)
    ), properties.headers


def _taken(result: Any, args: Args, kwargs: Kwargs) -> Found:
    method, properties, _body = result
    if method is None:
        return None
    return _received(args[0], argument(args, kwargs, 1, "queue"), method, properties)


def _handler(position: int, name: str) -> Any:
    def prepare(args: Args, kwargs: Kwargs) -> Look | None:
        function = argument(args, kwargs, position, name)
        if getattr(getattr(function, "__func__", None), "__module__", None) == _BLOCKING:
            return None
        queue = argument(args, kwargs, 1, "queue")

        def look(called: Args, _kwargs: Kwargs) -> tuple[Facts, Any]:
            channel, method, properties = called[:3]
            return _received(channel, queue, method, properties)

        return look

    return _rabbit.handler(prepare, (position, name))


_publish = _rabbit.publish(_message, (4, "properties"))
_settle = _rabbit.settle()
_later, _threadsafe = (concurrency.carry(index, "callback", own="pika.") for index in (2, 1))
_consume = _handler(2, "on_message_callback")

INSTRUMENTOR = Instrumentor(
    "pika",
    Patch("pika.channel:Channel.basic_publish", _publish),
    Patch("pika.channel:Channel.basic_consume", _consume),
    Patch("pika.channel:Channel.basic_get", _handler(2, "callback")),
    Patch(f"{_SELECT}:IOLoop.call_later", _later),
    Patch(f"{_SELECT}:IOLoop.add_callback_threadsafe", _threadsafe),
    Patch(f"{_BLOCKING}:BlockingConnection.call_later", _later),
    Patch(f"{_BLOCKING}:BlockingConnection.add_callback_threadsafe", _threadsafe),
    Patch(f"{_BLOCKING}:BlockingChannel.basic_publish", _publish),
    Patch(f"{_BLOCKING}:BlockingChannel.basic_consume", _consume),
    Patch(f"{_BLOCKING}:BlockingChannel.basic_get", _rabbit.take(_taken)),
    Patch(f"{_BLOCKING}:BlockingChannel.consume", _rabbit.walk(_taken)),
    Patch(f"{_BLOCKING}:BlockingChannel.basic_ack", _settle),
    Patch(f"{_BLOCKING}:BlockingChannel.basic_nack", _settle),
    Patch(f"{_BLOCKING}:BlockingChannel.basic_reject", _rabbit.settle(several=False)),
    Patch(f"{_BLOCKING}:BlockingChannel.cancel", _rabbit.release()),
    Patch(f"{_BLOCKING}:BlockingChannel.close", _rabbit.release()),
)
