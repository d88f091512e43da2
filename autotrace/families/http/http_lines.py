"""Connections that keep the headers of the request that is put together as pairs of bytes, names in lowercase, in a list.

Where the headers end the context of the current request is written there, whichever version of HTTP is spoken: into the
connection's own list, never into the program's headers.
"""

from __future__ import annotations

from autotrace.families.http import http_client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.patching import Args, Kwargs, Wrap


def ending(name: str, awaited: bool = False) -> Wrap:
    """Write the context of the instrumentor's current request, where a connection ends its headers.

    Args:
        name: of the connection's attribute that has them.
        awaited: it is a coroutine function.
    """

    def copy(args: Args, _kwargs: Kwargs) -> tuple[Any, Args]:
        return Lines(getattr(args[0], name)), args

    return http_client.async_carry(copy) if awaited else http_client.carry(copy)


class Lines:
    """Such a list, as ``http_client.put`` wants headers."""

    __slots__ = ("_lines",)

    def __init__(self, lines: list[tuple[bytes, bytes]]) -> None:
        self._lines = lines

    def __contains__(self, name: str) -> bool:
        return self.getall(name, None) is not None

    def __setitem__(self, name: str, value: str) -> None:
        # What was there of this name, the family has taken out.
        self._lines.append((name.encode(), value.encode()))

    def getall(self, name: str, default: None) -> list[str] | None:
        """Return the values of a name."""
        wanted = name.encode()
        return [value.decode("latin-1") for lower, value in self._lines if lower == wanted] or default

    def __delitem__(self, name: str) -> None:
        unwanted = name.encode()
        self._lines[:] = [line for line in self._lines if line[0] != unwanted]
