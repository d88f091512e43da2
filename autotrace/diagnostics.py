"""What the agent says about itself.

Silent by default: not one byte goes to the program's standard output or standard error.  The last messages are kept for
``autotrace doctor``; with the setting ``verbose`` they also go to standard error, because the user asked.
"""

from __future__ import annotations

import sys

_KEPT = 100

verbose = False
messages: list[str] = []


def warn(text: str) -> None:
    """Say something that the user should mend."""
    _say(f"autotrace: warning: {text}")


def debug(text: str) -> None:
    """Say something that only helps to find out why a span is missing."""
    _say(f"autotrace: {text}")


def _say(line: str) -> None:
    if len(messages) < _KEPT:
        messages.append(line)
    if verbose:
        try:
            sys.__stderr__.write(line + "\n")  # type: ignore[union-attr]
        except Exception:  # closed, or there is none
            return
