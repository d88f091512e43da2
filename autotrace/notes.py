"""Notes that traced processes leave of themselves, so that an empty list of traces can say what ran, and why nothing came.

One line when a process begins, one where a receiver has not taken its spans and, where it delivered none, one when it
ends, appended to a file of the data directory that never grows beyond two times `MOST`.  A note is a courtesy: whatever
hinders it is passed over.  A line is fields between tabs; `runs` reads them.
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
