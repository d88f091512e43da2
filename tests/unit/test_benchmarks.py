"""What the benchmarks' reports are made of."""

from __future__ import annotations

import checkout  # noqa: F401 - without it there are no benchmarks here
from benchmarks import instructions, report
from benchmarks.chunks import Figures
from benchmarks.environments import VARIANTS, with_libraries
from benchmarks.page import put
from benchmarks.rows import BY_NAME, ROWS


def told(row, **samples):
    """Return a row of a report, of samples in the row's unit; a name's double underscore stands for the constant column."""
    figures = {
        name.replace("__", ", "): Figures(
            samples=values, scales=[1.0] * len(values), operations=10, expected=10, arrived=10
        )
        for name, values in samples.items()
    }
    return report.summary(BY_NAME[row], figures, 1.0)


def page(*rows):
    """Return the report's text."""
    run = {"python": "3.11", "quick": False, "rounds": 3, "chunk_s": 0.4, "taken": "today", "peers": {}, "rows": rows}
    return report.markdown({**run, "machine": {"words": "a machine", "best_ms": 1, "median_ms": 2}})


def title(row):
    """Return a row's name in the table."""
    return BY_NAME[row].title


def test_constant_facts_stand_in_a_column_beside_those_that_vary():
    """What an agent adds is compared with the bare program of the same facts; the limit is that of facts that vary."""
    figures = {"bare": [5.0] * 3, "opentelemetry": [105.0] * 3, "ddtrace": [85.0] * 3, "autotrace": [12.0] * 3}
    constant = {"bare__constant": [1.0] * 3, "opentelemetry__constant": [51.0] * 3, "autotrace__constant": [4.0] * 3}
    text = page(told("sqlite3", **figures, **constant))
    head = "| work | bare | constant | + OpenTelemetry | constant | + ddtrace | + autotrace | constant | ours at most | holds |"
    assert head in text
    assert "| sqlite3 query, no parent | 5 µs | 1 µs | 100 µs | 50.0 µs | 80.0 µs | 7 µs | 3 µs | 8 µs | yes |" in text
    assert "comes twice" in text


def test_a_row_of_kafka_has_no_limit_and_the_same_facts_in_every_run():
    """Offsets never come twice; the issue has no figure for it."""
    text = page(told("aiokafka-send", bare=[50.0] * 3, autotrace=[80.0] * 3, ddtrace=[250.0] * 3))
    assert "| aiokafka: a message sent | 50.0 µs | 200 µs | 30.0 µs |  |  |" in text
    assert "comes twice" not in text
    assert not any(row.varies for row in ROWS if row.kafka)


def test_rows_of_kafka_have_environments_of_their_own():
    """What OpenTelemetry and ddtrace load for Kafka's clients costs the other rows nothing."""
    assert with_libraries(VARIANTS["bare"], "") is VARIANTS["bare"]
    assert with_libraries(VARIANTS["bare"], "kafka").requirements == ("kafka.txt",)
    with_it = with_libraries(VARIANTS["opentelemetry"], "kafka")
    assert (with_it.name, with_it.environment) == ("opentelemetry", "opentelemetry-kafka")
    assert with_it.requirements == ("kafka.txt", "opentelemetry.txt", "opentelemetry-kafka.txt")


def test_what_a_peer_does_not_trace_is_no_part_of_the_limit():
    """Beside one peer that one is the measure; where neither traces a library, our figure stands alone."""
    figures = {"bare": [10.0] * 3, "autotrace": [20.0] * 3}
    text = page(
        told("valkey", **figures, ddtrace=[110.0] * 3),
        told("duckdb", **figures),
        told("starlette", **figures, ddtrace=[210.0] * 3, opentelemetry=[110.0] * 3),
    )
    assert "| valkey GET | 10.0 µs |  | 100 µs | 10.0 µs | 15.0 µs | yes |" in text
    assert "| duckdb query | 10.0 µs |  |  | 10.0 µs |  |  |" in text
    assert "| Starlette request (ASGI callable) | 10.0 µs | 100 µs | 200 µs | 10.0 µs | 15.0 µs | yes |" in text


def test_a_run_of_some_rows_leaves_the_others_of_the_page(tmp_path):
    """The instructions of a row keep the day on which they were counted."""
    place = tmp_path / "performance.md"
    old = instructions.table("3.11", {title(row): f"| {title(row)} | 1.0 | then |" for row in ("sqlite3", "duckdb")})
    place.write_text("Before.\n<!-- instructions -->\n<!-- end of the instructions -->\nAfter.\n")
    put(place, old, "instructions")
    new = {title(row): f"| {title(row)} | 2.0 | now |" for row in ("duckdb", "flask")}
    instructions.publish(place, "3.11", new)
    assert place.read_text().splitlines()[-7:] == [
        "|---|---:|---:|---:|---:|---:|---|---:|---:|---:|",
        "| sqlite3 query, no parent | 1.0 | then |",
        "| Flask request (WSGI callable) | 2.0 | now |",
        "| duckdb query | 2.0 | now |",
        "",
        "<!-- end of the instructions -->",
        "After.",
    ]
