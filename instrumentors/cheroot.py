"""cheroot: the application is traced where the server is given it; CherryPy's server is one of these."""

from __future__ import annotations

from autotrace.families.http import applications, wsgi
from autotrace.patching import Instrumentor, Patch

INSTRUMENTOR = Instrumentor(
    "cheroot", Patch("cheroot.wsgi:Server.__init__", applications.kept("wsgi_app", wsgi.application(outermost=True)))
)
