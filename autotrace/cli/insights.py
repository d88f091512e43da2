"""The commands `insights` and `map`: what is wrong, and who talks to whom."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import click

from autotrace.cli.common import HINT, duration_ns, opened, print_lines, terminal
from autotrace.cli.findings import edge_lines, finding_lines
from autotrace.cli.text import full_moment, plural
from autotrace.insights.judge import edge_as_dict, finding_as_dict, findings
from autotrace.insights.service_map import service_map as edges_of
from autotrace.store.queries import Filter, count_traces, load_traces

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from autotrace.store.model import Trace

MOST_TRACES = 2000
MOST_SPANS = 100_000
"""What is loaded at most for one look: about as many bytes of memory as 2 KB for each span."""


def _conditions(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that both commands have."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else."),
        click.option(
            "--limit", type=click.IntRange(min=1), default=MOST_TRACES, show_default=True, help="Newest traces to read."
        ),
        click.option(
            "--since", metavar="TIME", callback=duration_ns, help="Only traces begun within that time, such as 10m."
        ),
        click.option("--service", help="Only traces in which this service took part."),
    ):
        command = option(command)
    return command


@click.command()
@_conditions
def insights(service: str | None, since: int | None, limit: int, as_json: bool) -> None:
    """Say what is wrong with the traces, the worst first."""
    database = opened().database
    traces, matching = _load(database, service, since, limit)
    found = findings(traces, time.time_ns())
    if as_json:
        told = {"traces": len(traces), "of": matching, "findings": [finding_as_dict(one) for one in found]}
        click.echo(json.dumps(told, indent=2))
        return
    if not traces:
        _nothing(database)
        return
    looked = _looked_at(traces, matching)
    if not found:
        click.echo(f"Nothing to find fault with in {looked}.")
        click.echo("Looked for: " + ", ".join(KINDS) + ".")
        return
    click.echo(f"{plural(len(found), 'finding')} in {looked}")
    console, glyphs = terminal()
    print_lines(console, finding_lines(found, console.width, glyphs))


KINDS = (
    "failures and where they begin",
    "repeated statements",
    "slow routes",
    "broken edges",
    "wrong consumers",
    "waits in queues",
)


@click.command("map")
@_conditions
def service_map(service: str | None, since: int | None, limit: int, as_json: bool) -> None:
    """Say who talks to whom: calls, failures and latency of each edge."""
    database = opened().database
    traces, matching = _load(database, service, since, limit)
    edges = edges_of(traces)
    if as_json:
        told = {"traces": len(traces), "of": matching, "edges": [edge_as_dict(edge) for edge in edges]}
        click.echo(json.dumps(told, indent=2))
    elif not traces:
        _nothing(database)
    else:
        console, glyphs = terminal()
        print_lines(console, edge_lines(edges, console.width, glyphs))


def _load(database: sqlite3.Connection, service: str | None, since: int | None, limit: int) -> tuple[list[Trace], int]:
    since_ns = None if since is None else time.time_ns() - since
    wanted = Filter(service=service, since_ns=since_ns, limit=limit)
    return load_traces(database, wanted, MOST_SPANS), count_traces(database, wanted)


def _nothing(database: sqlite3.Connection) -> None:
    kept = count_traces(database)
    click.echo(f"No trace matches; there are {kept} without these conditions." if kept else f"No traces yet. {HINT}")


def _looked_at(traces: list[Trace], matching: int) -> str:
    """Say what was looked at, and honestly if that was not all."""
    services = {span.service for trace in traces for span in trace.spans}
    first = full_moment(min(trace.start_ns for trace in traces))[:19]
    read = plural(len(traces), "trace") if len(traces) == matching else f"the newest {len(traces)} of {matching} traces"
    return f"{read} of {plural(len(services), 'service')} since {first}"
