"""Tornado's websockets, as a server has them: their messages, how they end, and what a handler raised."""

from __future__ import annotations

import sys

from tornado.iostream import StreamClosedError

from autotrace.families.http import http_serving
from autotrace.patching import Args, Instrumentor, Kwargs, Patch, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TEXT, _BINARY, _CLOSE = 0x1, 0x2, 0x8


def _connection(args: Args, _kwargs: Kwargs) -> Any:
    protocol = args[0]
    return None if protocol.mask_outgoing else protocol.handler.request.connection  # only clients mask


def _code(args: Args, kwargs: Kwargs) -> int | None:
    # The signature is _handle_message(self, opcode, data).
    opcode = argument(args, kwargs, 1, "opcode")
    if opcode == _CLOSE:
        return int.from_bytes(argument(args, kwargs, 2, "data")[:2], "big") or http_serving.NO_STATUS
    return 0 if opcode in (_TEXT, _BINARY) else None


def _error(_args: Args, _kwargs: Kwargs) -> tuple[BaseException | None, bool]:
    error = sys.exc_info()[1]
    return (None if isinstance(error, StreamClosedError) else error), True


INSTRUMENTOR = Instrumentor(
    "tornado_websocket",
    Patch("tornado.websocket:WebSocketProtocol13.write_message", http_serving.message_sent(_connection)),
    Patch("tornado.websocket:WebSocketProtocol13._handle_message", http_serving.message_received(_connection, _code)),
    Patch("tornado.websocket:WebSocketProtocol._abort", http_serving.given_up(_connection, _error)),
)
