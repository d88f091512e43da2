"""A span with five attributes, made by hand with ddtrace."""

from chunks import serve
from ddtrace.trace import tracer


def run(count: int) -> None:
    for number in range(count):
        with tracer.trace("bake") as span:
            span.set_tags({"pizza": "margherita", "wood": "true", "number": str(number)})
            span.set_metric("oven", 2)
            span.set_metric("minutes", 1.5)


serve(run)
