"""`autotrace insights` says what is wrong, `autotrace map` who talks to whom."""

from __future__ import annotations

import json
import time

import pytest

from unit.store.inboxes import NOON, Sent, request, write
from unit.store.pizza import ORDER, deliver


@pytest.fixture
def order(data):
    """The inbox with the pizza order."""
    deliver(data / "inbox")


def test_the_worst_finding_comes_first(autotrace, order):
    """What, where, why, how sure, and the trace to look at."""
    done = autotrace("insights", COLUMNS="100")
    assert (done.returncode, done.stderr) == (0, "")
    head, blank, title, where, *rest = done.stdout.splitlines()
    assert head.startswith("2 findings in 1 trace of 4 services since ")
    assert blank == ""
    assert title == "· error origin: kitchen.OvenError: pizza 2 of order 1742 is burnt: 480 °C for 397 ms"
    assert where == "  bake in kitchen · in process orders in kitchen · 1 of 1 · certain"
    assert rest[:3] == [
        "  raised at kitchen.py:41 in bake",
        "  the request went on without it",
        f"  autotrace show {ORDER[:8]}",
    ]
    assert rest[4] == "· repeated statement: SELECT pizzas"
    assert "  12 times per request; together 64.8 ms, 16% of the request" in rest


@pytest.mark.parametrize("columns", ["20", "40", "80", "200"])
@pytest.mark.parametrize("command", ["insights", "map"])
def test_no_line_is_too_long(autotrace, data, order, command, columns):
    """Long texts are broken, also those without a space; control characters stay outside."""
    bad = Sent("x" * 300 + "\x1b[31m", 0, 1, "s" * 99, trace="01" * 16, error=("E", "ピザ" * 60), kind="SERVER")
    write(data / "inbox", request(bad), name="9-9-9.spans")
    done = autotrace(command, COLUMNS=columns)
    assert "\x1b" not in done.stdout
    lines = done.stdout.splitlines()[1:]
    assert len(lines) > 5
    most = max(int(columns), 46 if command == "map" else 20)  # six columns of numbers need so much
    assert max(sum(2 if ord(sign) > 0x3000 else 1 for sign in line) for line in lines) <= most


def test_in_ascii(autotrace, order):
    """A terminal without Unicode."""
    assert autotrace("insights", PYTHONIOENCODING="ascii").stdout.isascii()


def test_json(autotrace, order):
    """The machine's form is all there is on stdout."""
    told = json.loads(autotrace("insights", "--json").stdout)
    assert (told["traces"], told["total"]) == (1, 1)
    first = told["findings"][1]
    assert {
        key: first[key] for key in ("kind", "level", "confidence", "service", "route", "count", "total", "traces")
    } == {
        "kind": "repeated statement",
        "level": "info",
        "confidence": "certain",
        "service": "ordering",
        "route": "POST /orders in ordering",
        "count": 1,
        "total": 1,
        "traces": [ORDER],
    }
    assert first["facts"]["per_request"] == 12


def test_nothing_wrong_is_said_so(autotrace, data):
    """And what was looked for; no trace at all is another answer."""
    assert autotrace("insights").stdout.startswith("No traces yet.")
    write(data / "inbox", request(Sent("GET /", 0, 1, kind="SERVER")))
    done = autotrace("insights")
    assert done.stdout.startswith("Nothing to find fault with in 1 trace of 1 service since ")
    assert "repeated statements" in done.stdout
    assert done.returncode == 0
    assert json.loads(autotrace("insights", "--json").stdout)["findings"] == []


def test_conditions(autotrace, data, order):
    """As in the list of traces; what was left out is told."""
    now = (time.time_ns() - NOON) // 1_000_000
    bad = Sent("young", now - 60_000, now - 59_000, "young", "SERVER", trace="01" * 16, error=("E", "m"))
    write(data / "inbox", request(bad), name="9-9-9.spans")

    def routes(*options):
        found = json.loads(autotrace("insights", "--json", *options).stdout)["findings"]
        return {one["route"].split(" in ")[-1] for one in found}

    assert routes("--service", "young") == routes("--since", "1h") == routes("--limit", "1") == {"young"}
    assert routes() == {"young", "ordering", "kitchen"}
    assert autotrace("insights", "--service", "none").stdout.startswith("No trace matches; there are 2")
    assert "in 1 of 2 traces" in autotrace("insights", "--limit", "1").stdout
    assert autotrace("insights", "--since", "soon").returncode == 2


def test_the_map_has_a_line_for_each_edge(autotrace, order):
    """With calls, failures and latencies."""
    lines = [line.split() for line in autotrace("map", COLUMNS="120").stdout.splitlines()]
    assert lines[0] == ["FROM", "TO", "CALLS", "FAILED", "P50", "P95"]
    assert ["ordering", "payment", "1", "223", "ms", "223", "ms"] in lines
    assert ["delivery", "maps.example", "(external)", "1", "206", "ms", "206", "ms"] in lines
    told = json.loads(autotrace("map", "--json").stdout)
    (edge,) = [one for one in told["edges"] if one["from"] == {"kind": "topic", "name": "orders"}]
    assert edge["to"] == {"kind": "service", "name": "kitchen"}
    assert (edge["calls"], edge["errors"], edge["p50_ns"]) == (1, 0, 620_000_000)
