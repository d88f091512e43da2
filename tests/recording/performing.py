"""Does the operations and tells each span that they send."""

from __future__ import annotations

import gc
import hashlib
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from autotrace.config import settings
from autotrace.conventions import http
from autotrace.export import stack
from autotrace.export.otlp import Encoder
from autotrace.families.messaging import stream
from autotrace.testing import recorder as recording
from recording import operations

RECORDED = Path(__file__).with_name("recorded.jsonl")


def performed(name):
    """Do the operations of a group; returns for each span what it says, and a digest of its bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stack, "stack_text", lambda _failure: "the stack")
        patch.setattr(stream, "time_ns", lambda: 1_700_000_000_000_000_000)
        recorder = recording.install(patch)
        undo = recording.instrument(*operations.GROUPS[name])
        try:
            getattr(operations, name)()
            gc.collect()  # what a consumer of the group's own was handling ends with it
        finally:
            undo()
        encoder = Encoder({"service.name": "recorded"}, settings.load({}, "/"), lambda moment: moment, scrub=http.scrub)
        return [_told(name, encoder.encode([span])) for span in recorder.spans]


def _told(name, payloads):
    (payload,) = payloads
    (group,) = ExportTraceServiceRequest.FromString(payload).resource_spans[0].scope_spans
    told = MessageToDict(group.spans[0])
    return {"group": name, "scope": group.scope.name, "bytes": hashlib.sha256(payload).hexdigest()[:16], "span": told}
