"""The examination: settings, sinks, the command, and a Python that is started as the command's would be.

It yields facts as they become known, each with its kind; what takes time is asked side by side.
"""

from __future__ import annotations

import os
import sys
from queue import SimpleQueue
from shlex import quote
from threading import Thread

from autotrace import __version__
from autotrace.config import settings
from autotrace.config.settings import TABLE
from autotrace.doctor.python import Examined
from autotrace.doctor.sinks import not_taken, receiver, sink
from autotrace.launch.checks import checked
from autotrace.launch.commands import Python, meant, python_of, resolved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from typing import Any

    from autotrace.config.settings import Settings

    Fact = tuple[str, Any]
    Tell = Callable[[Fact], object]


def examine(command: Sequence[str]) -> Generator[Fact, None, None]:
    """Yield everything that there is to say, as pairs of a kind and a fact that is ready for JSON.

    Kinds are ``autotrace``, ``command``, ``file``, ``setting``, ``sink``, ``python``, ``instrumentor`` (of which ``python``
    has a first look), ``left``, ``warning`` (worth a look) and ``problem`` (for which no span can come).

    Args:
        command: how the program is started; empty for the Python that autotrace itself runs in.
    """
    loaded, warnings = checked()
    yield "autotrace", __version__
    yield from _command(command)
    yield "file", loaded.file
    for setting in _settings(loaded):
        yield "setting", setting
    for warning in warnings:
        yield "warning", warning
    if not loaded.enabled:
        yield "problem", f"autotrace is switched off by {settings.sources().get('enabled', '')}"
    for name in loaded.exporters:
        if name != "otlp":
            yield from sink(name, loaded)
    yield from not_taken(loaded)
    asking: list[Callable[[Tell], None]] = []
    python = python_of(command, os.environ) if command else Python(sys.executable, "")
    examined = Examined(python, loaded.enabled) if python is not None else None
    if examined is not None:
        asking.append(examined.ask)
    if "otlp" in loaded.exporters:
        asking.append(lambda tell: receiver(loaded, str(_shown("endpoint", loaded.endpoint)), tell))
    try:
        yield from _side_by_side(asking)
    finally:
        if examined is not None:
            examined.end()


def _side_by_side(asking: Sequence[Callable[[Tell], None]]) -> Iterator[Fact]:
    """Call functions at the same time, and yield what they tell."""
    told: SimpleQueue[Fact | BaseException | None] = SimpleQueue()

    def ask(one: Callable[[Tell], None]) -> None:
        try:
            one(told.put)
            told.put(None)
        except BaseException as error:  # raised where somebody hears it
            told.put(error)

    for one in asking:
        Thread(target=ask, args=(one,), daemon=True).start()
    going = len(asking)
    while going:
        fact = told.get()
        if isinstance(fact, BaseException):
            raise fact
        if fact is None:
            going -= 1
        else:
            yield fact


def _settings(loaded: Settings) -> Iterator[dict[str, Any]]:
    sources = settings.sources()
    for setting in TABLE:
        value = _shown(setting.name, getattr(loaded, setting.name))
        yield {"name": setting.name, "value": value, "source": sources.get(setting.name, "")}


def _shown(name: str, value: Any) -> Any:
    """Return a value without what is nobody's business."""
    if name == "headers":
        return dict.fromkeys(value, "***")
    if name == "endpoint":
        value, question, _ = value.partition("?")  # where keys are put that stand in no header
        scheme, separator, rest = value.partition("://")
        user, at, place = rest.rpartition("@")
        return f"{scheme}{separator}{'***' if user else ''}{at}{place}{question}{'***' if question else ''}"
    return list(value) if isinstance(value, tuple) else value


def _command(command: Sequence[str]) -> Iterator[Fact]:
    if not command:
        return
    file = resolved(command[0], os.environ)
    python = python_of(command, os.environ) if file else None
    yield (
        "command",
        {
            "words": list(command),
            "file": file,
            "python": python.path if python else "",
            "flags": python.flags if python else "",
        },
    )
    if not file or not os.access(file, os.X_OK):
        words = meant(command, os.environ)
        likely = f"; did you mean: autotrace doctor -- {' '.join(map(quote, words))}" if words else ""
        yield "problem", f"{command[0]}: {'permission denied' if file else 'command not found'}{likely}"
    elif python is None:
        yield (
            "warning",
            f"{file} is no Python program: every Python that it starts is traced, if autotrace is installed there",
        )
