"""A GET by pymemcache, over one connection."""

import os
from itertools import islice

from chunks import numbers, serve
from pymemcache.client.base import Client

client = Client(("127.0.0.1", int(os.environ["BENCH_MEMCACHED"])))
NUMBERS = numbers()


def run(count: int) -> None:
    for number in islice(NUMBERS, count):
        assert client.get(f"pizza:{number}") == b"margherita"


serve(run)
