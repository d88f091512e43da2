"""How a library is patched: declared as data, all of it or nothing, behind a wall.

This room knows neither libraries nor protocol families.  An instrumentor needs only the names that are here.
"""

from __future__ import annotations

from autotrace.patching.model import Args, Call, Instrumentor, Kwargs, Patch, Wrap, argument, with_argument

__all__ = ["Args", "Call", "Instrumentor", "Kwargs", "Patch", "Wrap", "argument", "with_argument"]
