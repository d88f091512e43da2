"""What the commands share: options, opening the store, and printing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from rich.console import Console

from autotrace.cli.glyphs import Glyphs, glyphs_for
from autotrace.cli.text import plural
from autotrace.store.reader import Store, open_store
from autotrace.store.schema import StoreError
from autotrace.store.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.text import Text

HINT = "Make some: autotrace-run python your_program.py"


def duration_ns(_context: click.Context, _option: click.Parameter, value: str | None) -> int | None:
    """Read a length of time like `250ms`; click prints the error text and exits with 2."""
    try:
        return None if value is None else parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def opened() -> Store:
    """Open the store, and say on stderr what of the inbox could not be read."""
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


def terminal() -> tuple[Console, Glyphs]:
    """Return what to draw on, and the signs that it can show."""
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=False)
    return console, glyphs_for(console.encoding)


def print_lines(console: Console, lines: Iterable[Text]) -> None:
    """Print lines that fit the width already."""
    # Captured first, because rich ends the process by itself when it meets a closed pipe.
    with console.capture() as captured:
        for line in lines:
            console.print(line, no_wrap=True, overflow="ignore", crop=False)
    sys.stdout.write(captured.get())
