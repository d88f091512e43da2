"""The loop of the other span_ files, with nothing in it."""

from itertools import islice

from chunks import numbers, serve

NUMBERS = numbers()


def run(count: int) -> None:
    for number in islice(NUMBERS, count):
        str(number)


serve(run)
