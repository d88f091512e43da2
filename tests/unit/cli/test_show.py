"""`autotrace show` draws one trace."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from autotrace.cli.glyphs import UNICODE
from unit.store.inboxes import MS, NOON, Sent, request, write
from unit.store.pizza import ORDER, deliver

PICTURE = """\
                                                        0      1 s    2 s    3 s
← POST /orders                      ordering    402 ms  ───
├ → SELECT customers                ordering   8.00 ms  ━
├ → × 12 SELECT pizzas              ordering   64.8 ms  ━━
├ → POST payment:8002/charge        ordering    223 ms   ─
│ └ ← POST /charge                  payment     219 ms   ─
│   ├ → SELECT cards                payment    6.00 ms   ━
│   ├ → POST bank.example/v2/auth…  payment     186 ms   ━
│   └ → INSERT payments             payment    9.00 ms    ━
├ → INSERT orders                   ordering   16.0 ms    ━
└ ⇢ send orders                     ordering   8.00 ms     ━
  │ ┈┈ waiting in orders                        620 ms     ┈┈┈┈
  └ ⇠ process orders                kitchen     944 ms         ───────
    ├ → SELECT recipes              kitchen    7.00 ms         ━
    ├ ✗ · bake                      kitchen     397 ms         ━━━
    │   kitchen.OvenError: pizza 2 of order 1742 is burnt: 480 °C for 397 ms
    ├ · bake                        kitchen     478 ms            ━━━━
    ├ → UPDATE orders               kitchen    11.0 ms                ━
    └ ⇢ send pizzas                 kitchen    7.00 ms                ━
      │ ┈┈ waiting in pizzas                    167 ms                ┈
      └ ⇠ process pizzas            delivery    1.23 s                 ──────━━━
        ├ → GET maps.example/route  delivery    206 ms                 ━━
        ├ · stop for tacos          delivery    580 ms                   ━━━━
        └ → UPDATE deliveries       delivery   12.0 ms                         ━

critical path  delivery 1.23 s 37% · kitchen 929 ms 28% · queues 787 ms 24%
               payment 219 ms 7% · ordering 147 ms 4%
               ━ on it  ─ off it  ┈ queued  ← serves  → calls  ⇢ sends  ⇠ takes
"""  # noqa: RUF001 the multiplication sign is meant


@pytest.fixture
def order(data):
    """The inbox with the pizza order."""
    deliver(data / "inbox")


def test_the_picture(autotrace, order):
    """The pizza order in 80 columns: tree, services, times, waits, the failure, the critical path."""
    done = autotrace("show", COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, "")
    head, picture = done.stdout.split("\n\n", 1)
    title, facts, trace = head.splitlines()
    assert (title, trace) == ("POST /orders → 202", f"trace {ORDER}")
    assert facts.endswith(" · 3.31 s · 31 spans · 1 error")
    assert picture == PICTURE


@pytest.mark.parametrize("columns", [20, 33, 44, 60, 80, 81, 100, 200])
@pytest.mark.parametrize("options", [(), ("--all", "-a")])
def test_no_line_is_too_long(autotrace, order, columns, options):
    """Every line fits the terminal, whatever its width."""
    lines = autotrace("show", "last", *options, COLUMNS=str(columns)).stdout.splitlines()
    assert len(lines) > 25
    assert max(map(cell_len, lines)) <= columns


def test_nothing_is_cut_where_there_is_no_terminal(autotrace, data):
    """Whoever pipes it into grep finds names and failures whole; the time axis is as long as it is elsewhere."""
    name, service, message = "n" * 90, "s" * 60, "/".join(["the oven is at 480 degrees"] * 9)
    write(data / "inbox", request(Sent(name, 0, 9, service, error=("OvenError", message))))
    shown = autotrace("show").stdout
    assert [text in shown for text in (name, service, f"OvenError: {message}")] == [True] * 3
    assert name not in autotrace("show", COLUMNS="80").stdout
    (row,) = [line for line in shown.splitlines() if service in line and name in line]
    assert len(row.rpartition("ms")[2].strip()) == 40


def test_a_request_without_a_route_is_told_by_its_path(autotrace, data):
    """Exactly, on its row and at the top; many alike by what they have in common, and a cache's `GET` is another thing."""
    asked = {"http.request.method": "GET", "url.path": "/items/7", "http.response.status_code": 200}
    spans = [Sent("GET", 0, 99, kind="SERVER", span_id=1, attributes=asked)]
    for n in range(2, 6):
        called = {"http.request.method": "GET", "url.full": f"http://stock:80/items/{n}?x=1"}
        cache = {"db.system.name": "redis"}
        spans.append(Sent("GET", n * 5, n * 5 + 1, kind="CLIENT", span_id=n, parent=1, attributes=called))
        spans.append(Sent("GET", n * 5, n * 5 + 1, kind="CLIENT", span_id=n + 50, parent=1, attributes=cache))
    write(data / "inbox", request(*spans))
    shown = autotrace("show").stdout
    assert shown.startswith("GET /items/7 → 200\n")
    names = [re.split(r"  +", line)[0] for line in shown.splitlines() if "GET" in line]
    assert names[1:] == ["← GET /items/7", "├ → × 4 GET stock:80/items/{n}", "└ → × 4 GET"]  # noqa: RUF001


def test_plain_when_piped(autotrace, order):
    """Without a terminal there is not one escape sequence; without Unicode there is nothing but ASCII."""
    assert "\x1b" not in autotrace("show").stdout
    plain = autotrace("show", PYTHONIOENCODING="ascii").stdout
    assert plain.isascii()
    assert "x 12 SELECT pizzas" in plain


def test_all(autotrace, order):
    """--all shows each of the folded spans."""
    shown = autotrace("show", "--all").stdout
    assert shown.count("SELECT pizzas") == 12
    assert UNICODE.times not in shown


def test_attributes(autotrace, order):
    """-a prints everything that a span carries, long values in full."""
    shown = autotrace("show", "-a").stdout
    assert "http.response.status_code = 202" in shown
    assert "event exception at 1.40 s" in shown
    assert 'File "kitchen.py", line 41, in bake' in shown
    assert "longest of them 5.40 ms" in shown
    assert "url.full = https://bank.example/v2/authorise?key=REDACTED" in autotrace("show", "-a", COLUMNS="120").stdout


def test_links(autotrace, data):
    """-a prints links."""
    write(data / "inbox", request(Sent("a", 0, 1, links=[("cd" * 16, 9)])))
    assert f"link to trace {'cd' * 16} span {9:016x}" in autotrace("show", "-a", COLUMNS="120").stdout


def test_json(autotrace, order):
    """The machine's form has a fixed shape."""
    told = json.loads(autotrace("show", ORDER[:6], "--json").stdout)
    spans = told.pop("spans")
    path = told.pop("critical_path")
    assert told == {
        "trace_id": ORDER,
        "start_ns": NOON,
        "end_ns": NOON + 3310 * MS,
        "duration_ns": 3310 * MS,
        "services": ["ordering", "payment", "kitchen", "delivery"],
        "roots": ["000000000000a100"],
        "missing_parents": [],
        "errors": 1,
    }
    assert [span["start_ns"] for span in spans] == sorted(span["start_ns"] for span in spans)
    by_id = {span["span_id"]: span for span in spans}
    assert by_id[path[0]]["name"] == "POST /orders"
    assert by_id[path[-1]]["name"] == "UPDATE deliveries"
    burnt = next(span for span in spans if span["status"]["code"] == "ERROR")
    attributes = burnt["events"][0].pop("attributes")
    assert attributes["exception.type"] == "kitchen.OvenError"
    assert burnt == {
        "span_id": "000000000000a117",
        "parent_id": "000000000000a115",
        "name": "bake",
        "kind": "INTERNAL",
        "service": "kitchen",
        "scope": "autotrace.test",
        "start_ns": NOON + 1005 * MS,
        "end_ns": NOON + 1402 * MS,
        "duration_ns": 397 * MS,
        "self_ns": 397 * MS,
        "status": {"code": "ERROR", "message": "pizza 2 of order 1742 is burnt: 480 °C for 397 ms"},
        "attributes": {"pizza": "Quattro Stagioni"},
        "events": [{"name": "exception", "time_ns": NOON + 1402 * MS}],
        "links": [],
        "resource": {"service.name": "kitchen", "process.pid": 4711},
    }


def test_missing_parents(autotrace, data):
    """A span whose parent never arrived is drawn, marked, and told to programs."""
    write(data / "inbox", request(Sent("root", 0, 9), Sent("lost", 3, 5, span_id=2, parent=99)))
    assert f"lost (its parent {99:016x} is missing)" in autotrace("show", COLUMNS="120").stdout
    told = json.loads(autotrace("show", "--json").stdout)
    assert (told["roots"], told["missing_parents"]) == ([f"{1:016x}"], [f"{2:016x}"])


def test_a_span_that_was_open_at_the_end_says_so(autotrace, data):
    """The agent marks it; the others have no such note."""
    unfinished = {"autotrace.unfinished": True}
    write(data / "inbox", request(Sent("root", 0, 9, attributes=unfinished), Sent("in", 3, 5, span_id=2, parent=1)))
    shown = autotrace("show", COLUMNS="120").stdout
    assert "root (open when its process ended)" in shown
    assert shown.count("open when") == 1


def test_one_failure_is_told_once(autotrace, data):
    """An exception that travels up is told where it began; a failure of another kind above it is told too."""
    write(
        data / "inbox",
        request(
            Sent("top", 0, 9, span_id=1, error=("OtherError", "gave up")),
            Sent("GET /x", 1, 8, span_id=2, parent=1, kind="SERVER", failed=True, attributes={"error.type": "500"}),
            Sent("middle", 1, 8, span_id=3, parent=2, error=("ValueError", "bad")),
            Sent("deep", 2, 7, span_id=4, parent=3, error=("ValueError", "bad")),
            Sent("peer", 8, 9, span_id=5, parent=1, failed=True, attributes={"error.type": "503"}),
        ),
    )
    lines = [line.strip("│├└ ") for line in autotrace("show").stdout.splitlines()]
    told = [line for line in lines if line.startswith(("ValueError", "OtherError", "HTTP"))]
    assert told == ["OtherError: gave up", "ValueError: bad", "HTTP 503"]
    assert sum(line.startswith("✗") for line in lines) == 5


def test_unknown_and_ambiguous(autotrace, data):
    """An id that leads nowhere is one line; one that leads to several lists them."""
    write(data / "inbox", request(Sent("one", 0, 1, trace="ab" * 16), Sent("two", 5, 6, trace="ac" + "ab" * 15)))
    done = autotrace("show", "ff")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    done = autotrace("show", "a")
    assert (done.returncode, done.stdout) == (1, "")
    first, *candidates = done.stderr.splitlines()
    assert first == "Error: 2 traces begin with 'a'; give more of the id:"
    assert [line.split()[0] for line in candidates] == ["ac" + "ab" * 15, "ab" * 16]


def test_nothing_yet(autotrace):
    """Without traces, one line says how to make some."""
    done = autotrace("show")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: No traces yet. Make some: autotrace-run python your_program.py\n"


def test_deep_nesting(autotrace, data):
    """A trace may be nested deeper than Python recurses and than the terminal is wide."""
    depth = 1500
    write(
        data / "inbox",
        request(*(Sent(f"n{n}", n, 2 * depth - n, span_id=n + 1, parent=n or None) for n in range(depth))),
    )
    lines = autotrace("show", "--all", COLUMNS="80").stdout.splitlines()
    assert sum("n1499" in line for line in lines) == 1
    assert max(map(cell_len, lines)) <= 80


def test_the_documented_picture(autotrace):
    """docs/reading-traces.md shows this very picture, and names every option of both commands."""
    page = (Path(__file__).parents[3] / "docs" / "reading-traces.md").read_text(encoding="utf-8")
    indented = "".join(f"    {line}" if line.strip() else line for line in PICTURE.splitlines(keepends=True))
    assert indented in page
    for command in ("traces", "show"):
        for option in re.findall(r"--[a-z-]+", autotrace(command, "--help").stdout):
            assert option in page or option == "--help"
