"""The machine: CPU time of other processes, memory, how fast it is at the moment, and what it is.

CPU time is read from the kernel's per-process clock (every thread, user and system, in ns); this needs Linux.
"""

from __future__ import annotations

import os
import platform
import time

_ROUNDS = 3  # of a calibration


def cpu_ns(*pids: int) -> int:
    """Return the CPU time in ns that processes have used, all their threads together.

    Raises:
        OSError: one of them is gone.
    """
    # The clock of a process: see clock_getcpuclockid(3) and CPUCLOCK_SCHED in Linux' posix-timers.
    return sum(time.clock_gettime_ns((~pid << 3) | 2) for pid in pids)


def children(pid: int) -> list[int]:
    """Return the direct children of a process."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def resident_bytes(pid: int) -> int:
    """Return how much memory of a process is resident, in bytes."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def settle() -> tuple[int, ...]:
    """Move this process, and what it starts from now on, to one core, so that calibration and workload share its mood.

    A client and the server that it waits for take turns on one core; on two, each answer would wake a sleeping core, which
    costs a virtual machine more than a whole request, and never the same.

    Returns:
        the other cores, for what shall not be in the way; the same one where there is no other.
    """
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[-1:])
    return tuple(cores[:-1]) or (cores[-1],)


class Calibration:
    """How fast the machine is: CPU time that a fixed piece of Python takes.

    Attributes:
        seen: every measurement so far, in ns.
    """

    def __init__(self) -> None:
        self.seen: list[float] = []

    def measure(self) -> float:
        """Return what the piece takes at this moment, in ns of CPU time: the best of a few, since one may be disturbed."""
        taken = min(_piece() for _ in range(_ROUNDS))
        self.seen.append(taken)
        return taken

    @property
    def best(self) -> float:
        """The machine's best speed: the fastest twentieth, since a single best may be luck."""
        return sorted(self.seen)[len(self.seen) // 20]


class _Record:
    __slots__ = ("key", "next")

    def __init__(self, key: str, following: _Record | None) -> None:
        self.key = key
        self.next = following


def _piece() -> int:
    """Do what tracing does: objects, strings, dictionaries, calls."""
    begin = time.thread_time_ns()
    known: dict[str, _Record] = {}
    last = None
    for number in range(6000):
        key = f"{number & 255:02x}"
        last = known.get(key) or _Record(key, last)
        known[key] = last
        b"".join((key.encode(), b"-", number.to_bytes(4, "big")))
    return time.thread_time_ns() - begin


def described() -> str:
    """Return the machine in words, without names and paths."""
    model = _first("/proc/cpuinfo", "model name") or platform.machine()
    virtual = ", virtual" if "hypervisor" in _first("/proc/cpuinfo", "flags") else ""
    memory = int((_first("/proc/meminfo", "MemTotal") or "0").split()[0]) / (1 << 20)
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores of {model}{virtual}, {memory:.0f} GiB of memory, {platform.system()} "
        f"{platform.release().partition('-')[0]}, load {load:.1f} when the run began"
    )


def _first(path: str, key: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name.strip() == key:
                    return value.strip()
    except OSError:
        pass
    return ""
