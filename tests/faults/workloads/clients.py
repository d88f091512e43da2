"""Clients of HTTP."""

from __future__ import annotations

import asyncio
import http.client
import ssl
import urllib.request
from contextlib import closing, contextmanager

from .common import NOBODY, origin, outcome


@contextmanager
def requests_():
    """Answers of all kinds, a body, a redirect, a server that hangs up, nobody there."""
    import requests

    with origin() as base:

        def run():
            with requests.Session() as session:
                made = [outcome(lambda path=path: session.get(base + path).text) for path in ("/200", "/404", "/302")]
                made.append(outcome(lambda: session.post(base + "/500", data=b"x" * 10).status_code))
                made.append(outcome(lambda: type(session.get(NOBODY))))
                made.append(outcome(lambda: session.get(base + "/gone")))
            return made

        yield run


@contextmanager
def plain_clients():
    """urllib3, urllib and http.client."""
    import urllib3

    with origin() as base:
        address = base.partition("://")[2]

        def steps():
            with closing(http.client.HTTPConnection(address)) as connection:
                connection.request("POST", "/200", b"body", {"x-own": "1"})
                return connection.getresponse().read()

        def gone():
            with closing(http.client.HTTPConnection(address)) as connection:
                connection.request("GET", "/gone")
                return connection.getresponse().read()

        def never_read():
            connection = http.client.HTTPConnection(address)
            connection.request("GET", "/200")
            connection.close()

        def opened(path):
            with urllib.request.urlopen(base + path) as answer:
                return answer.read()

        def run():
            with urllib3.PoolManager(retries=False) as pool:
                made = [outcome(lambda path=path: pool.request("GET", base + path).data) for path in ("/200", "/503")]
                made.append(outcome(lambda: pool.request("GET", NOBODY)))
            return [*made, outcome(steps), outcome(gone), never_read(), opened("/302"), outcome(opened, "/404")]

        yield run


@contextmanager
def httpx_():
    """Sync and async."""
    import httpx

    tls = ssl.create_default_context()  # to load it takes longer than all requests

    with origin() as base:

        async def waiting():
            async with httpx.AsyncClient(verify=tls) as client:
                return [(await client.get(base + path)).status_code for path in ("/200", "/404")]

        async def refused():
            async with httpx.AsyncClient(verify=tls) as client:
                await client.get(NOBODY)

        def run():
            with httpx.Client(verify=tls, follow_redirects=True) as client:
                made = [outcome(lambda path=path: client.get(base + path).text) for path in ("/200", "/404", "/302")]
                made.append(outcome(lambda: client.get(NOBODY)))
            return [*made, asyncio.run(waiting()), outcome(asyncio.run, refused())]

        yield run
