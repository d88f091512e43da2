"""What ran on this machine, by the notes that traced processes leave of themselves (see `notes`)."""

from __future__ import annotations

import os

from autotrace.notes import FILE, MOST


class Run:
    """A process that was traced.

    Attributes:
        began_ns: ns since the epoch.
        pid: its process id.
        executable: of its Python.
        script: what it ran, without its directory: `app.py`, `-m`, `-c`.
        exporters: where its spans were to go.
        on: the instrumentors that were switched on.
        off: those that were switched off.
        packages: the directories of its libraries.
        ended: whether it said that it ended without having delivered a span.
        modules: well-known modules without an instrumentor that it had imported, where it said so.
        skipped: why instrumentors were not applied, where it said so.
        undelivered: how many spans a receiver has not taken and why, by the process, which may be forked.
        latest_ns: when that was last noted, ns since the epoch.
    """

    def __init__(self, fields: list[str]) -> None:
        _, began, pid, self.executable, self.script, exporters, on, off, packages = fields
        self.began_ns = int(began)
        self.pid = int(pid)
        self.exporters = _names(exporters)
        self.on = _names(on)
        self.off = _names(off)
        self.packages = [part for part in packages.split(os.pathsep) if part]
        self.ended = False
        self.modules: list[str] = []
        self.skipped: dict[str, str] = {}
        self.undelivered: dict[str, tuple[int, str]] = {}
        self.latest_ns = 0


def runs(data: str) -> list[Run]:
    """Return the processes of which there are notes, the newest first; a line that cannot be read is passed over."""
    by_pid: dict[str, Run] = {}
    found = []
    for name in (f"{FILE}.old", FILE):
        for line in _lines(os.path.join(data, name)):
            fields = line.split("\t")
            try:
                if fields[0] == "began":
                    by_pid[fields[2]] = Run(fields)
                    found.append(by_pid[fields[2]])
                elif fields[0] == "ended":
                    _, _, pid, modules, reasons = fields
                    run = by_pid[pid]
                    run.ended = True
                    run.modules = list(dict.fromkeys([*run.modules, *_names(modules)]))
                    run.skipped.update(part.split("=", 1) for part in reasons.split(";") if part)  # type: ignore[misc]
                elif fields[0] == "undelivered":
                    _, moment, process, pid, count, reason = fields
                    by_pid[process].undelivered[pid] = (int(count), reason)
                    by_pid[process].latest_ns = int(moment)
            except (ValueError, KeyError, IndexError):
                continue
    return found[::-1]


def _lines(file: str) -> list[str]:
    try:
        with open(file, encoding="utf-8", errors="replace") as lines:
            return lines.read(4 * MOST).splitlines()
    except OSError:
        return []


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]
