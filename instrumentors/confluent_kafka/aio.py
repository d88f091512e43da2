"""confluent-kafka's asyncio classes: AIOProducer and AIOConsumer, which stand on Producer and Consumer in threads.

No context is sent: AIOProducer makes batches, and the library's batches take no headers.  The member of the group is not
told: an inner consumer refuses to be asked while it works, and to work while it is asked.
"""

from __future__ import annotations

from autotrace.instrumentors.confluent_kafka import kept

from autotrace.families.messaging import message_objects, pulling, stream
from autotrace.families.messaging.producing import watch_future
from autotrace.patching import Instrumentor, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.messaging.stream import Reader
    from autotrace.patching import Args, Kwargs

_kafka = stream.Messaging("kafka")


def _message(args: Args, kwargs: Kwargs) -> Any:
    # The arguments of produce, in order: topic, value, key; by name: partition, timestamp.
    topic = argument(args, kwargs, 1, "topic")
    if topic is None:
        return None
    sender = kept(args[0]._producer).sender  # noqa: SLF001
    return topic, kwargs.get("partition"), argument(args, kwargs, 3, "key"), None, sender, None


def _inner(consumer: Any) -> Any:
    return consumer._consumer  # noqa: SLF001


def _consumer(consumer: Any) -> Reader:
    return kept(_inner(consumer)).reader  # type: ignore[no-any-return]


_CONSUMER = "confluent_kafka.aio._AIOConsumer:AIOConsumer"
_PRODUCER = "confluent_kafka.aio.producer._AIOProducer:AIOProducer"

INSTRUMENTOR = Instrumentor(
    "confluent_kafka",
    Patch(f"{_PRODUCER}.produce", _kafka.send(_message, (0, ""), watch_future, message_objects.answered, awaited=True)),
    Patch(f"{_CONSUMER}.__init__", pulling.standing_on(_inner)),
    Patch(f"{_CONSUMER}.poll", _kafka.one(message_objects.received, _consumer, awaited=True)),
    Patch(f"{_CONSUMER}.consume", _kafka.batches(message_objects.received, _consumer, awaited=True)),
    Patch(f"{_CONSUMER}.commit", _kafka.commit(message_objects.named, _consumer, awaited=True)),
    Patch(f"{_CONSUMER}.unsubscribe", _kafka.release(awaited=True)),
    Patch(f"{_CONSUMER}.close", _kafka.release(awaited=True)),
    *pulling.WAITING,
)
