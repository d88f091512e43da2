"""A span with five attributes, made by hand with autotrace."""

from itertools import islice

from chunks import numbers, serve

from autotrace import span

NUMBERS = numbers()


def run(count: int) -> None:
    for number in islice(NUMBERS, count):
        with span("bake", pizza="margherita", oven=2, minutes=1.5, wood=True, number=str(number)):
            pass


serve(run)
