"""`autotrace traces` lists traces."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from contextlib import closing

import pytest

from unit.store.inboxes import MAGIC, NOON, Sent, record, request, write
from unit.store.pizza import ORDER, deliver


@pytest.fixture
def order(data):
    """The inbox with the pizza order."""
    deliver(data / "inbox")


def test_one_line_each(autotrace, order):
    """Time, id, root, status, services, spans, errors and duration, in 80 columns."""
    done = autotrace("traces", COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, "")
    heads, line = done.stdout.splitlines()
    assert heads.split() == ["TIME", "TRACE", "ROOT", "STATUS", "SERVICES", "SPANS", "ERR", "DURATION"]
    assert line.endswith("3.31 s")
    assert all(part in line for part in (ORDER[:8], "POST /orders  202", "ordering", "31", "1"))
    assert len(heads) <= 80
    assert len(line) <= 80


def test_services_fill_the_width(autotrace, order):
    """A wide terminal shows all services, a narrow one counts the rest."""
    assert "ordering, payment, kitchen, delivery" in autotrace("traces", COLUMNS="120").stdout
    assert "+3" in autotrace("traces", COLUMNS="80").stdout


@pytest.mark.parametrize("columns", ["40", "60", "80", "200"])
def test_no_line_is_too_long(autotrace, data, columns):
    """Long names are cut, also those with wide letters."""
    names = ["x" * 300, "ピザ" * 60, "a\x1b[31mb\nc"]
    spans = [Sent(name, n, n + 1, "s" * 50, trace=f"{n + 1:032x}") for n, name in enumerate(names)]
    write(data / "inbox", request(*spans))
    lines = autotrace("traces", COLUMNS=columns).stdout.splitlines()
    assert len(lines) == 4
    assert max(sum(2 if ord(sign) > 0x3000 else 1 for sign in line) for line in lines) <= int(columns)


def test_nothing_is_cut_where_there_is_no_terminal(autotrace, data):
    """A pipe and a file get every name whole."""
    write(data / "inbox", request(*(Sent("n" * 90, n, 9, f"{'s' * 40}{n}", span_id=n) for n in range(1, 4))))
    _, line = autotrace("traces").stdout.splitlines()
    assert "n" * 90 in line
    assert ", ".join(f"{'s' * 40}{n}" for n in range(1, 4)) in line


def test_the_root_is_cut_last(autotrace, data):
    """Where its line is narrow, columns in which nothing stands go first, then the number of spans."""
    write(data / "inbox", request(Sent("GET /warehouses/{id}/shelves", 0, 1)))
    heads, line = autotrace("traces", COLUMNS="80").stdout.splitlines()
    assert heads.split() == ["TIME", "TRACE", "ROOT", "SERVICES", "SPANS", "DURATION"]
    heads, line = autotrace("traces", COLUMNS="74").stdout.splitlines()
    assert heads.split() == ["TIME", "TRACE", "ROOT", "SERVICES", "DURATION"]
    assert "GET /warehouses/{id}/shelves" in line
    path = {"http.request.method": "GET", "url.path": "/api/warehouses/4/shelves/92/boxes/1"}
    write(
        data / "inbox", request(Sent("GET", 9, 9, kind="SERVER", trace="01" * 16, attributes=path)), name="2-2-2.spans"
    )
    assert "GET /api/wa…lves/{n}/boxes/{n}  " in autotrace("traces", COLUMNS="74").stdout
    assert len(autotrace("traces").stdout.split("\n")[0].split()) == 8


def test_where_no_route_is_known_the_path_is_told(autotrace, data):
    """With `{n}` for what looks like an id, at 80 columns and for programs; of a client the host, too."""
    served = {"http.request.method": "GET", "url.path": "/api/items/4711", "http.response.status_code": 404}
    url = "https://me:pw@bank.example/pay/12?key=x"
    called = {"http.request.method": "GET", "url.full": url, "http.response.status_code": 200}
    write(
        data / "inbox",
        request(
            Sent("GET", 0, 1, kind="SERVER", trace="01" * 16, attributes=served),
            Sent("GET", 2, 3, kind="CLIENT", trace="02" * 16, attributes=called),
            Sent("GET", 4, 5, kind="CLIENT", trace="03" * 16, attributes={"db.system.name": "redis"}),
        ),
    )
    _, *lines = autotrace("traces", COLUMNS="80").stdout.splitlines()
    told = [re.split(r"  +", line.strip())[2:4] for line in lines]
    assert told == [["GET", "shop"], ["GET bank.example/pay/{n}", "200"], ["GET /api/items/{n}", "404"]]
    found = json.loads(autotrace("traces", "--json", "--route", "/api/items/*").stdout)
    assert [one["trace_id"][:2] for one in found] == ["01"]
    told = [(one["root"], one["operation"]) for one in json.loads(autotrace("traces", "--json").stdout)]
    assert told == [("GET", "GET"), ("GET", "GET bank.example/pay/{n}"), ("GET", "GET /api/items/{n}")]


def test_traces_from_before_have_their_name(autotrace, data):
    """A store that an older autotrace began knows no operations; what it has is listed all the same."""
    write(data / "inbox", request(Sent("GET", 0, 1)))
    assert autotrace("traces").returncode == 0
    with closing(sqlite3.connect(data / "traces.sqlite")) as store, store:
        store.execute("UPDATE traces SET root_operation = ''")  # what the column is filled with where it is new
    assert json.loads(autotrace("traces", "--json").stdout)[0]["operation"] == "GET"


def test_control_characters_stay_outside(autotrace, data):
    """A name with an escape sequence reaches the terminal as text."""
    write(data / "inbox", request(Sent("a\x1b[31mb\nc", 0, 1)))
    assert "a\\x1b[31mb\\nc" in autotrace("traces").stdout


def test_json(autotrace, order):
    """The machine's form has a fixed shape and is all there is on stdout."""
    done = autotrace("traces", "--json")
    assert json.loads(done.stdout) == [
        {
            "trace_id": ORDER,
            "start_ns": NOON,
            "duration_ns": 3_310_000_000,
            "root": "POST /orders",
            "operation": "POST /orders",
            "services": ["ordering", "payment", "kitchen", "delivery"],
            "spans": 31,
            "errors": 1,
            "route": "/orders",
            "status_code": 202,
            "noise": None,
        }
    ]


def test_conditions(autotrace, data, order):
    """Each option narrows the list; none of them matching is no error."""
    now = (time.time_ns() - NOON) // 1_000_000
    write(data / "inbox", request(Sent("new", now - 1000, now, "young", trace="01" * 16)), name="9-9-9.spans")

    def roots(*options):
        return [line["root"] for line in json.loads(autotrace("traces", "--json", *options).stdout)]

    assert sorted(roots()) == ["POST /orders", "new"]
    assert roots("--service", "kitchen") == ["POST /orders"]
    assert roots("--route", "/charge") == ["POST /orders"]
    assert roots("--status", "error") == ["POST /orders"]
    assert roots("--status", "202", "--min-duration", "2s") == ["POST /orders"]
    assert roots("--status", "ok", "--since", "10m") == ["new"]
    assert len(roots("--limit", "1")) == 1
    assert roots("--service", "nobody") == []
    told = autotrace("traces", "--service", "nobody")
    assert (told.returncode, told.stdout) == (0, "No trace matches; there are 2 without these conditions.\n")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--since", "soon"), "'soon' is not a length of time"),
        (("--status", "bad"), "'bad' is not a status"),
        (("--limit", "0"), "--limit"),
        (("--limit", "9" * 30), "--limit"),
        (("--status", "9" * 30), "is not a status"),
    ],
)
def test_wrong_options(autotrace, options, told):
    """A value that means nothing is named, with what would mean something."""
    done = autotrace("traces", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


@pytest.mark.parametrize("option", ["--since", "--min-duration"])
@pytest.mark.parametrize("time", ["99999999999999d", "9" * 400 + "d", "1000d"])
def test_no_length_of_time_is_too_long(autotrace, order, option, time):
    """However long ago is before all traces, and none takes so long."""
    done = autotrace("traces", "--json", option, time)
    assert (done.returncode, done.stderr, len(json.loads(done.stdout))) == (0, "", int(option == "--since"))


def test_the_name_of_a_file_stays_outside_too(autotrace, data):
    """What is told of the inbox is foreign text as well."""
    write(data / "inbox", request(Sent("a", 0, 1)), name="a\x1b[31m.spans", tail=b"torn")
    done = autotrace("traces")
    assert "\x1b" not in done.stdout + done.stderr
    assert "a\\x1b[31m.spans was cut short" in done.stderr


def test_nothing_yet(autotrace):
    """Before the first trace there is one friendly line, and an empty list for programs."""
    done = autotrace("traces")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "No traces yet. Make some: autotrace-run python your_program.py\n"
    assert autotrace("traces", "--json").stdout == "[]\n"


def test_damage_is_said(autotrace, data):
    """What was lost is told on stderr, once, and the rest is shown."""
    write(data / "inbox", request(Sent("a", 0, 1)), b"\xff\xff\xff", tail=record(b"abcdef")[:10])
    done = autotrace("traces", "--json")
    assert len(json.loads(done.stdout)) == 1
    assert done.stderr.splitlines() == [
        "autotrace: 1-1-0.spans was cut short; its last 10 bytes are lost",
        "autotrace: 1 record in the inbox could not be understood; skipped",
    ]
    assert autotrace("traces", "--json").stderr == ""


def test_what_is_no_trace_is_said(autotrace, data):
    """A store that keeps traces says once what else it was given."""
    (data / "inbox").mkdir(parents=True, mode=0o700)
    records = (record(b"1", 2), record(b"2", 2), record(b"3", 1, 2), record(request(Sent("a", 0, 1))))
    (data / "inbox" / "1-1-1.spans").write_bytes(MAGIC + b"".join(records))
    done = autotrace("traces", "--json")
    assert len(json.loads(done.stdout)) == 1
    assert done.stderr.splitlines() == [
        "autotrace: 2 records of metrics in the inbox, which this autotrace does not keep; skipped",
        "autotrace: 1 record of version 2 of traces in the inbox, which this autotrace does not keep; skipped",
    ]
    assert autotrace("traces", "--json").stderr == ""


def test_a_store_that_cannot_be_used(autotrace, data):
    """One line says what stands in the way."""
    data.write_text("a file where the directory should be")
    done = autotrace("traces")
    assert (done.returncode, done.stdout) == (1, "")
    assert "AUTOTRACE_DATA_DIR" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_was_dropped_is_said(autotrace, data):
    """One line, the sum of what all processes told; also where nothing matches."""
    told = {"autotrace.dropped_spans": 5}
    spans = [Sent("a", 0, 1, span_id=1, attributes=told), Sent("b", 0, 1, "bakery", span_id=2, attributes=told)]
    write(data / "inbox", request(*spans, Sent("c", 0, 1, span_id=3)))
    line = "autotrace: 10 spans could not be kept by the traced programs: traces have gaps\n"
    assert autotrace("traces").stderr == line
    assert autotrace("traces", "--service", "nobody").stderr == line


@pytest.fixture
def noise(data):
    """An order, and after it a health check, one that failed, and a static file."""
    deliver(data / "inbox")
    mark = {"http.request.method": "GET", "autotrace.noise": "health check"}
    late = 60_000
    spans = [
        Sent("GET /healthz", late, late + 1, "shop", "SERVER", 91, None, attributes=mark, trace="1" * 32),
        Sent("GET /ready", late, late + 1, "shop", "SERVER", 92, None, attributes=mark, failed=True, trace="2" * 32),
        Sent(
            *("GET", late, late + 1, "shop", "SERVER", 93, None),
            attributes={**mark, "autotrace.noise": "static file"},
            trace="3" * 32,
        ),
    ]
    write(data / "inbox", request(*spans), name="later.spans")


def test_noise_is_left_out_and_counted(autotrace, noise):
    """Health checks and static files bury what people ask for; one that failed is none."""
    done = autotrace("traces", "--json")
    assert [one["trace_id"] for one in json.loads(done.stdout)] == ["2" * 32, ORDER]
    said = "autotrace: 2 traces of health checks, static files and their like left out: --noise lists them\n"
    assert done.stderr == said
    whole = autotrace("traces", "--noise", "--json")
    assert [one["noise"] for one in json.loads(whole.stdout)][2:] == ["health check", None]
    assert whole.stderr == ""


def test_noise_is_there_for_whom_asks_for_it(autotrace, noise):
    """By its id, its status or its route; the last trace is the last that is none."""
    assert len(autotrace("traces", "--status", "ok").stdout.splitlines()) == 3
    assert "GET /healthz" in autotrace("show", "1111").stdout
    assert "GET /ready" in autotrace("show", "last").stdout
