"""A query on a cursor of psycopg2, of a server on this machine; no span is its parent."""

import os
from itertools import islice

import psycopg2
from chunks import numbers, serve

host, _, port = os.environ["BENCH_POSTGRESQL"].rpartition(":")
connection = psycopg2.connect(host=host, port=port, user="autotrace", dbname="postgres")
connection.autocommit = True
cursor = connection.cursor()
cursor.execute("CREATE TEMPORARY TABLE pizza (id INTEGER PRIMARY KEY, name TEXT)")
NUMBERS = numbers()


def run(count: int) -> None:
    for number in islice(NUMBERS, count):
        cursor.execute(f"SELECT name FROM pizza WHERE id = {number}")


serve(run)
