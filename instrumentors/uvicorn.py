"""uvicorn: the loaded application is traced, outside of uvicorn's own middleware, for every interface and protocol.

For the WSGI interface uvicorn runs the application in a thread, to which the span is carried.
"""

from __future__ import annotations

from autotrace.families.http import applications, asgi
from autotrace.patching import Instrumentor, Patch

INSTRUMENTOR = Instrumentor(
    "uvicorn",
    ">=0.20",
    (
        Patch("uvicorn.config:Config.load", applications.kept("loaded_app", asgi.bare)),
        Patch("uvicorn.middleware.wsgi:WSGIResponder.__init__", applications.carried("wsgi"), optional=True),
    ),
)
