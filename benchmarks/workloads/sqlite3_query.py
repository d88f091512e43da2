"""A query on a cursor of sqlite3, in memory; no span is its parent."""

import sqlite3

from chunks import serve

connection = sqlite3.connect(":memory:")
connection.execute("CREATE TABLE pizza (id INTEGER PRIMARY KEY, name TEXT)")
connection.execute("INSERT INTO pizza VALUES (1, 'margherita')")
connection.commit()
cursor = connection.cursor()


def run(count: int) -> None:
    execute = cursor.execute
    for _ in range(count):
        execute("SELECT name FROM pizza WHERE id = ?", (1,))


serve(run)
