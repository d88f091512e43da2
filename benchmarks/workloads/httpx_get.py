"""A GET by a client of httpx, over one connection."""

import os
from itertools import islice

import httpx
from chunks import numbers, serve

URL = os.environ["BENCH_ORIGIN"] + "/menu/"
NUMBERS = numbers()
client = httpx.Client(timeout=10)


def run(count: int) -> None:
    for number in islice(NUMBERS, count):
        assert client.get(f"{URL}{number}").status_code == 200


serve(run)
