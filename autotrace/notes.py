"""Notes that traced processes leave of themselves, so that an empty list of traces can say what ran, and why nothing came.

One line when a process begins, one where a receiver has not taken its spans and, where it delivered none, one when it
ends, appended to a file of the data directory that never grows beyond two times `MOST`.  A note is a courtesy: whatever
hinders it is passed over.  Both sides share the format; a line is fields between tabs, and what a field may hold is said
where it is written.
"""

from __future__ import annotations

import os
import sys
import time

FILE = "ran"
ASKED = "_AUTOTRACE_ASKED"  # the variable that a Python has in its environment which is only started to be asked
MOST = 1 << 16  # bytes; then the file becomes the old one, and the old one goes
_LONGEST = 2000  # bytes of a line: so many are appended at once or not at all
_SCRIPT, _PACKAGES, _REASON = 80, 1000, 300  # letters
_process = 0  # that began: what it forks notes its end under the same id
_FLAGS = (
    os.O_WRONLY | os.O_CREAT | os.O_APPEND
    | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
)  # fmt: skip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


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


def began(data: str, exporters: Iterable[str], on: Iterable[str], off: Iterable[str]) -> None:
    """Note that this process begins."""
    global _process
    _process = os.getpid()
    script = os.path.basename(str((getattr(sys, "argv", None) or [""])[0]))[:_SCRIPT]
    packages = os.pathsep.join(path for path in sys.path if path.endswith("-packages"))
    packages = packages if len(packages) <= _PACKAGES else ""
    lists = (",".join(names) for names in (exporters, on, off))
    _append(data, ["began", str(time.time_ns()), str(_process), sys.executable or "", script, *lists, packages])


def ended(data: str, modules: Iterable[str], skipped: Mapping[str, str]) -> None:
    """Note that this process, or one that it forked, ends and has delivered nothing."""
    reasons = ";".join(f"{name}={reason.replace(';', ',')}" for name, reason in skipped.items())
    _append(data, ["ended", str(time.time_ns()), str(_process), ",".join(modules), reasons])


def undelivered(data: str, count: int, reason: str) -> None:
    """Note how many spans of this process a receiver has not taken so far, and why; they are kept on this machine."""
    _append(data, ["undelivered", str(time.time_ns()), str(_process), str(os.getpid()), str(count), reason[:_REASON]])


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


def _append(data: str, fields: list[str]) -> None:
    line = "\t".join(field.replace("\t", " ").replace("\n", " ") for field in fields)
    content = line.encode("utf-8", "replace")
    if len(content) > _LONGEST:
        return
    file = os.path.join(data, FILE)
    try:
        try:
            descriptor = os.open(file, _FLAGS, 0o600)
        except FileNotFoundError:
            os.makedirs(data, mode=0o700, exist_ok=True)
            descriptor = os.open(file, _FLAGS, 0o600)
        try:
            if os.fstat(descriptor).st_size > MOST:
                os.replace(file, f"{file}.old")
            os.write(descriptor, content + b"\n")
        finally:
            os.close(descriptor)
    except OSError:
        return


def _lines(file: str) -> list[str]:
    try:
        with open(file, encoding="utf-8", errors="replace") as lines:
            return lines.read(4 * MOST).splitlines()
    except OSError:
        return []


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]
