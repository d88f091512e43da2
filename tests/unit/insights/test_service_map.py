"""The service map: who talks to whom."""

from __future__ import annotations

from autotrace.insights.service_map import service_map
from unit.insights.making import call, query, sent, server, span, taken, trace


def test_every_kind_of_edge_is_counted_once():
    """Services, a database, a topic, a third party and the callers outside."""
    root = server("POST /orders", 0, 100)
    out = call("http://payment:8/charge", 10, 50, root, failed=True)
    inner = server("GET /charge", 12, 40, out, "payment", failed=True)
    bank = call("https://bank.example/pay?x", 14, 30, inner, "payment")
    row = query("SELECT 1", 60, 65, root)
    made = sent("orders", 70, 72, root)
    handled = taken("orders", 172, 180, made)
    script = span("batch", 182, 190, handled, service="batch")
    edges = [
        (edge.source.name, edge.target.name, edge.target.kind, edge.calls, edge.errors, edge.latency_ns(0.5))
        for edge in service_map([trace(root, out, inner, bank, row, made, handled, script)])
    ]
    assert edges == [
        ("callers", "shop", "service", 1, 0, 100_000_000),
        ("kitchen", "batch", "service", 1, 0, 8_000_000),
        ("orders", "kitchen", "service", 1, 0, 100_000_000),
        ("payment", "bank.example", "external", 1, 0, 16_000_000),
        ("shop", "orders", "topic", 1, 0, 2_000_000),
        ("shop", "payment", "service", 1, 1, 40_000_000),
        ("shop", "sqlite shop.db", "database", 1, 0, 5_000_000),
    ]


def test_the_busiest_comes_first_and_a_percentile_is_one_of_the_values():
    """Nearest rank."""
    traces = [trace(server("GET /", 0, 10)), trace(server("GET /", 0, 30)), trace(sent("a", 0, 1, service="b"))]
    busiest = service_map(traces)[0]
    assert (busiest.calls, busiest.latency_ns(0.5), busiest.latency_ns(0.95)) == (2, 10_000_000, 30_000_000)


def test_queues_that_are_made_for_one_client_are_one_place():
    """Each client has another, and the one that replies knows it by another name than the one that takes."""
    temporary = {"messaging.system": "rabbitmq", "messaging.destination.anonymous": True}
    traces = []
    for number in range(3):
        attributes = {**temporary, "messaging.destination.name": f"amq.rabbitmq.reply-to.g{number}"}
        made = span("send", 0, 1, None, "PRODUCER", "answers", attributes=attributes)
        attributes = {**temporary, "messaging.destination.name": "amq.rabbitmq.reply-to"}
        traces.append(trace(made, span("process", 2, 3, made, "CONSUMER", "asks", attributes=attributes)))
    edges = [(edge.source.name, edge.target.name, edge.calls) for edge in service_map(traces)]
    assert edges == [("(temporary)", "asks", 3), ("answers", "(temporary)", 3)]
