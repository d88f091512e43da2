"""What the page asks for."""

from __future__ import annotations

import pytest

from autotrace import notes
from autotrace.web import answers
from unit.store.inboxes import NOON, Sent, request, write
from unit.store.pizza import ORDER


def test_the_state_changes_with_what_arrives(ask, data):
    """The page asks this every other second, and draws anew when it is another."""
    before = ask("/api/state").told
    assert (before["traces"], before["services"]) == (1, ["delivery", "kitchen", "ordering", "payment"])
    assert ask("/api/state").told == before
    write(data / "inbox", request(Sent("late", 0, 1, span_id=0xB000, trace=ORDER)), name="8-8-8.spans")
    after = ask("/api/state").told
    assert (after["traces"], after["version"] != before["version"]) == (1, True)


def test_findings_and_map_are_those_of_the_commands(ask):
    """The same JSON."""
    found = ask("/api/findings").told
    assert (found["traces"], found["total"]) == (1, 1)
    assert [one["kind"] for one in found["findings"]] == ["error origin", "repeated statement"]
    assert {edge["to"]["name"] for edge in ask("/api/map").told["edges"]} >= {"payment", "maps.example", "orders"}
    assert ask("/api/findings?service=nobody").told == {"traces": 0, "total": 0, "findings": [], "stale": False}


def test_an_empty_page_says_what_ran(tmp_path):
    """The same lines as the list of traces; a store with traces of which none matches has none of them."""
    notes.began(str(tmp_path), ("inbox",), ("all",), ())
    told = answers.Answers(tmp_path).answer("findings", {})
    assert told["nothing"][0] == "No traces yet."
    assert "ran at" in told["nothing"][1]


@pytest.fixture
def looks(monkeypatch):
    """Count how often the traces are loaded."""
    counted = []
    whole = answers.look
    monkeypatch.setattr(answers, "look", lambda *arguments: counted.append(1) or whole(*arguments))
    return counted


def arrive(data):
    """Another trace arrives."""
    write(data / "inbox", request(Sent("GET /", 0, 1, trace="01" * 16, error=("E", "m"))), name="8-8-8.spans")


def test_a_second_look_at_the_same_traces_is_from_memory_until_one_arrives(ask, data, looks, monkeypatch):
    """It is dear, and every open page asks."""
    monkeypatch.setattr(answers, "REST", 0)
    monkeypatch.setattr(answers, "FRESH_SECONDS", 1e9)
    first = ask("/api/findings").told
    assert ask("/api/findings").told == first
    assert len(looks) == 1
    arrive(data)
    assert (ask("/api/findings").told["traces"], len(looks)) == (2, 2)


def test_a_dear_look_is_not_repeated_for_a_while_and_the_answer_says_so(ask, data, looks, monkeypatch):
    """On a busy machine spans arrive all the time; the page asks again where it was told that something is stale."""
    monkeypatch.setattr(answers, "REST", 1e9)
    assert ask("/api/findings").told["stale"] is False
    arrive(data)
    told = ask("/api/findings").told
    assert (told["traces"], told["stale"], len(looks)) == (1, True, 1)


def test_the_list_knows_the_filters(ask):
    """Those of the command, by their names."""
    (one,) = ask("/api/traces").told["traces"]
    assert (one["trace_id"], one["root"], one["errors"]) == (ORDER, "POST /orders", 1)
    for query in ("status=ok", "route=/other", "min_duration=1h", "service=nobody", "since=1s"):
        assert ask(f"/api/traces?{query}").told == {"traces": [], "total": 0, "noise": 0}, query
    assert ask("/api/traces?status=error&route=/ord*&min_duration=1s&service=kitchen").told["total"] == 1


@pytest.mark.parametrize("query", ["since=soon", "min_duration=1", "status=bad", "limit=many"])
def test_a_filter_that_cannot_be_read_is_told(ask, query):
    """In words, for the page to show."""
    answer = ask(f"/api/traces?{query}")
    assert answer.status == 400
    assert answer.told["error"]


def test_a_trace_has_what_its_picture_needs(ask):
    """The tree, folded names, waits, failures and the critical path, beside what the command prints."""
    told = ask(f"/api/traces/{ORDER[:6]}").told
    picture = told["picture"]
    names = {span["span_id"]: span["name"] for span in told["spans"]}
    assert [names[top] for top in picture["tops"]] == ["POST /orders"]
    assert [names[child] for child in picture["children"][picture["tops"][0]]][-2:] == ["INSERT orders", "send orders"]
    assert {names[one]: wait["in"] for one, wait in picture["waits"].items()} == {
        "process orders": "orders",
        "process pizzas": "pizzas",
    }
    assert [names[one] for one in picture["failures"]] == ["bake"]
    assert "GET maps.example/route" in picture["names"].values()
    assert sum(end - start for _, start, end, _ in picture["segments"]) == told["duration_ns"]
    assert min(start for _, start, _, _ in picture["segments"]) == NOON
    assert next(iter(picture["by_service"])) == "delivery"


@pytest.mark.parametrize("reference", ["00ff", "xyz", "last%2f.."])
def test_a_trace_that_is_not_there(ask, reference):
    """Told in words."""
    answer = ask(f"/api/traces/{reference}")
    assert (answer.status, bool(answer.told["error"])) == (404, True)


def test_a_store_that_cannot_be_used_is_told(ask, data):
    """The page says so and asks again."""
    ask("/api/state")
    for file in data.glob("traces.sqlite*"):
        file.unlink()
    (data / "traces.sqlite").write_bytes(b"no database at all, whatever its name" * 100)
    answer = ask("/api/state")
    assert answer.status == 503
    assert "traces.sqlite" in answer.told["error"]


def test_noise_is_counted_and_left_out(ask, data):
    """As the command does; a choice shows it."""
    mark = {"http.request.method": "GET", "autotrace.noise": "health check"}
    span = Sent("GET /healthz", 60_000, 60_001, "shop", "SERVER", 91, None, attributes=mark, trace="1" * 32)
    write(data / "inbox", request(span), name="later.spans")
    told = ask("/api/traces").told
    assert ([one["trace_id"] for one in told["traces"]], told["total"], told["noise"]) == ([ORDER], 1, 1)
    told = ask("/api/traces?noise=1").told
    assert ([one["noise"] for one in told["traces"]], told["total"], told["noise"]) == (["health check", None], 2, 0)
