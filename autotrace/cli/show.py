"""The command `show`: the picture of one trace."""

from __future__ import annotations

from autotrace.cli.common import CommandError, nothing_yet, opened, print_lines, say, terminal, width_of
from autotrace.cli.text import duration, full_moment
from autotrace.terminal import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from autotrace.store.model import Trace
    from autotrace.store.queries import AmbiguousTraceError


def show(trace: str, everything: bool, attributes: bool, as_json: bool) -> None:
    """Draw one trace: the first digits of its id, or `last`."""
    loaded = _loaded(opened().database, trace)
    if as_json:
        import json

        from autotrace.store.asjson import trace_as_dict

        say(json.dumps(trace_as_dict(loaded), indent=2))
        return
    from autotrace.cli.waterfall import Waterfall

    console, glyphs = terminal()
    picture = Waterfall(loaded, width_of(console), glyphs, fold=not everything, details=attributes)
    print_lines(console, picture.lines())


def _loaded(database: sqlite3.Connection, trace: str) -> Trace:
    from autotrace.store.queries import AmbiguousTraceError, UnknownTraceError, count_traces, find_trace, load_trace

    try:
        return load_trace(database, find_trace(database, trace))
    except UnknownTraceError as error:
        nothing = count_traces(database) == 0
        raise CommandError(nothing_yet() if nothing else str(error)) from error
    except AmbiguousTraceError as error:
        raise CommandError(_candidates(error)) from error


def _candidates(error: AmbiguousTraceError) -> str:
    _, glyphs = terminal()
    lines = [f"{error}:"]
    for one in error.candidates:
        facts = (full_moment(one.start_ns), duration(one.duration_ns, glyphs).rjust(8), clean(one.operation))
        lines.append(f"  {one.trace_id}  {'  '.join(facts)}")
    if error.total > len(error.candidates):
        lines.append(f"  and {error.total - len(error.candidates)} more")
    return "\n".join(lines)
