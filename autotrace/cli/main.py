"""The commands, with click. What they show is drawn elsewhere; this is options, messages and exit codes.

Exit codes: 0 done, 1 what was asked for is not there or cannot be read, 2 asked wrongly.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time

import click

from autotrace import __version__
from autotrace.cli.common import HINT, duration_ns, opened, print_lines, terminal
from autotrace.cli.insights import insights, service_map
from autotrace.cli.listing import listing
from autotrace.cli.text import duration, full_moment, plural
from autotrace.cli.waterfall import Waterfall
from autotrace.cli.web import web
from autotrace.store.asjson import summary_as_dict, trace_as_dict
from autotrace.store.queries import (
    LAST,
    AmbiguousTraceError,
    Filter,
    UnknownTraceError,
    count_dropped,
    count_traces,
    find_trace,
    list_traces,
    load_trace,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="autotrace %(version)s")
def commands() -> None:
    """Look at the traces that autotrace-run has collected on this machine."""


@commands.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def run(command: tuple[str, ...]) -> None:
    """Start a program with tracing; the same as autotrace-run."""
    from autotrace.__main__ import run as launch

    sys.exit(launch(list(command)))


@commands.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def doctor(arguments: tuple[str, ...]) -> None:
    """Say what is traced, and what keeps spans from being there."""
    from autotrace.__main__ import main as examine

    sys.exit(examine(["doctor", *arguments]))


@commands.command()
@click.option("--service", help="Only traces in which this service took part.")
@click.option("--route", help="Only traces through this route, such as /orders/{id}; * stands for anything.")
@click.option("--status", help="Only failed ones (error), faultless ones (ok), or an HTTP status code.")
@click.option(
    "--min-duration",
    metavar="TIME",
    callback=duration_ns,
    help="Only traces at least so long, such as 250ms.",
)
@click.option("--since", metavar="TIME", callback=duration_ns, help="Only traces begun within that time, such as 10m.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many at most.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
def traces(
    service: str | None,
    route: str | None,
    status: str | None,
    min_duration: int | None,
    since: int | None,
    limit: int,
    as_json: bool,
) -> None:
    """List traces, the newest first."""
    store = opened()
    since_ns = None if since is None else time.time_ns() - since
    try:
        found = list_traces(store.database, Filter(service, route, status, min_duration, since_ns, limit))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--status") from error
    if as_json:
        click.echo(json.dumps([summary_as_dict(one) for one in found], indent=2))
    elif found:
        console, glyphs = terminal()
        print_lines(console, listing(found, console.width, glyphs))
    else:
        kept = count_traces(store.database)
        click.echo(
            f"No trace matches; there are {kept} without these conditions." if kept else f"No traces yet. {HINT}"
        )
    dropped = count_dropped(store.database)
    if dropped:
        click.echo(
            f"autotrace: {plural(dropped, 'span')} could not be kept by the traced programs: traces have gaps", err=True
        )


@commands.command()
@click.argument("trace", default=LAST)
@click.option("--all", "everything", is_flag=True, help="Show each of many alike spans instead of folding them.")
@click.option("--attributes", "-a", is_flag=True, help="Print all attributes, events and links.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
def show(trace: str, everything: bool, attributes: bool, as_json: bool) -> None:
    """Draw one TRACE: the first digits of its id, or `last` (the default)."""
    store = opened()
    try:
        loaded = load_trace(store.database, find_trace(store.database, trace))
    except UnknownTraceError as error:
        nothing = count_traces(store.database) == 0
        raise click.ClickException(f"no traces yet. {HINT}" if nothing else str(error)) from error
    except AmbiguousTraceError as error:
        raise click.ClickException(_candidates(error)) from error
    if as_json:
        click.echo(json.dumps(trace_as_dict(loaded), indent=2))
        return
    console, glyphs = terminal()
    print_lines(console, Waterfall(loaded, console.width, glyphs, fold=not everything, details=attributes).lines())


commands.add_command(insights)
commands.add_command(service_map)
commands.add_command(web)


def _candidates(error: AmbiguousTraceError) -> str:
    _, glyphs = terminal()
    lines = [f"{error}:"]
    for one in error.candidates:
        facts = (full_moment(one.start_ns), duration(one.duration_ns, glyphs).rjust(8), one.root)
        lines.append(f"  {one.trace_id}  {'  '.join(facts)}")
    if error.total > len(error.candidates):
        lines.append(f"  and {error.total - len(error.candidates)} more")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Run a command; return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name that the terminal cannot show must not end the picture
            stream.reconfigure(errors="replace")
    try:
        commands.main(args=arguments, prog_name="autotrace", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return 130
    except sqlite3.Error as error:
        click.echo(f"autotrace: the store of traces failed: {error}", err=True)
        return 1
    return 0
