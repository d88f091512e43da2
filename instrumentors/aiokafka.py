"""aiokafka: a span for each message sent, for what is pulled, while the program handles that, and for what it commits.

``send_and_wait`` sends by ``send``, ``async for`` pulls by ``getone``.  Where the broker's messages have no headers (before
0.11) no context is sent.
"""

from __future__ import annotations

from aiokafka.errors import ConsumerStoppedError  # type: ignore[import-untyped]

from autotrace.families.execution import concurrency
from autotrace.families.messaging import pulling, stream
from autotrace.families.messaging.producing import watch_future
from autotrace.patching import Instrumentor, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.messaging.stream import Reader, Sender
    from autotrace.patching import Args, Kwargs

_kafka = stream.Messaging("kafka")


def _server(client: Any) -> str | None:
    return stream.only_server(client._bootstrap_servers)  # noqa: SLF001 - where it keeps its settings, as below


def _sender(producer: Any) -> Sender:
    client = producer.client
    transactions = producer._txn_manager  # noqa: SLF001
    return client._client_id, _server(client), getattr(transactions, "transactional_id", None)  # noqa: SLF001


def _message(args: Args, kwargs: Kwargs) -> Any:
    # The arguments of send, in order: topic, value, key, partition, timestamp_ms, headers.
    topic = argument(args, kwargs, 1, "topic")
    if topic is None:
        return None
    producer = args[0]
    headers = argument(args, kwargs, 6, "headers")
    if headers is None:
        headers = []
    elif type(headers) is not list:  # some builders refuse these, and have to see them
        headers = None
    version = getattr(producer.client, "api_version", None)  # none from 0.13 on, which speaks to no such broker
    if type(version) is tuple and version < (0, 11):
        headers = None
    empty = argument(args, kwargs, 2, "value") is None and producer._value_serializer is None  # noqa: SLF001
    partition, key = argument(args, kwargs, 4, "partition"), argument(args, kwargs, 3, "key")
    return topic, partition, key, empty, _sender(producer), headers


def _answered(metadata: Any) -> tuple[Any, Any, None]:
    if metadata is None:  # nobody waits for the broker (acks=0)
        return None, None, None
    return metadata.partition, metadata.offset, None


def _received(record: Any) -> tuple[Any, Any, Any, Any, bool, Any, Any]:
    empty = record.serialized_value_size == -1
    return record.topic, record.partition, record.offset, record.key, empty, record.timestamp, record.headers


def _consumer(consumer: Any) -> Reader:
    client = consumer._client  # noqa: SLF001
    subscribed = consumer._subscription.subscription  # noqa: SLF001
    pattern = consumer._subscription.subscribed_pattern  # noqa: SLF001
    names = (pattern.pattern,) if pattern is not None else tuple(getattr(subscribed, "topics", ()))
    member = getattr(consumer._coordinator, "member_id", None)  # noqa: SLF001
    return client._client_id, consumer._group_id, _server(client), member, names  # noqa: SLF001


def _places(args: Args, kwargs: Kwargs) -> Any:
    offsets = argument(args, kwargs, 1, "offsets")
    places = args[0].assignment() if offsets is None else offsets
    return tuple(places) if isinstance(places, (dict, frozenset)) else ()


# The library's own tasks, which serve everybody: where the function that starts them is, and who has it from there.
_TASKS = "util", "client", "conn", "consumer.fetcher", "consumer.group_coordinator", "producer.sender"
_PRODUCER = "aiokafka.producer.producer:AIOKafkaProducer"
_CONSUMER = "aiokafka.consumer.consumer:AIOKafkaConsumer"
_OVER = (ConsumerStoppedError,)
_apart = concurrency.isolate()  # one, so that the function stays one object

INSTRUMENTOR = Instrumentor(
    "aiokafka",
    Patch(
        f"{_PRODUCER}.send",
        _kafka.send(_message, (6, "headers"), watch_future, _answered, awaited=True),
    ),
    *(
        Patch(f"{_PRODUCER}.{name}", _kafka.transaction(name, _sender, awaited=True))
        for name in ("commit_transaction", "abort_transaction")
    ),
    Patch(f"{_CONSUMER}.getone", _kafka.one(_received, _consumer, awaited=True, over=_OVER)),
    Patch(f"{_CONSUMER}.getmany", _kafka.batches(_received, _consumer, awaited=True, over=_OVER)),
    Patch(f"{_CONSUMER}.commit", _kafka.commit(_places, _consumer, awaited=True)),
    Patch(f"{_CONSUMER}.stop", _kafka.release(awaited=True)),
    Patch(f"{_CONSUMER}.unsubscribe", _kafka.release(awaited=False)),
    *(Patch(f"aiokafka.{module}:create_task", _apart, optional=True) for module in _TASKS),
    *pulling.WAITING,
)
