"""Werkzeug: the application of its development server is traced, debugger and all."""

from __future__ import annotations

from autotrace.patching import Instrumentor, Patch
from autotrace.protocols import applications, wsgi

INSTRUMENTOR = Instrumentor(
    "werkzeug",
    ">=2.2",
    (
        Patch(
            "werkzeug.serving:BaseWSGIServer.__init__",
            applications.kept("app", wsgi.application(outermost=True)),
        ),
    ),
)
