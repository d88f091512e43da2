"""A span with five attributes, made by hand with OpenTelemetry."""

from chunks import serve
from opentelemetry import trace

tracer = trace.get_tracer("bakery")


def run(count: int) -> None:
    for number in range(count):
        attributes = {"pizza": "margherita", "oven": 2, "minutes": 1.5, "wood": True, "number": str(number)}
        with tracer.start_as_current_span("bake", attributes=attributes):
            pass


serve(run)
