"""A span with five attributes, made by hand with autotrace."""

from chunks import serve

from autotrace import span


def run(count: int) -> None:
    for number in range(count):
        with span("bake", pizza="margherita", oven=2, minutes=1.5, wood=True, number=str(number)):
            pass


serve(run)
