"""The one error of this package, in its own file so that every module may raise it."""

from __future__ import annotations


class ServiceUnavailable(RuntimeError):
    """A service that a test needs cannot be had on this machine; the text is one line that says why."""
