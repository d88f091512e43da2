"""How a library is patched: declared as data, all of it or nothing, behind a wall.

This room knows neither libraries nor protocol families.  An instrumentor needs only the names that are here.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.patching.model import (
        Args,
        Call,
        Instrumentor,
        Kwargs,
        Patch,
        Wrap,
        argument,
        with_argument,
    )

__all__ = ["Args", "Call", "Instrumentor", "Kwargs", "Patch", "Wrap", "argument", "with_argument"]


def __getattr__(name: str) -> Any:
    """Load these words with the first instrumentor: what every Python starts with, the hook and the catalog, needs none."""
    if name not in __all__:
        raise AttributeError(f"module 'autotrace.patching' has no attribute {name!r}")
    from autotrace.patching import model

    globals().update({each: getattr(model, each) for each in __all__})
    return globals()[name]
