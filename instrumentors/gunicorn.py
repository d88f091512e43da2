"""gunicorn: the application is traced where every kind of worker takes it from, be it called as WSGI or as ASGI.

A worker that runs another server in itself has that server's span: that one is further out.
"""

from __future__ import annotations

from autotrace.families.http import applications
from autotrace.patching import Instrumentor, Patch

INSTRUMENTOR = Instrumentor(
    "gunicorn", Patch("gunicorn.app.base:BaseApplication.wsgi", applications.returned(applications.either))
)
