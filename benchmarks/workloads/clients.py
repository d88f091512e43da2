"""A GET by one of many clients of HTTP, over one connection: ``python clients.py CLIENT``."""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import islice

from chunks import numbers, serve, serve_async

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_URL = os.environ["BENCH_ORIGIN"] + "/menu/"
_NUMBERS = numbers()


def curl_cffi() -> Callable[[str], int]:
    from curl_cffi.requests import Session

    session = Session()
    return lambda url: int(session.get(url, timeout=10).status_code)


def httplib2() -> Callable[[str], int]:
    import httplib2

    client = httplib2.Http(timeout=10)
    return lambda url: int(client.request(url)[0].status)


def httpx2() -> Callable[[str], int]:
    import httpx2

    client = httpx2.Client(timeout=10)
    return lambda url: int(client.get(url).status_code)


def pycurl() -> Callable[[str], int]:
    import pycurl

    handle = pycurl.Curl()
    handle.setopt(pycurl.WRITEFUNCTION, len)

    def get(url: str) -> int:
        handle.setopt(pycurl.URL, url)
        handle.perform()
        return int(handle.getinfo(pycurl.RESPONSE_CODE))

    return get


def urllib3() -> Callable[[str], int]:
    import urllib3

    pool = urllib3.PoolManager(timeout=10)
    return lambda url: int(pool.request("GET", url).status)


async def _tornado() -> None:
    from tornado.httpclient import AsyncHTTPClient

    client = AsyncHTTPClient()

    async def run(count: int) -> None:
        for number in islice(_NUMBERS, count):
            assert (await client.fetch(f"{_URL}{number}")).code == 200

    await serve_async(run)


def _serve(get: Callable[[str], Any]) -> None:
    def run(count: int) -> None:
        for number in islice(_NUMBERS, count):
            assert get(f"{_URL}{number}") == 200

    serve(run)


_CLIENTS = {"curl_cffi": curl_cffi, "httplib2": httplib2, "httpx2": httpx2, "pycurl": pycurl, "urllib3": urllib3}
if sys.argv[1] == "tornado-client":
    asyncio.run(_tornado())
else:
    _serve(_CLIENTS[sys.argv[1]]())
