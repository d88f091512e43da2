"""A server of cheroot; its requests come from outside, over one connection."""

from __future__ import annotations

import signal
import sys

from cheroot import wsgi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def menu(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    name = environ["PATH_INFO"].rpartition("/")[2].encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(name)))])
    return [name]


server = wsgi.Server(("127.0.0.1", 0), menu, numthreads=1, timeout=60)
server.prepare()
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
print(f"ready {server.bind_addr[1]}", flush=True)
try:
    server.serve()
finally:
    server.stop()
