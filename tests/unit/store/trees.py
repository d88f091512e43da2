"""Builds traces without a store: the tests of trees and paths start from spans as the store hands them out."""

from __future__ import annotations

from autotrace.store.model import Span, assemble


def span(span_id, start, end, parent=None, *, name=None, kind="INTERNAL", service="shop", failed=False, **more):
    """One span; times in ns."""
    values = {
        "scope": "",
        "status_message": "",
        "attributes": {},
        "events": [],
        "links": [],
        "resource": {},
        **more,
    }
    status = "ERROR" if failed else "UNSET"
    return Span(span_id, parent, name or span_id, kind, service, start_ns=start, end_ns=end, status=status, **values)


def trace(*spans):
    """A trace of spans."""
    return assemble("ab" * 16, list(spans))


def ids(spans):
    """Their ids in a line."""
    return " ".join(one.span_id for one in spans)
