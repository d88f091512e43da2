"""One order at the pizza shop as its four processes would send it: HTTP, SQL, Kafka, a burnt pizza and tacos."""

from __future__ import annotations

from unit.store.inboxes import Sent, request, write

ORDER = "5b8aa5a2d2c872e8321cf37308d69df2"


def order() -> list[Sent]:
    """The spans, in no particular order of time."""
    shop = _Order()
    place = shop.add(
        "POST /orders",
        0,
        402,
        "ordering",
        "SERVER",
        None,
        {"http.request.method": "POST", "http.route": "/orders", "http.response.status_code": 202},
    )
    shop.sql("SELECT customers", 6, 14, "ordering", place)
    for number in range(12):
        shop.sql("SELECT pizzas", 18 + number * 7, 23.4 + number * 7, "ordering", place)
    call = shop.http("POST", 108, 331, "ordering", place, "http://payment:8002/charge", 200)
    charge = shop.add(
        "POST /charge",
        112,
        331.2,
        "payment",
        "SERVER",
        call,
        {"http.request.method": "POST", "http.route": "/charge", "http.response.status_code": 200},
    )
    shop.sql("SELECT cards", 116, 122, "payment", charge)
    shop.http("POST", 126, 312, "payment", charge, "https://bank.example/v2/authorise?key=REDACTED", 201)
    shop.sql("INSERT payments", 315, 324, "payment", charge)
    shop.sql("INSERT orders", 336, 352, "ordering", place)
    sent = shop.add("send orders", 358, 366, "ordering", "PRODUCER", place, _topic("orders"))
    bake = shop.add("process orders", 986, 1930, "kitchen", "CONSUMER", sent, _topic("orders"))
    shop.sql("SELECT recipes", 992, 999, "kitchen", bake)
    burnt = shop.add("bake", 1005, 1402, "kitchen", "INTERNAL", bake, {"pizza": "Quattro Stagioni"})
    burnt.error = ("kitchen.OvenError", "pizza 2 of order 1742 is burnt: 480 °C for 397 ms")
    shop.add("bake", 1410, 1888, "kitchen", "INTERNAL", bake, {"pizza": "Quattro Stagioni"})
    shop.sql("UPDATE orders", 1892, 1903, "kitchen", bake)
    ready = shop.add("send pizzas", 1908, 1915, "kitchen", "PRODUCER", bake, _topic("pizzas"))
    drive = shop.add("process pizzas", 2082, 3310, "delivery", "CONSUMER", ready, _topic("pizzas"))
    shop.http("GET", 2090, 2296, "delivery", drive, "https://maps.example/route?to=Via+Roma", 200)
    shop.add("stop for tacos", 2310, 2890, "delivery", "INTERNAL", drive, {})
    shop.sql("UPDATE deliveries", 3288, 3300, "delivery", drive)
    return shop.spans


def deliver(inbox) -> None:
    """Put the order into an inbox, a file for each process."""
    spans = order()
    for number, service in enumerate(("delivery", "kitchen", "payment", "ordering")):
        sent = [span for span in spans if span.service == service]
        write(inbox, request(*sent[:2]), request(*sent[2:]), name=f"{number}-{number}-0.spans")


class _Order:
    def __init__(self):
        self.spans: list[Sent] = []

    def add(self, name, start, end, service, kind, parent, attributes) -> Sent:
        number = 0xA100 + len(self.spans)
        above = parent.span_id if parent else None
        sent = Sent(name, start, end, service, kind, number, above, ORDER, attributes)
        self.spans.append(sent)
        return sent

    def sql(self, name, start, end, service, parent) -> Sent:
        operation, table = name.split()
        attributes = {"db.system.name": "sqlite", "db.operation.name": operation, "db.collection.name": table}
        return self.add(name, start, end, service, "CLIENT", parent, attributes)

    def http(self, name, start, end, service, parent, url, status) -> Sent:
        attributes = {"http.request.method": name, "url.full": url, "http.response.status_code": status}
        return self.add(name, start, end, service, "CLIENT", parent, attributes)


def _topic(name):
    return {"messaging.system": "kafka", "messaging.destination.name": name}
