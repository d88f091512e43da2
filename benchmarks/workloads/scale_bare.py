"""The loops of ``scale_autotrace.py`` with nothing in them."""

from scale import main


def roots(count: int, length: int) -> None:
    for _ in range(count):
        for number in range(length - 1):
            str(number & 15)


main(roots)
