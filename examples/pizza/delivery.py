"""Delivery reads the topic ``deliveries``, asks the maps service for the way, and drives.

A driver whose way leads past the taco stand stops there, and everybody waits.

Environment: PORT, MAPS_URL, KAFKA_BOOTSTRAP.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
import time

import httpx
import uvicorn
from fastapi import FastAPI, HTTPException
from kafka import ConsumerRebalanceListener, KafkaConsumer

MAPS_URL = os.environ.get("MAPS_URL", "http://127.0.0.1:8004")
DRIVERS = ("Ada", "Grace", "Edsger")
SECONDS_PER_MINUTE = 0.005

log = logging.getLogger("delivery")
deliveries = {}
stopping = threading.Event()


class Opening(ConsumerRebalanceListener):
    def on_partitions_assigned(self, assigned):
        log.info("open: reads %d partitions", len(assigned))

    def on_partitions_revoked(self, revoked):
        pass


def drive(maps, parcel):
    """Bring one pizza to its address and return what the customer may know about it."""
    way = maps.get("/route", params={"to": parcel["address"]}).raise_for_status().json()
    stops = []
    if "taco stand" in way["passes"]:
        stops.append(maps.get("/tacos", params={"near": parcel["address"]}).raise_for_status().json()["stop"])
    time.sleep(way["minutes"] * SECONDS_PER_MINUTE)
    driver = DRIVERS[len(deliveries) % len(DRIVERS)]
    return {**parcel, "driver": driver, "minutes": way["minutes"], "stops": stops}


def consume():
    consumer = KafkaConsumer(
        bootstrap_servers=os.environ.get("KAFKA_BOOTSTRAP", "127.0.0.1:9092"),
        api_version=(2, 3),
        group_id="delivery",
        auto_offset_reset="earliest",
        consumer_timeout_ms=300,
        value_deserializer=json.loads,
    )
    consumer.subscribe(["deliveries"], listener=Opening())
    with httpx.Client(base_url=MAPS_URL, timeout=10) as maps, contextlib.closing(consumer):
        while not stopping.is_set():
            for message in consumer:
                parcel = message.value
                try:
                    deliveries[parcel["order_id"]] = drive(maps, parcel)
                    log.info("order %s: delivered to %s", parcel["order_id"], parcel["address"])
                except httpx.HTTPError:
                    log.exception("order %s: no way to %s", parcel["order_id"], parcel["address"])
                if stopping.is_set():
                    break


@contextlib.asynccontextmanager
async def lifespan(_app):
    consumer = threading.Thread(target=consume, name="deliveries")
    consumer.start()
    yield
    stopping.set()
    consumer.join()


app = FastAPI(lifespan=lifespan)


@app.get("/drivers")
def drivers():
    return [{"name": name} for name in DRIVERS]


@app.get("/deliveries/{order_id}")
def show_delivery(order_id: str):
    if order_id not in deliveries:
        raise HTTPException(404, "not delivered yet")
    return deliveries[order_id]


@app.get("/health")
def health():
    return {"status": "ok"}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    for chatty in ("kafka", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8003")), log_config=None)
