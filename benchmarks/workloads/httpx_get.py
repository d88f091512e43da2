"""A GET by a client of httpx, over one connection."""

import os

import httpx
from chunks import serve

URL = os.environ["BENCH_ORIGIN"] + "/menu/margherita"
client = httpx.Client(timeout=10)


def run(count: int) -> None:
    for _ in range(count):
        assert client.get(URL).status_code == 200


serve(run)
