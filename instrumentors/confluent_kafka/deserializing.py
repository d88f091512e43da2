"""confluent-kafka's DeserializingConsumer: a message that cannot be deserialized has failed.

It stands on Consumer, whose ``poll`` takes the message up; what the deserializers raise comes after that.
"""

from __future__ import annotations

from autotrace.families.messaging import stream
from autotrace.patching import Instrumentor, Patch

INSTRUMENTOR = Instrumentor(
    "confluent_kafka",
    Patch(
        "confluent_kafka.deserializing_consumer:DeserializingConsumer.poll",
        stream.Messaging("kafka").failing(),
    ),
)
