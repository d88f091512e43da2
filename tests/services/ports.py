"""Free loopback ports for services that must be told their port before they start.

A port is free when it is handed out, not reserved: whoever starts a service on it has to cope with losing the race.
The race is with few: the ports lie below those that the kernel hands out to whoever does not choose (ip(7),
``ip_local_port_range``: from 32768), so that no other test's server or connection is given one in the meantime.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress
from random import SystemRandom  # not what a test seeds: tests that run side by side would all get the same ports

LOOPBACK = "127.0.0.1"
_PORTS = range(10_000, 22_000)  # Redis takes the one that is 10,000 higher, too, for its cluster


def free_ports(count: int) -> list[int]:
    """Return ``count`` different TCP ports that nobody listens on at 127.0.0.1 right now.

    Raises OSError where there are not so many.
    """
    chosen: list[int] = []
    with ExitStack() as held:  # all are held until the last is known, so that none comes twice
        for port in SystemRandom().sample(_PORTS, len(_PORTS)):
            with suppress(OSError):
                held.enter_context(socket.socket()).bind((LOOPBACK, port))
                chosen.append(port)
            if len(chosen) == count:
                return chosen
    raise OSError(f"fewer than {count} ports of {_PORTS} are free")


def free_port() -> int:
    """Return one TCP port that nobody listens on at 127.0.0.1 right now."""
    return free_ports(1)[0]
