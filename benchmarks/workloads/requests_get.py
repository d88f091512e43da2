"""A GET by a session of requests, over one connection."""

import os
from itertools import islice

import requests
from chunks import numbers, serve

URL = os.environ["BENCH_ORIGIN"] + "/menu/"
NUMBERS = numbers()
session = requests.Session()


def run(count: int) -> None:
    for number in islice(NUMBERS, count):
        assert session.get(f"{URL}{number}", timeout=10).status_code == 200


serve(run)
