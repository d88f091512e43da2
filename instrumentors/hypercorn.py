"""hypercorn: the calls of its two kinds of applications are traced; what runs in a thread has the span there."""

from __future__ import annotations

from autotrace.families.http import asgi
from autotrace.patching import Instrumentor, Patch

INSTRUMENTOR = Instrumentor(
    "hypercorn",
    Patch("hypercorn.app_wrappers:ASGIWrapper.__call__", asgi.application(outermost=True)),
    Patch("hypercorn.app_wrappers:WSGIWrapper.__call__", asgi.application(outermost=True, threads=True)),
)
