"""aio-pika: a PRODUCER span for each message that is published, a CONSUMER span while the program handles one.

A handler's task has the span; what an iterator or ``get`` gave is handled until the next is asked for, what ``get`` gave
until it is settled at the latest.
"""

from __future__ import annotations

from copy import copy

from autotrace.families.messaging import exchanges, pulling
from autotrace.patching import Instrumentor, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.messaging.handling import Look
    from autotrace.patching import Args, Kwargs
    from autotrace.trace.span import Facts

_OWN = "aio_pika."
_rabbit = exchanges.Exchanges("rabbitmq")


def _server(owner: Any) -> tuple[Any, Any]:
    channel = owner.channel
    connection = getattr(channel, "connection", None) or getattr(channel, "_connection", None)
    url = getattr(connection, "url", None)
    return (None, None) if url is None else (url.host, url.port)


def _message(args: Args, kwargs: Kwargs) -> tuple[Facts, Any]:
    # The arguments of publish begin with message and routing_key.
    copied = copy(argument(args, kwargs, 1, "message"))
    key = argument(args, kwargs, 2, "routing_key")
    place = args[0].name, key, copied.message_id, copied.correlation_id
    return exchanges.sent(*place, *_server(args[0])), copied


def _received(message: Any, queue: Any) -> tuple[Facts, Any]:
    place = message.exchange, message.routing_key, queue, message.delivery_tag, message.redelivered
    ids = message.message_id, message.correlation_id
    return exchanges.received(*place, *ids, *_server(message)), message.headers


def _prepare(args: Args, kwargs: Kwargs) -> Look | None:
    function = argument(args, kwargs, 1, "callback")
    own = getattr(getattr(function, "__func__", None), "__module__", None) or ""
    if own.startswith(_OWN):  # of an iterator
        return None
    queue = args[0].name

    def look(called: Args, _kwargs: Kwargs) -> tuple[Facts, Any]:
        return _received(called[0], queue)

    return look


def _got(result: Any, args: Args, _kwargs: Kwargs) -> tuple[Facts, Any] | None:
    return None if result is None else _received(result, args[0].name)


def _iterated(result: Any, args: Args, _kwargs: Kwargs) -> tuple[Facts, Any]:
    return _received(result, args[0]._amqp_queue.name)  # noqa: SLF001 - it has no other name


def _channel(message: Any) -> Any:
    return message.channel


def _place(message: Any) -> tuple[Any, int]:
    return message.channel, message.delivery_tag


_next = _rabbit.async_take(_iterated)

INSTRUMENTOR = Instrumentor(
    "aio_pika",
    Patch("aio_pika.exchange:Exchange.publish", _rabbit.async_publish(_message, (1, "message"))),
    Patch("aio_pika.queue:Queue.consume", _rabbit.handler(_prepare, (1, "callback"))),
    Patch("aio_pika.queue:Queue.get", _rabbit.async_take(_got, _channel)),
    Patch("aio_pika.message:IncomingMessage.ack", _rabbit.async_settle(_place)),
    Patch("aio_pika.message:IncomingMessage.nack", _rabbit.async_settle(_place)),
    Patch("aio_pika.message:IncomingMessage.reject", _rabbit.async_settle(_place, several=False)),
    Patch("aio_pika.queue:QueueIterator.__anext__", _next),
    Patch("aio_pika.robust_queue:RobustQueueIterator.__anext__", _next),  # later ones have their own
    Patch("aio_pika.queue:QueueIterator.close", _rabbit.async_release()),
    *pulling.WAITING,
)
