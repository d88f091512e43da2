"""daphne: the application is traced where the server is given it, also by the ``runserver`` that it brings to Django."""

from __future__ import annotations

from autotrace.families.http import applications, asgi
from autotrace.patching import Instrumentor, Patch

INSTRUMENTOR = Instrumentor(
    "daphne", Patch("daphne.server:Server.__init__", applications.kept("application", asgi.named))
)
