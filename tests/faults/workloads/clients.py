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


@contextmanager
def httplib2_():
    """Answers, a redirect, a server that hangs up, nobody there."""
    import httplib2

    with origin() as base:

        def get(path):
            http = httplib2.Http(proxy_info=None)
            try:
                return http.request(base + path if path != NOBODY else path)[1]
            finally:
                for connection in http.connections.values():
                    connection.close()

        yield lambda: [outcome(get, path) for path in ("/200", "/404", "/302", "/gone", NOBODY)]


@contextmanager
def curl_():
    """Handles that are used again, by themselves and in a loop; the sessions of another library over the same."""
    import pycurl
    from curl_cffi import requests

    def performed(handle):
        try:
            return handle.perform()
        except pycurl.error as error:
            return error.args[0]  # the text says how long it took

    def driven(handle):
        multi = pycurl.CurlMulti()
        multi.add_handle(handle)
        while True:
            while multi.perform()[0] == pycurl.E_CALL_MULTI_PERFORM:
                pass
            _, well, ill = multi.info_read()
            if well or ill:
                break
            multi.select(0.01)
        multi.remove_handle(handle)
        multi.close()
        return [code for _, code, _ in ill]

    with origin() as base:

        def handles():
            handle, got = pycurl.Curl(), []
            handle.setopt(pycurl.NOPROXY, "*")
            handle.setopt(pycurl.HTTPHEADER, ["X-Mine: 1"])
            handle.setopt(pycurl.WRITEFUNCTION, lambda chunk: got.append(bytes(chunk)))
            made = []
            for url in (base + "/200", base + "/404", NOBODY):
                handle.setopt(pycurl.URL, url)
                made += [performed(handle), driven(handle), handle.getinfo(pycurl.RESPONSE_CODE)]
            copy = handle.duphandle()
            handle.reset()
            handle.close()
            copy.close()
            return made, got

        def session():
            with requests.Session(trust_env=False, timeout=10) as session:
                return [outcome(lambda path=path: session.get(base + path).text) for path in ("/200", "/404", "/302")]

        async def waiting():
            async with requests.AsyncSession(trust_env=False, timeout=10) as session:
                made = [(await session.get(base + path)).status_code for path in ("/200", "/404")]
                try:
                    await session.get(NOBODY)
                except requests.errors.RequestsError as error:
                    made.append(type(error).__name__)
                return made

        yield lambda: [handles(), session(), asyncio.run(waiting())]
