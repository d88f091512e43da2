"""Fixtures that all tests share."""

from __future__ import annotations

import signal

pytest_plugins = ["autotrace.testing.fixtures", "hermetic", "services.fixtures", "speeds"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # we are in a shell's background; what the tests start is not
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # or beneath nohup
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
