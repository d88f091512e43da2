"""Payment charges a customer's card and remembers the charge.

Environment: PORT, DATABASE.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import uuid

from aiohttp import web

CARD_LIMIT = 5000  # cents
SCHEMA = """
CREATE TABLE IF NOT EXISTS charges (id TEXT PRIMARY KEY, order_id TEXT UNIQUE, customer TEXT, amount INTEGER)
"""

log = logging.getLogger("payment")
DATABASE = web.AppKey("DATABASE", str)
routes = web.RouteTableDef()


def open_database(path):
    """One connection for each use: they are cheap, and the handlers run in threads."""
    database = sqlite3.connect(path, timeout=5)
    database.row_factory = sqlite3.Row
    return database


def create_tables(path):
    database = open_database(path)
    with database:
        database.execute(SCHEMA)
    database.close()


def book_charge(path, order_id, customer, amount):
    """Book the charge once: a repeated request for the same order gets the charge that is there."""
    database = open_database(path)
    try:
        with database:
            database.execute(
                "INSERT OR IGNORE INTO charges (id, order_id, customer, amount) VALUES (?, ?, ?, ?)",
                (str(uuid.uuid4()), order_id, customer, amount),
            )
        return dict(database.execute("SELECT * FROM charges WHERE order_id = ?", (order_id,)).fetchone())
    finally:
        database.close()


@routes.post("/charges")
async def charge(request):
    wanted = await request.json()
    if wanted["amount"] > CARD_LIMIT:
        log.warning("order %s: %d cents are above the card's limit", wanted["order_id"], wanted["amount"])
        return web.json_response({"error": "card refused"}, status=402)
    booked = await asyncio.to_thread(
        book_charge, request.app[DATABASE], wanted["order_id"], wanted["customer"], wanted["amount"]
    )
    log.info("order %s: charged %d cents to %s", booked["order_id"], booked["amount"], booked["customer"])
    return web.json_response(booked, status=201)


@routes.get("/health")
async def health(request):  # noqa: ARG001 - aiohttp hands it to every handler
    return web.json_response({"status": "ok"})


def create_app(path):
    create_tables(path)
    app = web.Application()
    app[DATABASE] = path
    app.add_routes(routes)
    return app


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    payment = create_app(os.environ.get("DATABASE", "payment.db"))
    web.run_app(payment, host="127.0.0.1", port=int(os.environ.get("PORT", "8002")), print=None)
