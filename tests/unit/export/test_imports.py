"""What the room brings into a program."""

from __future__ import annotations

import subprocess
import sys

import pytest

_MODULES = ("otlp", "http", "inbox.writer", "console", "resource")
_HEAVY = {"typing", "http.client", "ssl", "socket", "zlib", "gzip", "json", "urllib.parse", "email", "linecache",
          "threading", "uuid", "random", "tempfile", "traceback", "logging", "re", "pathlib", "subprocess"}  # fmt: skip


def imported(code):
    """Return the modules of an interpreter without site-packages that has run some code."""
    code = f"import sys; sys.path[:0] = {sys.path!r}; before = set(sys.modules)\n{code}\nprint(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-S", "-E", "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("name", _MODULES)
def test_importing_is_light(name):
    """Nothing heavy is imported before it is needed."""
    assert not imported(f"import autotrace.export.{name}") & _HEAVY


def test_working_never_imports_threading_first():
    """Imported for the first time on the worker's thread, ``threading`` would take that for the main one."""
    code = """
import time
class S: pass
s = S()
s.__dict__.update(endpoint="https://127.0.0.1:1/", headers={}, compression="gzip", timeout_ms=100, certificate="",
    client_key="", client_certificate="", insecure=False, service_name="", resource_attributes={}, data_dir="/dev/null/x",
    inbox_max_bytes=1000)
from autotrace.export import answer, console, http, otlp, resource, stack
from autotrace.signals import TRACES
from autotrace.trace.failure import Failure
http.HttpExporter(s).export(TRACES, b"x", time.monotonic() + 0.2)
answer.rest("Mon, 01 Jan 2024 00:00:00 GMT")
stack.stack_text(Failure("x", "y", ((__file__, 1, "z"),))) if "__file__" in globals() else stack.stack_text(Failure("x", "y", (("a", 1, "z"),)))
console.Console().export(TRACES, b"", 0.0)
resource.resource_attributes(s)
"""
    names = imported(code)
    assert "http.client" in names
    assert "threading" not in names
