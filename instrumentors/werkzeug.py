"""Werkzeug: the application of its development server is traced, debugger and all."""

from __future__ import annotations

from autotrace.families.http import applications, wsgi
from autotrace.patching import Instrumentor, Patch

INSTRUMENTOR = Instrumentor(
    "werkzeug",
    ">=2.0",
    (
        Patch(
            "werkzeug.serving:BaseWSGIServer.__init__",
            applications.kept("app", wsgi.application(outermost=True)),
        ),
    ),
)
