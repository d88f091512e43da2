"""waitress: the application is traced outside of what handles the headers of trusted proxies."""

from __future__ import annotations

from autotrace.families.http import applications, wsgi
from autotrace.patching import Instrumentor, Patch

INSTRUMENTOR = Instrumentor(
    "waitress",
    Patch(
        "waitress.server:BaseWSGIServer.__init__",
        applications.kept("application", wsgi.application(outermost=True)),
    ),
)
