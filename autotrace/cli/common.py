"""What the commands share: opening the store, and printing."""

from __future__ import annotations

import os
import sys

from autotrace.cli.text import plural
from autotrace.terminal import clean_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console
    from rich.text import Text

    from autotrace.cli.glyphs import Glyphs
    from autotrace.store.reader import Store


class CommandError(Exception):
    """A command cannot do what was asked for; the text says why, and what to do."""


def say(text: str, *, aside: bool = False) -> None:
    """Print a line at once.

    Args:
        text: the line.
        aside: it is no part of the answer, and goes to standard error.
    """
    print(clean_lines(text), file=sys.stderr if aside else sys.stdout, flush=True)


def nothing_yet() -> str:
    """Return what is said where there is no trace at all: what ran, and why nothing came of it."""
    from autotrace.store.nothing import nothing_yet as lines

    return "\n".join(lines())


def opened() -> Store:
    """Open the store, and say on stderr what of the inbox could not be read."""
    from autotrace.store.reader import open_store
    from autotrace.store.schema import StoreError

    try:
        store = open_store()
    except StoreError as error:
        raise CommandError(str(error)) from error
    for name, lost in store.ingested.damaged.items():
        say(f"autotrace: {name} was cut short; its last {plural(lost, 'byte')} are lost", aside=True)
    for name, reason in store.ingested.unreadable.items():
        say(f"autotrace: {name} cannot be read ({reason}); its spans are missing", aside=True)
    if store.ingested.refused:
        refused = plural(store.ingested.refused, "record")
        say(f"autotrace: {refused} in the inbox could not be understood; skipped", aside=True)
    for what, count in store.ingested.skipped.items():
        records = plural(count, "record")
        say(f"autotrace: {records} of {what} in the inbox, which this autotrace does not keep; skipped", aside=True)
    return store


def terminal() -> tuple[Console, Glyphs]:
    """Return what to draw on, and the signs that it can show."""
    from rich.console import Console  # what is drawn with is only loaded once there is something to draw

    from autotrace.cli.glyphs import glyphs_for

    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=False)
    return console, glyphs_for(console.encoding)


def width_of(console: Console) -> int | None:
    """Return how wide a line may be, in cells; None where no terminal cuts it: a file or a pipe gets names whole."""
    return console.width if sys.stdout.isatty() or os.environ.get("COLUMNS") else None


def print_lines(console: Console, lines: Iterable[Text]) -> None:
    """Print lines as they are: they fit the width already, or there is none."""
    # Captured first, because rich ends the process by itself when it meets a closed pipe.
    with console.capture() as captured:
        for line in lines:
            console.print(line, no_wrap=True, overflow="ignore", crop=False)
    sys.stdout.write(captured.get())
