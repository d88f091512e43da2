"""A span with five attributes, made by hand with ddtrace."""

from itertools import islice

from chunks import numbers, serve
from ddtrace.trace import tracer

NUMBERS = numbers()


def run(count: int) -> None:
    for number in islice(NUMBERS, count):
        with tracer.trace("bake") as span:
            span.set_tags({"pizza": "margherita", "wood": "true", "number": str(number)})
            span.set_metric("oven", 2)
            span.set_metric("minutes", 1.5)


serve(run)
