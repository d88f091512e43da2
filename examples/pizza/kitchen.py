"""Kitchen reads the topic ``orders``, bakes, and hands every pizza over through the topic ``deliveries``.

Its recipe for the diavola is wrong: eleven minutes are more than any pizza survives. Such a pizza burns,
the oven refuses to record it as baked, and the kitchen bakes another one.

Environment: DATABASE, KAFKA_BOOTSTRAP.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sqlite3
import threading
import time

from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer

BOOTSTRAP = os.environ.get("KAFKA_BOOTSTRAP", "127.0.0.1:9092")
RECIPES = {"margherita": 5, "funghi": 6, "diavola": 11, "quattro formaggi": 7}  # minutes in the oven
SECOND_TRY = 6
SECONDS_PER_MINUTE = 0.01

SCHEMA = """
CREATE TABLE IF NOT EXISTS stock (pizza TEXT PRIMARY KEY, dough INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS oven (order_id TEXT, pizza TEXT, minutes INTEGER CHECK (minutes <= 8));
"""

log = logging.getLogger("kitchen")
stopping = threading.Event()


class BurntPizzaError(Exception):
    pass


class Opening(ConsumerRebalanceListener):
    def on_partitions_assigned(self, assigned):
        log.info("open: reads %d partitions", len(assigned))

    def on_partitions_revoked(self, revoked):
        pass


def open_database(path):
    database = sqlite3.connect(path)
    database.executescript(SCHEMA)
    with database:
        database.executemany("INSERT OR IGNORE INTO stock VALUES (?, 1000)", [(pizza,) for pizza in RECIPES])
    return database


def take_dough(database, pizza):
    with database:
        database.execute("UPDATE stock SET dough = dough - 1 WHERE pizza = ?", (pizza,))


def bake(database, order, minutes):
    """Bake one pizza; raise BurntPizzaError when that was too long."""
    take_dough(database, order["pizza"])
    time.sleep(minutes * SECONDS_PER_MINUTE)
    try:
        with database:
            database.execute("INSERT INTO oven VALUES (?, ?, ?)", (order["order_id"], order["pizza"], minutes))
    except sqlite3.IntegrityError as error:
        raise BurntPizzaError(f"{order['pizza']} was in the oven for {minutes} minutes") from error


def work(database, consumer, producer):
    while not stopping.is_set():
        for message in consumer:  # ends after a while without a message, so that `stopping` is seen
            order = json.loads(message.value)
            burnt = 0
            try:
                bake(database, order, RECIPES[order["pizza"]])
            except BurntPizzaError:
                log.exception("order %s: burnt, making another one", order["order_id"])
                burnt += 1
                bake(database, order, SECOND_TRY)
            value = json.dumps({**order, "burnt": burnt}).encode()
            producer.send("deliveries", key=message.key, value=value).get(timeout=10)
            consumer.commit()
            log.info("order %s: %s is ready", order["order_id"], order["pizza"])
            if stopping.is_set():
                break


def main():
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("kafka").setLevel(logging.WARNING)
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    database = open_database(os.environ.get("DATABASE", "kitchen.db"))
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP, api_version=(2, 3))
    consumer = KafkaConsumer(
        bootstrap_servers=BOOTSTRAP,
        api_version=(2, 3),
        group_id="kitchen",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        consumer_timeout_ms=300,
    )
    consumer.subscribe(["orders"], listener=Opening())
    try:
        work(database, consumer, producer)
    finally:
        consumer.close()
        producer.close()
        database.close()
    log.info("closed")


if __name__ == "__main__":
    main()
