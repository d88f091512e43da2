"""granian: the application is traced where a worker gets the function that it calls for each request, ASGI or WSGI.

Not handled: RSGI, granian's own interface; an application of that kind has no span of its request.
"""

from __future__ import annotations

from autotrace.families.http import applications, asgi, wsgi
from autotrace.patching import Instrumentor, Patch

INSTRUMENTOR = Instrumentor(
    "granian", Patch("granian.asgi:_callback_wrapper", applications.argument(0, "callback", asgi.bare))
)

WSGI = Instrumentor(
    "granian",
    Patch(
        "granian.wsgi:_callback_wrapper",
        applications.argument(0, "callback", wsgi.application(outermost=True)),
    ),
)
