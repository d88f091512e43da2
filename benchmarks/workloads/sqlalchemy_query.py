"""A query of SQLAlchemy Core on sqlite, in memory, and its one row."""

from itertools import islice

from chunks import numbers, serve
from sqlalchemy import create_engine, text

engine = create_engine("sqlite://")
connection = engine.connect()
connection.execute(text("CREATE TABLE pizza (id INTEGER PRIMARY KEY, name TEXT)"))
connection.execute(text("INSERT INTO pizza VALUES (1000000, 'margherita')"))
connection.commit()
NUMBERS = numbers()


def run(count: int) -> None:
    for number in islice(NUMBERS, count):
        connection.execute(text(f"SELECT name FROM pizza WHERE id = {number}")).scalar()


serve(run)
