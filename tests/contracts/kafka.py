"""What is expected of every Kafka client beside the contract of messaging."""

from __future__ import annotations

from contracts.messaging import MessagingContract


class KafkaMessaging(MessagingContract):
    """The attributes that a Kafka client's spans have; ``bootstrap`` is the broker's address."""

    bootstrap = ""

    def attributes(self, operation, topic, key, offset):
        host, _, port = self.bootstrap.rpartition(":")
        handled = operation == "process"
        known = {
            "messaging.system": "kafka",
            "messaging.operation.name": operation,
            "messaging.operation.type": operation,
            "messaging.destination.name": topic,
            "messaging.destination.partition.id": "0",
            "messaging.consumer.group.name": topic if handled else None,
            "autotrace.messaging.consumer.subscription": [topic] if handled else None,
            "messaging.client.id": "reader" if handled else "sender",
            "messaging.kafka.offset": offset,
            "messaging.kafka.message.key": key,
            "server.address": host,
            "server.port": int(port),
        }
        return {name: value for name, value in known.items() if value is not None}
