"""A request to a Flask application, called as a WSGI server calls it."""

from itertools import islice

from chunks import numbers, serve
from flask import Flask
from wsgi import ask

app = Flask("pizzeria")


@app.route("/menu/<name>")
def menu(name: str) -> str:
    return name


NUMBERS = numbers()


def run(count: int) -> None:
    for number in islice(NUMBERS, count):
        ask(app, number)


serve(run)
