"""The commands, with click. What they show is drawn elsewhere; this is options, messages and exit codes.

Exit codes: 0 done, 1 what was asked for is not there or cannot be read, 2 asked wrongly.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from typing import TYPE_CHECKING

import click
from rich.console import Console

from autotrace import __version__
from autotrace.cli.glyphs import Glyphs, glyphs_for
from autotrace.cli.listing import listing
from autotrace.cli.text import duration, full_moment, plural
from autotrace.cli.waterfall import Waterfall
from autotrace.store.asjson import summary_as_dict, trace_as_dict
from autotrace.store.queries import (
    LAST,
    AmbiguousTraceError,
    Filter,
    UnknownTraceError,
    count_traces,
    find_trace,
    list_traces,
    load_trace,
)
from autotrace.store.reader import Store, open_store
from autotrace.store.schema import StoreError
from autotrace.store.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.text import Text

HINT = "Make some: autotrace-run python your_program.py"


def _duration_ns(_context: click.Context, _option: click.Parameter, value: str | None) -> int | None:
    """Read a length of time like `250ms`; click prints the error text and exits with 2."""
    try:
        return None if value is None else parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


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


@commands.command()
@click.option("--service", help="Only traces in which this service took part.")
@click.option("--route", help="Only traces through this route, such as /orders/{id}; * stands for anything.")
@click.option("--status", help="Only failed ones (error), faultless ones (ok), or an HTTP status code.")
@click.option(
    "--min-duration",
    metavar="TIME",
    callback=_duration_ns,
    help="Only traces at least so long, such as 250ms.",
)
@click.option("--since", metavar="TIME", callback=_duration_ns, help="Only traces begun within that time, such as 10m.")
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
    store = _open()
    since_ns = None if since is None else time.time_ns() - since
    try:
        found = list_traces(store.database, Filter(service, route, status, min_duration, since_ns, limit))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--status") from error
    if as_json:
        click.echo(json.dumps([summary_as_dict(one) for one in found], indent=2))
    elif found:
        console, glyphs = _terminal()
        _print(console, listing(found, console.width, glyphs))
    else:
        kept = count_traces(store.database)
        click.echo(
            f"No trace matches; there are {kept} without these conditions." if kept else f"No traces yet. {HINT}"
        )


@commands.command()
@click.argument("trace", default=LAST)
@click.option("--all", "everything", is_flag=True, help="Show each of many alike spans instead of folding them.")
@click.option("--attributes", "-a", is_flag=True, help="Print all attributes, events and links.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
def show(trace: str, everything: bool, attributes: bool, as_json: bool) -> None:
    """Draw one TRACE: the first digits of its id, or `last` (the default)."""
    store = _open()
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
    console, glyphs = _terminal()
    _print(console, Waterfall(loaded, console.width, glyphs, fold=not everything, details=attributes).lines())


def _open() -> Store:
    try:
        store = open_store()
    except StoreError as error:
        raise click.ClickException(str(error)) from error
    for name, lost in store.ingested.damaged.items():
        click.echo(f"autotrace: {name} was cut short; its last {plural(lost, 'byte')} are lost", err=True)
    for name, reason in store.ingested.unreadable.items():
        click.echo(f"autotrace: {name} cannot be read ({reason}); its spans are missing", err=True)
    if store.ingested.refused:
        refused = plural(store.ingested.refused, "record")
        click.echo(f"autotrace: {refused} in the inbox could not be understood; skipped", err=True)
    return store


def _candidates(error: AmbiguousTraceError) -> str:
    _, glyphs = _terminal()
    lines = [f"{error}:"]
    for one in error.candidates:
        facts = (full_moment(one.start_ns), duration(one.duration_ns, glyphs).rjust(8), one.root)
        lines.append(f"  {one.trace_id}  {'  '.join(facts)}")
    if error.total > len(error.candidates):
        lines.append(f"  and {error.total - len(error.candidates)} more")
    return "\n".join(lines)


def _terminal() -> tuple[Console, Glyphs]:
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=False)
    return console, glyphs_for(console.encoding)


def _print(console: Console, lines: Iterable[Text]) -> None:
    # Captured first, because rich ends the process by itself when it meets a closed pipe.
    with console.capture() as captured:
        for line in lines:
            console.print(line, no_wrap=True, overflow="ignore", crop=False)
    sys.stdout.write(captured.get())


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
