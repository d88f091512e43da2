"""Slow by: who takes the time of the slow ones."""

from __future__ import annotations

from autotrace.insights.finding import LIKELY
from autotrace.insights.slow_by import slow_by
from unit.insights.making import call, query, sent, server, taken, trace


def order(bank=20, own=10, wait=0):
    """A request whose time goes to a service beneath it, and there to a bank."""
    root = server("POST /orders", 0, own + bank + 20)
    out = call("http://payment/charge", own, own + bank + 15, root)
    inner = server("POST /charge", own + 2, own + bank + 13, out, "payment")
    third = call("https://bank.example/pay", own + 4, own + 4 + bank, inner, "payment")
    spans = [root, out, inner, third]
    if wait:
        spans.append(sent("orders", own, own + 1, root))
        spans.append(taken("orders", own + wait, own + wait + 5, spans[-1]))
    return trace(*spans)


def test_the_slow_ones_are_compared_with_the_usual_ones():
    """The operation that takes the difference, two services below, and that it is not traced."""
    (found,) = slow_by([order() for _ in range(8)] + [order(bank=900), order(bank=700)])
    assert found.title == "POST /orders is slow by GET bank.example/pay, called by payment"
    assert (found.service, found.operation, found.route) == ("payment", "GET bank.example/pay", "POST /orders in shop")
    assert (found.count, found.total, found.confidence, found.facts["outside"]) == (2, 10, LIKELY, True)
    assert (found.facts["p50_ns"], found.facts["p95_ns"]) == (50_000_000, 930_000_000)
    assert found.evidence[1].startswith("100% of what they take longer than usual, 780 ms, is")


def test_own_work_is_named_too():
    """Time that no child explains is the span's own."""
    (found,) = slow_by([order() for _ in range(8)] + [order(own=2000)])
    assert (found.service, found.operation) == ("shop", "POST /orders")
    assert found.title == "POST /orders is slow in shop itself"
    assert found.evidence[1].endswith("is its own: no call that is traced explains it")


def test_paths_without_a_route_are_no_one_route():
    """A page that takes long makes no other page slow, and ids in a path no difference."""

    def page(path, length):
        return trace(server("GET", 0, length, path=path))

    others = [page(f"/items/{n}", 5) for n in range(8)]
    assert list(slow_by([*others, *(page("/report", 900) for _ in range(4))])) == []
    (found,) = slow_by([*others, page("/items/77", 900)])
    assert (found.title, found.count, found.total) == ("GET /items/{n} is slow in shop itself", 1, 9)


def test_what_waits_for_work_is_not_slow():
    """A websocket is as long as somebody is there, and a lone blocking command waits for something to do."""
    chat = [trace(server("GET /chat", 0, 60_000, path="/chat")) for _ in range(5)]
    for one in chat:
        one.root.attributes["http.response.status_code"] = 101
    pops = [trace(query("BLPOP jobs", n * 5000, n * 5000 + 4999, None)) for n in range(9)]
    assert list(slow_by([*chat, *pops])) == []


def test_requests_beneath_somebody_who_is_not_traced_are_judged():
    """A gateway that sends a parent of its own hides no slow route."""
    gateway = order().root
    made = [trace(server("GET /", n, n + (900 if n > 6 else 5), gateway)) for n in range(8)]
    (found,) = slow_by(made)
    assert (found.count, found.total) == (1, 8)


def test_a_route_that_is_always_slow():
    """There is no difference to name; the longest part is."""
    (found,) = slow_by([order(bank=2000) for _ in range(5)])
    assert (found.count, found.total, found.operation) == (5, 5, "GET bank.example/pay")


def test_quick_ones_few_ones_and_like_ones_are_no_finding():
    """Twice nothing is nothing."""
    assert list(slow_by([order(bank=1)] * 8 + [order(bank=60)])) == []
    assert list(slow_by([order(), order(bank=900)])) == []
    assert list(slow_by([order(bank=400) for _ in range(9)])) == []


def test_a_message_ends_the_request_that_sends_it():
    """How long it waits, and how long its handling takes, is not the sender's time."""
    assert list(slow_by([order(wait=30) for _ in range(8)] + [order(wait=9000)])) == []


def test_work_on_a_message_meanwhile_is_not_what_the_request_waited_for():
    """The sender went on by itself, and took just as long."""

    def busy(length):
        root = server("POST /orders", 0, length)
        made = sent("orders", 1, 2, root)
        return trace(root, made, taken("orders", 3, length - 1, made))

    found = next(one for one in slow_by([busy(20) for _ in range(8)] + [busy(900)]) if "POST" in one.route)
    assert (found.service, found.operation) == ("shop", "POST /orders")


def test_messages_are_judged_by_themselves():
    """Handling one is a request of its own."""

    def bake(length):
        root = taken("orders", 0, length + 10)
        return trace(root, query("SELECT recipe", 5, 5 + length, root, "kitchen"))

    (found,) = slow_by([bake(10) for _ in range(6)] + [bake(500)])
    assert found.title == "process orders is slow by SELECT recipe in kitchen"


def test_where_nobody_stands_out_nobody_is_named():
    """Four services that are all slower alike."""

    def many(length):
        root = server("GET /", 0, length * 5 + 1)
        return trace(root, *(query(f"SELECT t{n}", n * length, (n + 1) * length, root) for n in range(5)))

    assert list(slow_by([many(10) for _ in range(6)] + [many(500)])) == []
