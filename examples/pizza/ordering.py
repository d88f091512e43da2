"""Ordering takes an order over HTTP, has it paid by *payment*, and tells the kitchen through Kafka.

Environment: PORT, DATABASE, PAYMENT_URL, KAFKA_BOOTSTRAP.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import uuid
from typing import Optional

import requests
from flask import Flask, jsonify, request
from kafka import KafkaProducer
from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

PAYMENT_URL = os.environ.get("PAYMENT_URL", "http://127.0.0.1:8002")
MENU = {"margherita": 900, "funghi": 1050, "diavola": 1200, "quattro formaggi": 1250}  # prices in cents

log = logging.getLogger("ordering")
app = Flask(__name__)
engine = create_engine(f"sqlite:///{os.environ.get('DATABASE', 'ordering.db')}")
http = requests.Session()


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[str] = mapped_column(primary_key=True)
    customer: Mapped[str]
    pizza: Mapped[str]
    address: Mapped[str]
    price: Mapped[int]
    status: Mapped[str]
    charge_id: Mapped[Optional[str]]  # noqa: UP045 - SQLAlchemy evaluates this, also on Python 3.9

    def as_dict(self):
        return {column.name: getattr(self, column.name) for column in self.__table__.columns}


@functools.cache
def producer():
    return KafkaProducer(
        bootstrap_servers=os.environ.get("KAFKA_BOOTSTRAP", "127.0.0.1:9092"),
        api_version=(2, 3),
        key_serializer=str.encode,
        value_serializer=lambda value: json.dumps(value).encode(),
    )


def charge(order):
    """Return the charge's id; raise requests.HTTPError when the card is refused."""
    body = {"order_id": order.id, "customer": order.customer, "amount": order.price}
    response = http.post(f"{PAYMENT_URL}/charges", json=body, timeout=5)
    response.raise_for_status()
    return response.json()["id"]


@app.post("/orders")
def place_order():
    wanted = request.get_json()
    if wanted["pizza"] not in MENU:
        return jsonify(error=f"{wanted['pizza']!r} is not on the menu: {', '.join(MENU)}"), 400
    with Session(engine) as session:
        order = Order(id=str(uuid.uuid4()), price=MENU[wanted["pizza"]], status="new", **wanted)
        session.add(order)
        session.commit()
        try:
            order.charge_id = charge(order)
        except requests.HTTPError as error:
            log.warning("order %s: payment refused: %s", order.id, error)
            order.status = "refused"
            session.commit()
            return jsonify(order.as_dict()), 402
        order.status = "paid"
        session.commit()
        ticket = {"order_id": order.id, "pizza": order.pizza, "address": order.address}
        producer().send("orders", key=order.id, value=ticket).get(timeout=10)
        log.info("order %s: one %s for %s", order.id, order.pizza, order.customer)
        return jsonify(order.as_dict()), 201


@app.get("/orders/<order_id>")
def show_order(order_id):
    with Session(engine) as session:
        order = session.scalars(select(Order).where(Order.id == order_id)).one_or_none()
        return (jsonify(order.as_dict()), 200) if order else (jsonify(error="no such order"), 404)


@app.get("/health")
def health():
    return jsonify(status="ok")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    Base.metadata.create_all(engine)
    producer()
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8001")), threaded=True)
