"""httpx, sync and async."""

from __future__ import annotations

import httpx

from contracts.httpx_clients import AsyncHttpxContract, HttpxContract


class Httpx:
    """The library."""

    httpx = httpx
    instrumentor = "httpx"
    refused = httpx.ConnectError
    timed_out = httpx.ReadTimeout


class TestSync(Httpx, HttpxContract):
    """The contract, for Client."""


class TestAsync(Httpx, AsyncHttpxContract):
    """The contract, for AsyncClient."""
