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
    cursor.execute("SELECT name FROM pizza WHERE name = ?", (name,))
    (found,) = cursor.fetchone()
    return found + session.get(os.environ["BENCH_ORIGIN"] + "/price", timeout=10).text
