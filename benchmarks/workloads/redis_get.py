"""A GET by redis-py, over one connection."""

import os

import redis
from chunks import serve

client = redis.Redis(port=int(os.environ["BENCH_REDIS"]), protocol=2)


def run(count: int) -> None:
    for _ in range(count):
        assert client.get("pizza") == b"margherita"


serve(run)
