"""The wall between the program and us: what fails on our side is counted and told to nobody who did not ask.

The shape at every border is "ours in ``try``, theirs bare, ours in ``try``".  This module keeps the count, and switches an
instrumentor off that fails again and again.  Switching off happens where a fault is counted, so that calls that go well
pay nothing for it: patches are taken back, and what outlives its patch (a connection's class, an application that a server
keeps) is told by ``when_off``, or looks into ``off``.
"""

from __future__ import annotations

import sys

from autotrace import diagnostics

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

limit = 100  # faults after which an instrumentor is switched off; 0: never
faults: dict[str, int] = {}
off: set[str] = set()  # the instrumentors that are switched off
_ways: dict[str, list[Callable[[], object]]] = {}


def fault(scope: str) -> None:
    """Count the exception that is being handled; the first of each scope is said, at debug level.

    Args:
        scope: the instrumentor's name.
    """
    try:
        count = faults[scope] = faults.get(scope, 0) + 1
        if count == 1:
            kind, error, traceback = sys.exc_info()
            place = ""
            while traceback is not None:
                place = f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
                traceback = traceback.tb_next
            name = kind.__name__ if kind is not None else "?"
            diagnostics.debug(f"{scope}: {name}: {error} ({place}); the call went through untraced")
        if limit and count >= limit and scope not in off:
            _switch_off(scope, count)
    except Exception:
        faults["wall"] = faults.get("wall", 0) + 1


def when_off(scope: str, way: Callable[[], object]) -> None:
    """Have a function called once, on whatever thread, when an instrumentor is switched off.

    Args:
        scope: the instrumentor's name.
        way: takes something out of the program's way; what it raises is counted.
    """
    _ways.setdefault(scope, []).append(way)


def _switch_off(scope: str, count: int) -> None:
    off.add(scope)
    for way in _ways.get(scope, ()):
        try:
            way()
        except Exception:
            faults["wall"] = faults.get("wall", 0) + 1
    diagnostics.warn(f"{scope}: switched off in this process after {count} faults of ours; please report the first one")
