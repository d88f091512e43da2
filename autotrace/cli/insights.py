"""The commands `insights` and `map`: what is wrong, and who talks to whom."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from autotrace.cli.common import nothing_yet, opened, print_lines, say, terminal, width_of
from autotrace.cli.text import full_moment, plural
from autotrace.insights.judge import findings
from autotrace.insights.look import Looked, findings_as_dict, look, map_as_dict
from autotrace.insights.service_map import service_map as edges_of
from autotrace.store.queries import Filter, count_traces

if TYPE_CHECKING:
    import sqlite3

KINDS = (
    "failures and where they begin",
    "repeated statements",
    "slow routes",
    "broken edges",
    "wrong consumers",
    "waits in queues",
)


def insights(service: str | None, since: int | None, limit: int, as_json: bool) -> None:
    """Say what is wrong with the traces, the worst first."""
    database = opened().database
    looked = _look(database, service, since, limit)
    if as_json:
        say(json.dumps(findings_as_dict(looked), indent=2))
        return
    if not looked.traces:
        _nothing(database)
        return
    found = findings(looked.traces, time.time_ns())
    if not found:
        say(f"Nothing to find fault with in {_looked_at(looked)}.")
        say("Looked for: " + ", ".join(KINDS) + ".")
        return
    say(f"{plural(len(found), 'finding')} in {_looked_at(looked)}")
    from autotrace.cli.findings import finding_lines

    console, glyphs = terminal()
    print_lines(console, finding_lines(found, console.width, glyphs))


def service_map(service: str | None, since: int | None, limit: int, as_json: bool) -> None:
    """Say who talks to whom: calls, failures and latency of each edge."""
    database = opened().database
    looked = _look(database, service, since, limit)
    if as_json:
        say(json.dumps(map_as_dict(looked), indent=2))
    elif not looked.traces:
        _nothing(database)
    else:
        from autotrace.cli.findings import edge_lines

        console, glyphs = terminal()
        print_lines(console, edge_lines(edges_of(looked.traces), width_of(console), glyphs))


def _look(database: sqlite3.Connection, service: str | None, since: int | None, limit: int) -> Looked:
    since_ns = None if since is None else time.time_ns() - since
    return look(database, Filter(service=service, since_ns=since_ns, limit=limit))


def _nothing(database: sqlite3.Connection) -> None:
    kept = count_traces(database)
    say(f"No trace matches; there are {kept} without these conditions." if kept else nothing_yet())


def _looked_at(looked: Looked) -> str:
    """Say what was looked at, and honestly if that was not all."""
    read = len(looked.traces)
    services = {service for trace in looked.traces for service in trace.services}
    first = full_moment(min(trace.start_ns for trace in looked.traces))[:19]
    told = plural(read, "trace") if read == looked.matching else f"{read} of {looked.matching} traces"
    return f"{told} of {plural(len(services), 'service')} since {first}"
