"""A GET by redis-py, over one connection."""

import os
from itertools import islice

import redis
from chunks import numbers, serve

client = redis.Redis(port=int(os.environ["BENCH_REDIS"]), protocol=2)

NUMBERS = numbers()


def run(count: int) -> None:
    for number in islice(NUMBERS, count):
        assert client.get(f"pizza:{number}") == b"margherita"


serve(run)
