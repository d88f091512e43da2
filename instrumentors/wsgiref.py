"""wsgiref: the application is traced where a handler is given it, for every server that is built on these handlers."""

from __future__ import annotations

from autotrace.patching import Instrumentor, Patch
from autotrace.protocols import applications, wsgi

INSTRUMENTOR = Instrumentor(
    "wsgiref",
    "*",
    (
        Patch(
            "wsgiref.handlers:BaseHandler.run",
            applications.argument(1, "application", wsgi.application(outermost=True)),
        ),
    ),
    distribution="",
)
