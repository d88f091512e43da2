"""kafka-python: a span for each ``send``, for what is pulled, while the program handles that, and for what it commits.

Works with 2.0.2 to 3.x.  ``__next__`` pulls through ``poll``, which then is not traced a second time.  Where the broker's
messages have no headers (before 0.11) no context is sent.
"""

from __future__ import annotations

import kafka  # type: ignore[import-untyped]

from autotrace.families.execution import concurrency
from autotrace.families.messaging import stream
from autotrace.patching import Instrumentor, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autotrace.families.messaging.stream import Reader, Sender
    from autotrace.patching import Args, Kwargs

_kafka = stream.Messaging("kafka")
_SUBCLASSES = not kafka.__version__.startswith("2.0.")  # of list are headers too, since then


def _sender(producer: Any) -> Sender:
    config = producer.config
    return config["client_id"], stream.only_server(config["bootstrap_servers"]), config.get("transactional_id")


def _message(args: Args, kwargs: Kwargs) -> Any:
    # The arguments of send, in order: topic, value, key, headers, partition, timestamp_ms.
    topic = argument(args, kwargs, 1, "topic")
    if topic is None:
        return None
    headers = argument(args, kwargs, 4, "headers")
    if args[0].config["api_version"] < (0, 11):
        headers = None
    elif headers is None:
        headers = []
    elif not (isinstance(headers, list) if _SUBCLASSES else type(headers) is list):  # refused, by the library itself
        headers = None
    partition, key = argument(args, kwargs, 5, "partition"), argument(args, kwargs, 3, "key")
    return topic, partition, key, None, _sender(args[0]), headers


def _watch(future: Any, succeeded: Callable[[Any], None], failed: Callable[[BaseException], None]) -> None:
    future.add_callback(succeeded)
    future.add_errback(failed)
    if future.is_done:  # before 3.0 a callback that is added in the moment of completion is never called
        if future.exception is not None:
            failed(future.exception)
        else:
            succeeded(future.value)


def _answered(metadata: Any) -> tuple[Any, Any, bool]:
    return metadata.partition, metadata.offset, metadata.serialized_value_size == -1


def _received(record: Any) -> tuple[Any, Any, Any, Any, bool, Any, Any]:
    empty = record.serialized_value_size == -1
    return record.topic, record.partition, record.offset, record.key, empty, record.timestamp, record.headers


def _consumer(consumer: Any) -> Reader:
    config, coordinator, state = consumer.config, consumer._coordinator, consumer._subscription  # noqa: SLF001
    generation = getattr(coordinator, "_generation", None)
    names = state.subscription if state.subscribed_pattern is None else (state.subscribed_pattern.pattern,)
    member = getattr(generation, "member_id", None)
    return (
        config["client_id"],
        config["group_id"],
        stream.only_server(config["bootstrap_servers"]),
        member,
        tuple(names or ()),
    )


def _places(args: Args, kwargs: Kwargs) -> Any:
    offsets = argument(args, kwargs, 1, "offsets")
    places = args[0].assignment() if offsets is None else offsets
    return tuple(places) if isinstance(places, (dict, set)) else ()


def _largest(args: Args) -> int:
    # 2.0 also has a limit by its buffer; later versions have no such thing
    config = args[0].config
    return int(min(config["max_request_size"], config.get("buffer_memory", config["max_request_size"])))


INSTRUMENTOR = Instrumentor(
    "kafka",
    Patch("kafka.producer.kafka:KafkaProducer.send", _kafka.send(_message, (4, "headers"), _watch, _answered)),
    Patch("kafka.producer.kafka:KafkaProducer._estimate_size_in_bytes", stream.fit(_largest, (3, "headers"))),
    *(
        Patch(f"kafka.producer.kafka:KafkaProducer.{name}", _kafka.transaction(name, _sender), optional=True)
        for name in ("commit_transaction", "abort_transaction")  # from 2.1 on
    ),
    Patch("kafka.consumer.group:KafkaConsumer.__next__", _kafka.one(_received, _consumer)),
    Patch("kafka.consumer.group:KafkaConsumer.poll", _kafka.batches(_received, _consumer)),
    Patch("kafka.consumer.group:KafkaConsumer.commit", _kafka.commit(_places, _consumer)),
    Patch("kafka.consumer.group:KafkaConsumer.commit_async", _kafka.commit(_places, _consumer, _watch)),
    Patch("kafka.consumer.group:KafkaConsumer.close", _kafka.release()),
    Patch("kafka.consumer.group:KafkaConsumer.unsubscribe", _kafka.release()),
    # The library's own threads: of the producer, of a consumer's group until 2.x, of every client from 3.0 on.
    Patch("kafka.producer.sender:Sender.start", concurrency.isolate()),
    Patch("kafka.coordinator.base:HeartbeatThread.start", concurrency.isolate(), optional=True),
    Patch("kafka.net.selector:NetworkSelector.start", concurrency.isolate(), optional=True),
)
