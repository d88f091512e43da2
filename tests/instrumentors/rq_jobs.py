"""Functions that RQ's workers run, found by their names."""

from __future__ import annotations

import sqlite3


class BakeError(Exception):
    """What goes wrong in a job."""


def bake(number):
    """Ask a database and return a number."""
    database = sqlite3.connect(":memory:")
    database.execute("SELECT 1")
    database.close()
    return number + 1


def burn():
    """Fail."""
    raise BakeError("burnt")


def handle():
    """Do what the test has put here."""
    handler()


handler = None
