"""The loop of the other span_ files, with nothing in it."""

from chunks import serve


def run(count: int) -> None:
    for number in range(count):
        str(number)


serve(run)
