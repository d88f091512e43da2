"""A query on a cursor of sqlite3, in memory; no span is its parent."""

import sqlite3
from itertools import islice

from chunks import numbers, serve

connection = sqlite3.connect(":memory:")
connection.execute("CREATE TABLE pizza (id INTEGER PRIMARY KEY, name TEXT)")
connection.execute("INSERT INTO pizza VALUES (1000000, 'margherita')")
connection.commit()
cursor = connection.cursor()
NUMBERS = numbers()


def run(count: int) -> None:
    execute = cursor.execute
    for number in islice(NUMBERS, count):
        execute(f"SELECT name FROM pizza WHERE id = {number}")


serve(run)
