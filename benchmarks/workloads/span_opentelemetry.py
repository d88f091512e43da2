"""A span with five attributes, made by hand with OpenTelemetry."""

from itertools import islice

from chunks import numbers, serve
from opentelemetry import trace

tracer = trace.get_tracer("bakery")

NUMBERS = numbers()


def run(count: int) -> None:
    for number in islice(NUMBERS, count):
        attributes = {"pizza": "margherita", "oven": 2, "minutes": 1.5, "wood": True, "number": str(number)}
        with tracer.start_as_current_span("bake", attributes=attributes):
            pass


serve(run)
