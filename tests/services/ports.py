"""Free loopback ports for services that must be told their port before they start.

A port is free when it is handed out, not reserved: whoever starts a service on it has to cope with losing the race.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Return ``count`` different TCP ports that nobody listens on at 127.0.0.1 right now."""
    with ExitStack() as held:  # all are held until the last is known, so that none comes twice
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [int(each.getsockname()[1]) for each in sockets]


def free_port() -> int:
    """Return one TCP port that nobody listens on at 127.0.0.1 right now."""
    return free_ports(1)[0]
