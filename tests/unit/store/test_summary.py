"""The summary of a trace stays right while its spans trickle in."""

from __future__ import annotations

import itertools

from autotrace.store.ingest import ingest
from autotrace.store.queries import Filter, Summary, list_traces
from unit.store.inboxes import NOON, Sent, request, write
from unit.store.pizza import ORDER, order

SERVER = {"http.request.method": "GET", "http.route": "/a/{id}", "http.response.status_code": 500}


def taken(database, inbox, *batches):
    for number, batch in enumerate(batches):
        write(
            inbox,
            request(*batch),
            name=f"{number}-{len(list(inbox.glob('*')))}-0.spans" if inbox.exists() else "0.spans",
        )
        ingest(database, inbox)
    return list_traces(database, Filter())


def test_the_whole_order(database, inbox):
    """The pizza order in one line."""
    assert taken(database, inbox, order()) == [
        Summary(
            trace_id=ORDER,
            start_ns=NOON,
            duration_ns=3_310_000_000,
            root="POST /orders",
            operation="POST /orders",
            root_service="ordering",
            services=["ordering", "payment", "kitchen", "delivery"],
            spans=31,
            errors=1,
            route="/orders",
            status_code=202,
            noise=None,
        )
    ]


def test_order_of_arrival_does_not_matter(database, inbox):
    """Whatever arrives first, the summary ends up the same."""
    root = Sent("GET /a", 0, 9, "front", "SERVER", 1, None, attributes=SERVER)
    call = Sent("GET", 2, 8, "front", "CLIENT", 2, 1, attributes={"http.response.status_code": 502})
    inner = Sent("GET /b", 3, 12, "back", "SERVER", 3, 2, attributes={"http.route": "/b"}, failed=True)
    lines = []
    for number, batches in enumerate(itertools.permutations([root, call, inner])):
        for sent in batches:
            sent.trace = f"{number + 1:032x}"
        lines.extend(taken(database, inbox, *([sent] for sent in batches))[:1])
    assert len({tuple(map(str, (*vars(line).values(),)[1:])) for line in lines}) == 1
    line = lines[0]
    assert (line.root, line.services, line.spans, line.errors) == ("GET /a", ["front", "back"], 3, 1)
    assert (line.route, line.status_code, line.duration_ns) == ("/a/{id}", 500, 12_000_000)


def test_a_span_delivered_twice_counts_once(database, inbox):
    """The same trace and span id is the same span, in one request or in two."""
    span = Sent("a", 0, 1, failed=True)
    (line,) = taken(database, inbox, [span, span], [span])
    assert (line.spans, line.errors) == (1, 1)


def test_without_a_root_the_earliest_span_stands_in(database, inbox):
    """A trace whose root never arrives still has a name."""
    (line,) = taken(
        database, inbox, [Sent("late", 5, 9, span_id=3, parent=2), Sent("early", 2, 9, span_id=2, parent=1)]
    )
    assert line.root == "early"


def test_a_client_gives_the_status_where_no_server_is(database, inbox):
    """A script that calls something has that answer's status and no route."""
    (line,) = taken(database, inbox, [Sent("GET", 0, 5, kind="CLIENT", attributes={"http.response.status_code": 404})])
    assert (line.route, line.status_code) == (None, 404)
