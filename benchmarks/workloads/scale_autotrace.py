"""The work of ``scale.py`` with spans."""

from scale import main

from autotrace import span


def roots(count: int, length: int) -> None:
    for _ in range(count):
        with span("order"):
            for number in range(length - 1):
                with span("bake", number=str(number & 15)):
                    pass


main(roots)
