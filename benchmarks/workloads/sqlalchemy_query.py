"""A query of SQLAlchemy Core on sqlite, in memory, and its one row."""

from chunks import serve
from sqlalchemy import create_engine, text

engine = create_engine("sqlite://")
connection = engine.connect()
connection.execute(text("CREATE TABLE pizza (id INTEGER PRIMARY KEY, name TEXT)"))
connection.execute(text("INSERT INTO pizza VALUES (1, 'margherita')"))
connection.commit()
query = text("SELECT name FROM pizza WHERE id = :id")


def run(count: int) -> None:
    for _ in range(count):
        connection.execute(query, {"id": 1}).scalar()


serve(run)
