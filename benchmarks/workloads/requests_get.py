"""A GET by a session of requests, over one connection."""

import os

import requests
from chunks import serve

URL = os.environ["BENCH_ORIGIN"] + "/menu/margherita"
session = requests.Session()


def run(count: int) -> None:
    for _ in range(count):
        assert session.get(URL, timeout=10).status_code == 200


serve(run)
