"""Where traces go, and whether they get there."""

from __future__ import annotations

import os
from time import localtime, monotonic, strftime

from autotrace.config.paths import inbox_directory, temporary_directory
from autotrace.runs import runs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from autotrace.config.settings import Settings

    Fact = tuple[str, Any]

_LONGEST = 5.0  # s for a receiver
_SHOWN = 3  # programs


def sink(name: str, loaded: Settings) -> Iterator[Fact]:
    """Yield what is to be said of a sink that is looked at in no time: of any but `otlp`."""
    if name == "inbox":
        place = inbox_directory(loaded.data_dir)
        if _writable(place):
            yield "sink", {"name": name, "place": place, "ok": True, "text": "writable"}
            return
        other = temporary_directory(loaded.data_dir)
        yield "sink", {"name": name, "place": other, "ok": False, "text": f"{place} cannot be written"}
        yield "warning", f"{place} cannot be written: traces go to {other}, where 'autotrace traces' looks, too"
        return
    yield "sink", {"name": name, "place": "", "ok": name == "console", "text": ""}
    if name == "none":
        yield "problem", "the exporter is 'none': nothing is kept"


def receiver(loaded: Settings, place: str, tell: Callable[[Fact], object]) -> None:
    """Ask an OTLP receiver whether it takes spans.

    Args:
        loaded: the settings.
        place: its URL as it may be shown.
        tell: is called with each fact.
    """
    from autotrace.export.http import HttpExporter
    from autotrace.signals import TRACES

    exporter = HttpExporter(loaded)
    exporter.hasten(monotonic() + _LONGEST)
    result = exporter.export(TRACES, b"", monotonic() + _LONGEST)  # a request without spans, which is a valid one
    exporter.close()
    tell(("sink", {"name": "otlp", "place": place, "ok": result.delivered, "text": result.text or "takes spans"}))
    if not result.delivered:
        tell(("problem", result.text or f"{place} does not take spans"))


def not_taken(loaded: Settings) -> Iterator[Fact]:
    """Yield a warning for each of the newest programs of whose spans a receiver has not taken all."""
    cases = [(run, *one) for run in runs(loaded.data_dir) for one in run.undelivered.values()]
    for run, count, reason in cases[:_SHOWN]:
        when = strftime("%Y-%m-%d %H:%M:%S", localtime(run.began_ns / 1e9))
        text = f"{count} spans of {run.script or 'python'}, which began at {when}, were not delivered: {reason}"
        yield "warning", f"{text}; they are kept on this machine, see 'autotrace traces'"


def _writable(directory: str) -> bool:
    """Tell whether a directory can be written, or made; by trying, since permissions tell little, and nothing is left."""
    while not os.path.exists(directory):
        above = os.path.dirname(directory)
        if above == directory:
            return False
        directory = above
    trial = os.path.join(directory, f".autotrace-{os.getpid()}-{os.urandom(4).hex()}")
    try:
        os.mkdir(trial, 0o700)
        os.rmdir(trial)
    except OSError:
        return False
    return True
