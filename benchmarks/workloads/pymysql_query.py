"""A query on a cursor of PyMySQL, of a server on this machine; no span is its parent."""

import os
from itertools import islice

import pymysql
from chunks import numbers, serve

host, _, port = os.environ["BENCH_MARIADB"].rpartition(":")
connection = pymysql.connect(host=host, port=int(port), user="autotrace", autocommit=True)
cursor = connection.cursor()
cursor.execute("CREATE DATABASE IF NOT EXISTS pizzeria")
cursor.execute("USE pizzeria")
cursor.execute("CREATE TEMPORARY TABLE pizza (id INTEGER PRIMARY KEY, name TEXT)")
NUMBERS = numbers()


def run(count: int) -> None:
    for number in islice(NUMBERS, count):
        cursor.execute(f"SELECT name FROM pizza WHERE id = {number}")


serve(run)
