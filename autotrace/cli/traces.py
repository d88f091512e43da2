"""The command `traces`: the list of traces."""

from __future__ import annotations

import time

from autotrace.cli.common import nothing_yet, opened, print_lines, say, terminal, width_of
from autotrace.cli.text import plural


def traces(
    service: str | None,
    route: str | None,
    status: str | None,
    min_duration: int | None,
    since: int | None,
    noise: bool,
    limit: int,
    as_json: bool,
) -> None:
    """List traces, the newest first."""
    database = opened().database
    from autotrace.store.queries import Filter, count_dropped, count_traces, list_traces

    since_ns = None if since is None else time.time_ns() - since
    conditions = service, route, status, min_duration, since_ns, limit
    wanted = Filter(*conditions, noise)
    found = list_traces(database, wanted)
    if as_json:
        import json

        from autotrace.store.asjson import summary_as_dict

        say(json.dumps([summary_as_dict(one) for one in found], indent=2))
    elif found:
        from autotrace.cli.listing import listing

        console, glyphs = terminal()
        print_lines(console, listing(found, width_of(console), glyphs))
    else:
        kept = count_traces(database)
        say(f"No trace matches; there are {kept} without these conditions." if kept else nothing_yet())
    folded = count_traces(database, Filter(*conditions)) - count_traces(database, wanted)
    if folded:
        text = f"{plural(folded, 'trace')} of health checks, static files and their like left out: --noise lists them"
        say(f"autotrace: {text}", aside=True)
    from autotrace.store.nothing import undelivered

    count, why = undelivered()
    if count:
        say(f"autotrace: {plural(count, 'span')} could not be delivered and are kept here; {why}", aside=True)
    dropped = count_dropped(database) - count  # those tell how many were not delivered, too
    if dropped > 0:
        text = f"autotrace: {plural(dropped, 'span')} could not be kept by the traced programs: traces have gaps"
        say(text, aside=True)
