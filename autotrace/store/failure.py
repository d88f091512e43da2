"""What went wrong in a span, in one line, and whether that line is worth printing.

An exception that travels up through five spans is one failure: it is told where it began, and above that only the
sign remains, unless a span failed in a way of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autotrace.store.model import Span


def failure_of(span: Span) -> tuple[str, str] | None:
    """Return type and message of a failed span's exception, or what stands for them; either may be empty."""
    if not span.failed:
        return None
    for event in reversed(span.events):
        if event["name"] == "exception":
            attributes = event["attributes"]
            return str(attributes.get("exception.type", "")), str(attributes.get("exception.message", ""))
    kind = str(span.attributes.get("error.type", ""))
    # HTTP: error.type is the status code where no exception was raised (semantic conventions, HTTP spans).
    return f"HTTP {kind}" if kind.isdigit() else kind, span.status_message


def told_failure(span: Span) -> str | None:
    """Return the line to print beneath a span, or None where a span beneath tells it already."""
    failure = failure_of(span)
    if failure is None:
        return None
    beneath = [failure_of(child) for child in span.children if child.failed]
    if beneath:
        raised = any(event["name"] == "exception" for event in span.events)
        if not raised or failure in beneath:
            return None
    return ": ".join(part for part in failure if part) or "failed, without saying why"
