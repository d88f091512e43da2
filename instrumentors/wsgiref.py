"""wsgiref: the application is traced where a handler is given it, for every server that is built on these handlers."""

from __future__ import annotations

from autotrace.families.http import applications, wsgi
from autotrace.patching import Instrumentor, Patch

INSTRUMENTOR = Instrumentor(
    "wsgiref",
    Patch(
        "wsgiref.handlers:BaseHandler.run",
        applications.argument(1, "application", wsgi.application(outermost=True)),
    ),
)
