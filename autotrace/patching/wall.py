"""The wall between the program and us: what fails on our side is counted and told to nobody who did not ask.

The shape at every border is "ours in ``try``, theirs bare, ours in ``try``".  This module only keeps the count.
"""

from __future__ import annotations

import sys

from autotrace import diagnostics

faults: dict[str, int] = {}


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
    except Exception:
        faults["wall"] = faults.get("wall", 0) + 1
