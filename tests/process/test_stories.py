"""The stories: small programs that misbehave, nothing but autotrace-run before them, and who is named."""

from __future__ import annotations

import json
import sys
import uuid

from machine import AUTOTRACE

N_PLUS_ONE = """\
import sqlite3
import threading
from urllib.request import urlopen
from flask import Flask
from werkzeug.serving import make_server

app = Flask("shop")
with sqlite3.connect("shop.db") as database:
    database.execute("CREATE TABLE pizzas (id INTEGER, price INTEGER)")
    database.executemany("INSERT INTO pizzas VALUES (?, 0)", [(n,) for n in range(30, 20_000)])
    database.executemany("INSERT INTO pizzas VALUES (?, 9)", [(n,) for n in range(30)])  # found last: there is no index

@app.get("/menu")
def menu():
    database = sqlite3.connect("shop.db")
    ids = database.execute("SELECT id FROM pizzas WHERE price = 9").fetchall()
    return str([database.execute("SELECT price FROM pizzas WHERE id = ?", row).fetchone() for row in ids])

@app.get("/health")
def health():
    return "well"

server = make_server("127.0.0.1", 0, app)
threading.Thread(target=server.serve_forever, daemon=True).start()
for path in ("menu", "health", "menu"):
    urlopen(f"http://127.0.0.1:{server.port}/{path}").read()
"""

BURNT = """\
import threading
from urllib.error import HTTPError
from urllib.request import urlopen
from flask import Flask
from werkzeug.serving import make_server

kitchen, ordering = Flask("kitchen"), Flask("ordering")

def bake(pizza):
    if pizza == "diavola":
        raise OverflowError("the oven is at 480 degrees")
    return "baked"

@kitchen.get("/bake/<pizza>")
def baking(pizza):
    return bake(pizza)

@ordering.get("/order/<pizza>")
def order(pizza):
    return urlopen(f"http://127.0.0.1:{servers[0].port}/bake/{pizza}").read()

servers = [make_server("127.0.0.1", 0, app, threaded=True) for app in (kitchen, ordering)]
for server in servers:
    threading.Thread(target=server.serve_forever, daemon=True).start()
for pizza in ("margherita", "diavola", "funghi"):
    try:
        urlopen(f"http://127.0.0.1:{servers[1].port}/order/{pizza}").read()
    except HTTPError:
        pass
"""

CONSUMER = """\
import json
import sys
from kafka import KafkaConsumer, KafkaProducer

server, topic, group, count = sys.argv[1:]
producer = KafkaProducer(bootstrap_servers=server)
for number in range(int(count)):
    producer.send(topic, json.dumps({topic.split("-")[0]: number}).encode()).get(30)
producer.close()
consumer = KafkaConsumer(
    topic, bootstrap_servers=server, group_id=group, auto_offset_reset="earliest", consumer_timeout_ms=60000
)
for number, message in enumerate(consumer, 1):
    json.loads(message.value)
    if number == int(count):
        break
consumer.close()
"""


def insights(machine, *options):
    """Return what the command finds."""
    done = machine.run(AUTOTRACE, "insights", "--json", *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["findings"]


def test_mysterious_timeout(machine):
    """A query for each row: the statement, how often in each request, and the route are named."""
    done = machine.python(machine.write("shop.py", N_PLUS_ONE))
    assert done.returncode == 0, done.stderr
    (found,) = [one for one in insights(machine) if one["kind"] == "repeated statement"]
    assert found["title"] == "SELECT price FROM pizzas WHERE id = ?"
    assert (found["route"], found["facts"]["per_request"]) == ("GET /menu in shop", 30)
    assert (found["count"], found["total"], found["confidence"]) == (2, 2, "certain")


def test_burnt_pizza(machine):
    """An exception two requests below: its type, its message and its line, not those who passed it on."""
    done = machine.python(machine.write("shop.py", BURNT))
    assert done.returncode == 0, done.stderr
    first, *others = insights(machine)
    assert (first["kind"], first["level"]) == ("error origin", "failure")
    assert first["title"] == "OverflowError: the oven is at 480 degrees"
    assert first["operation"] == "GET /bake/<pizza>"
    assert first["facts"]["code"].endswith("shop.py:11 in bake")
    assert any("GET /order/<pizza>" in one for one in first["facts"]["passed_on_by"])
    assert (first["count"], first["total"]) == (1, 3)
    assert [one for one in others if one["level"] == "failure"] == []


def test_kafka_catastrophe(machine, kafka_broker):
    """The same group, started again with another topic: the service, the group and both topics are named."""
    server, mark = kafka_broker.bootstrap, uuid.uuid4().hex[:8]
    program, group = machine.write("kitchen.py", CONSUMER), f"bakers-{mark}"
    for topic, count in ((f"orders-{mark}", "4"), (f"payments-{mark}", "3")):
        done = machine.traced(sys.executable, program, server, topic, group, count, timeout=150)
        assert done.returncode == 0, done.stderr
    (found,) = [one for one in insights(machine) if one["kind"] == "wrong consumer"]
    assert found["title"] == f"kitchen began to read payments-{mark}"
    assert (found["facts"]["group"], found["facts"]["before"]) == (group, {f"orders-{mark}": 4})
    assert (found["count"], found["facts"]["instead"]) == (3, True)
