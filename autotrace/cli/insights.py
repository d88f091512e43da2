"""The commands `insights` and `map`: what is wrong, and who talks to whom."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import click

from autotrace.cli.common import HINT, duration_ns, opened, print_lines, terminal
from autotrace.cli.findings import edge_lines, finding_lines
from autotrace.cli.text import full_moment, plural
from autotrace.insights.judge import findings
from autotrace.insights.look import MOST_TRACES, Looked, findings_as_dict, look, map_as_dict
from autotrace.insights.service_map import service_map as edges_of
from autotrace.store.queries import Filter, count_traces

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

KINDS = (
    "failures and where they begin",
    "repeated statements",
    "slow routes",
    "broken edges",
    "wrong consumers",
    "waits in queues",
)


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
    looked = _look(database, service, since, limit)
    if as_json:
        click.echo(json.dumps(findings_as_dict(looked), indent=2))
        return
    if not looked.traces:
        _nothing(database)
        return
    found = findings(looked.traces, time.time_ns())
    if not found:
        click.echo(f"Nothing to find fault with in {_looked_at(looked)}.")
        click.echo("Looked for: " + ", ".join(KINDS) + ".")
        return
    click.echo(f"{plural(len(found), 'finding')} in {_looked_at(looked)}")
    console, glyphs = terminal()
    print_lines(console, finding_lines(found, console.width, glyphs))


@click.command("map")
@_conditions
def service_map(service: str | None, since: int | None, limit: int, as_json: bool) -> None:
    """Say who talks to whom: calls, failures and latency of each edge."""
    database = opened().database
    looked = _look(database, service, since, limit)
    if as_json:
        click.echo(json.dumps(map_as_dict(looked), indent=2))
    elif not looked.traces:
        _nothing(database)
    else:
        console, glyphs = terminal()
        print_lines(console, edge_lines(edges_of(looked.traces), console.width, glyphs))


def _look(database: sqlite3.Connection, service: str | None, since: int | None, limit: int) -> Looked:
    since_ns = None if since is None else time.time_ns() - since
    return look(database, Filter(service=service, since_ns=since_ns, limit=limit))


def _nothing(database: sqlite3.Connection) -> None:
    kept = count_traces(database)
    click.echo(f"No trace matches; there are {kept} without these conditions." if kept else f"No traces yet. {HINT}")


def _looked_at(looked: Looked) -> str:
    """Say what was looked at, and honestly if that was not all."""
    read = len(looked.traces)
    services = {service for trace in looked.traces for service in trace.services}
    first = full_moment(min(trace.start_ns for trace in looked.traces))[:19]
    told = plural(read, "trace") if read == looked.matching else f"the newest {read} of {looked.matching} traces"
    return f"{told} of {plural(len(services), 'service')} since {first}"
