"""What gunicorn serves: a Flask view that asks sqlite and another server."""

import os
import sqlite3

import requests
from flask import Flask

app = Flask("pizzeria")
session = requests.Session()
connection = sqlite3.connect(":memory:", check_same_thread=False)
connection.execute("CREATE TABLE pizza (id INTEGER PRIMARY KEY, name TEXT)")
connection.execute("INSERT INTO pizza VALUES (1, 'margherita')")
connection.commit()


@app.route("/menu/<name>")
def menu(name: str) -> str:
    cursor = connection.cursor()
    kind, _, number = name.partition("-")
    cursor.execute(f"SELECT name FROM pizza WHERE name = ? AND {number} > 0", (kind,))
    (found,) = cursor.fetchone()
    return found + session.get(f"{os.environ['BENCH_ORIGIN']}/price/{number}", timeout=10).text
