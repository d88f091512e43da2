"""A request as an ASGI server hands it to an application."""

from __future__ import annotations

import asyncio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

_SCOPE = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.3"},
    "http_version": "1.1",
    "server": ("127.0.0.1", 8000),
    "client": ("127.0.0.1", 50000),
    "scheme": "http",
    "method": "GET",
    "root_path": "",
    "query_string": b"size=large",
    "headers": [(b"host", b"127.0.0.1:8000"), (b"user-agent", b"benchmark"), (b"accept", b"*/*")],
}
_BODY = {"type": "http.request", "body": b"", "more_body": False}


async def _send(message: dict[str, Any]) -> None:
    assert message.get("status", 200) == 200


async def ask(application: Callable[..., Awaitable[object]], number: int) -> None:
    """Ask for one item of the menu."""
    path = f"/menu/{number}"
    scope = {**_SCOPE, "path": path, "raw_path": path.encode(), "headers": list(_SCOPE["headers"])}
    left = [_BODY]

    async def receive() -> dict[str, Any]:
        if not left:  # the client stays where it is
            await asyncio.get_running_loop().create_future()
        return left.pop()

    await application(scope, receive, _send)


async def start(application: Callable[..., Awaitable[object]]) -> None:
    """Tell an application that its server has started; whether it begins something then is its affair."""
    told = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> dict[str, Any]:
        return next(told)

    async def send(_message: dict[str, Any]) -> None:
        pass

    await application({"type": "lifespan", "asgi": _SCOPE["asgi"], "state": {}}, receive, send)
