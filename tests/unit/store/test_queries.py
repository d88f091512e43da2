"""Traces are found by what a person knows about them."""

from __future__ import annotations

import pytest

from autotrace.store.ingest import ingest
from autotrace.store.queries import (
    AmbiguousTraceError,
    Filter,
    UnknownTraceError,
    count_traces,
    find_trace,
    list_services,
    list_traces,
    load_trace,
    load_traces,
    newest,
)
from unit.store.inboxes import MS, NOON, Sent, request, write

FIRST, SECOND, THIRD = "aa11" + "0" * 28, "aa12" + "0" * 28, "bb00" + "0" * 28


@pytest.fixture
def filled(database, inbox):
    """A store with three traces."""
    spans = [
        _server(FIRST, "/a", 200, 0, 50, "web"),
        Sent("q", 5, 10, "db", span_id=2, parent=1, trace=FIRST),
        _server(SECOND, "/a/{id}", 500, 100, 900, "web", failed=True),
        _server(THIRD, "/b_c", 200, 200, 210, "api"),
    ]
    write(inbox, request(*spans))
    ingest(database, inbox)
    return database


def _server(trace, route, status, start, end, service, *, failed=False):
    attributes = {"http.route": route, "http.response.status_code": status}
    return Sent(f"GET {route}", start, end, service, "SERVER", 1, None, trace, attributes, failed=failed)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(), "bb aa12 aa11"),
        (Filter(limit=2), "bb aa12"),
        (Filter(service="db"), "aa11"),
        (Filter(service="web"), "aa12 aa11"),
        (Filter(service="none"), ""),
        (Filter(route="/a"), "aa11"),
        (Filter(route="/a*"), "aa12 aa11"),
        (Filter(route="/b*c"), "bb"),
        (Filter(route="/a_{id}"), ""),
        (Filter(status="error"), "aa12"),
        (Filter(status="ok"), "bb aa11"),
        (Filter(status="500"), "aa12"),
        (Filter(min_duration_ns=50 * MS), "aa12 aa11"),
        (Filter(since_ns=NOON + 100 * MS), "bb aa12"),
        (Filter(service="web", status="ok"), "aa11"),
    ],
)
def test_filters(filled, wanted, found):
    """Conditions narrow the list, together with one another; the newest comes first."""
    shown = [line.trace_id for line in list_traces(filled, wanted)]
    assert len(shown) == len(found.split())
    assert all(trace.startswith(prefix) for trace, prefix in zip(shown, found.split()))


def test_unknown_status(filled):
    """A status that is none is refused with what would be one."""
    with pytest.raises(ValueError, match="'bad' is not a status"):
        list_traces(filled, Filter(status="bad"))


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("aa11", FIRST),
        ("AA11", FIRST),
        (SECOND, SECOND),
        ("b", THIRD),
        ("last", THIRD),
        (f"00-{SECOND}-00f067aa0ba902b7-01", SECOND),
        ("aa110000-0000-0000-0000-000000000000", FIRST),
    ],
)
def test_references(filled, reference, found):
    """The beginning of an id, the whole id, a traceparent and `last` lead to a trace."""
    assert find_trace(filled, reference) == found


@pytest.mark.parametrize("reference", ["c", "zz", "", "aa%", "aa13"])
def test_unknown_references(filled, reference):
    """What leads nowhere says so."""
    with pytest.raises(UnknownTraceError):
        find_trace(filled, reference)


def test_ambiguous_references(filled):
    """An id that fits several traces lists them."""
    with pytest.raises(AmbiguousTraceError, match="2 traces begin with 'aa1'") as caught:
        find_trace(filled, "aa1")
    assert [line.trace_id for line in caught.value.candidates] == [SECOND, FIRST]


def test_empty_store(database):
    """Without traces there is no last one."""
    assert list_traces(database, Filter()) == []
    with pytest.raises(UnknownTraceError, match="no traces yet"):
        find_trace(database, "last")
    with pytest.raises(UnknownTraceError):
        load_trace(database, FIRST)


def test_many_traces_are_loaded_within_a_bound(filled):
    """The newest first, whole, until there are too many spans; at least one."""
    every = list_traces(filled, Filter())
    assert [trace.trace_id for trace in load_traces(filled, Filter(), 1000)] == [one.trace_id for one in every]
    assert len(load_traces(filled, Filter(limit=2), 1000)) == 2
    assert len(load_traces(filled, Filter(), every[0].spans + every[1].spans)) == 2
    (first,) = load_traces(filled, Filter(), 0)
    assert len(first.spans) == every[0].spans


def test_a_poller_leaves_room_for_requests(database, inbox):
    """Of what is done most the newest are loaded, and all that there are of the rest; a giant takes nobody's room."""
    spans = [_server(f"{n:032x}", "/orders", 200, n, n + 1, "web") for n in range(1, 31)]
    spans += [Sent("BLPOP", 100 + n, 101 + n, "worker", "CLIENT", trace=f"{n:032x}") for n in range(1000, 1500)]
    spans += [Sent("job", 900, 901, "batch", span_id=n, trace="f" * 32) for n in range(1, 200)]
    write(inbox, request(*spans))
    ingest(database, inbox)
    loaded = load_traces(database, Filter(limit=100), 10_000)
    roots = [trace.root.name for trace in loaded]
    assert (roots.count("GET /orders"), roots.count("BLPOP"), roots.count("job")) == (30, 69, 1)
    assert [trace.start_ns for trace in loaded] == sorted((trace.start_ns for trace in loaded), reverse=True)
    assert [len(trace.spans) for trace in load_traces(database, Filter(limit=100), 150)] == [1] * 100


def test_counts_and_names(filled):
    """How many match whatever the limit, whose they are, and when the last one came."""
    assert count_traces(filled, Filter(limit=1)) == count_traces(filled) == len(list_traces(filled, Filter()))
    assert count_traces(filled, Filter(service="nobody")) == 0
    assert list_services(filled) == sorted({name for one in list_traces(filled, Filter()) for name in one.services})
    assert newest(filled) > NOON
