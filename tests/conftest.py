"""Fixtures that all tests share."""

from __future__ import annotations

import signal
import sys
from importlib.machinery import ModuleSpec

pytest_plugins = ["autotrace.testing.fixtures", "hermetic", "services.fixtures", "speeds"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # we are in a shell's background; what the tests start is not
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # or beneath nohup
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collectstart():
    """Give the finders of modules that old libraries bring what they lack, and pytest asks all for."""
    for finder in sys.meta_path:
        if not hasattr(finder, "find_spec"):
            type(finder).find_spec = _find_spec


def _find_spec(finder, name, path=None, target=None):
    loader = finder.find_module(name, path)
    return ModuleSpec(name, loader) if loader is not None else None
