"""autotrace traces a Python program without touching it.

Put ``autotrace-run`` before the command that starts the program.  Nothing of this package needs to be imported there;
whoever wants to name something themselves finds ``span``, ``current_span``, ``set_attribute`` and ``record_exception``
here, which do nothing where the agent is not running.
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.api import current_span, record_exception, set_attribute, span

__all__ = ["__version__", "current_span", "record_exception", "set_attribute", "span"]


def __getattr__(name: str) -> Any:
    """Load the public functions at their first use: importing the package must cost nothing at start."""
    if name in ("current_span", "record_exception", "set_attribute", "span"):
        from autotrace import api

        found = globals()[name] = getattr(api, name)  # the next look is an ordinary one
        return found
    raise AttributeError(f"module 'autotrace' has no attribute {name!r}")
