"""A Kafka broker for the demo: librdkafka's own, which speaks the real protocol on a free loopback port.

It keeps messages in memory and knows neither transactions nor access rights: for a demo, not for work.
It prints a line for the shell, ``export KAFKA_BOOTSTRAP=127.0.0.1:PORT``, and runs until SIGTERM or Ctrl-C.
"""

from __future__ import annotations

import signal
import sys

from confluent_kafka import Producer


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # The cluster lives as long as this producer, whose own bootstrap address is ignored.
    owner = Producer({"bootstrap.servers": "127.0.0.1:1", "test.mock.num.brokers": 1, "log_level": 4})
    for topic in ("orders", "deliveries"):
        owner.list_topics(topic, timeout=10)  # asking for a topic creates it
    (broker,) = owner.list_topics(timeout=10).brokers.values()
    print(f"export KAFKA_BOOTSTRAP={broker.host}:{broker.port}", flush=True)
    try:
        signal.pause()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
