"""Commands run bare and under autotrace-run, and the spans that they left on disk."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import sysconfig
import zlib
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from autotrace.store.asjson import trace_as_dict
from autotrace.store.queries import Filter, list_traces, load_trace
from autotrace.store.reader import open_store

SCRIPTS = Path(sysconfig.get_path("scripts"))
RUN = str(SCRIPTS / "autotrace-run")
AUTOTRACE = str(SCRIPTS / "autotrace")
_SYSTEM = "db.system.name"


def _is_slow(name, system):
    """Tell the span of connecting to SQLite, which there is where that took long: the machine's affair."""
    return (name, system) == ("connect", "sqlite")


def _system(span):
    return next((each.value.string_value for each in span.attributes if each.key == _SYSTEM), None)


class Machine:
    """A directory to run commands in, with a data directory of its own."""

    def __init__(self, directory):
        self.directory = directory / "work"
        self.directory.mkdir()
        self.data = directory / "data"
        self.environ = {key: value for key, value in os.environ.items() if not key.startswith(("AUTOTRACE_", "OTEL_"))}
        self.environ.pop("PYTHONPATH", None)
        self.environ["AUTOTRACE_DATA_DIR"] = str(self.data)
        self.environ["TMPDIR"] = str(directory)  # where spans go if the data directory cannot be written

    def write(self, name, content):
        """Write a file; returns its path."""
        file = self.directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        return str(file)

    def run(self, *command, **more):
        """Run a command to its end; returns its CompletedProcess with bytes."""
        environ = {**self.environ, **more.pop("environ", {})}
        more.setdefault("timeout", 60)
        return subprocess.run(command, cwd=self.directory, env=environ, capture_output=True, check=False, **more)

    def traced(self, *command, options=(), **more):
        """Run a command under autotrace-run."""
        return self.run(RUN, *options, *command, **more)

    def python(self, *arguments, **more):
        """Run this Python under autotrace-run."""
        return self.traced(sys.executable, *arguments, **more)

    def traces(self):
        """Return every trace that was left, as ``show --json`` tells it, newest first; read as the commands do, but here."""
        with patch.dict(os.environ, self.environ, clear=True):  # where spans lie is read from there
            database = open_store().database
        with closing(database):
            found = list_traces(database, Filter(limit=1_000_000))
            told = [trace_as_dict(load_trace(database, one.trace_id)) for one in found]
        return json.loads(json.dumps(told))

    def delivered(self):
        """Return how many spans lie in the inbox."""
        return len(self.spans())

    def spans(self):
        """Return every span in the inbox, read as its format says and decoded by the official classes."""
        spans = []
        for file in (self.data / "inbox").glob("*"):
            content = file.read_bytes()
            at = len(b"autotrc2")
            while at < len(content):  # a record is written at once
                length, checksum, signal, version = struct.unpack_from("<IIBB", content, at)
                payload = content[at + 10 : at + 10 + length]
                assert zlib.crc32(content[at + 8 : at + 10 + length]) == checksum
                assert (signal, version) == (1, 1)
                request = ExportTraceServiceRequest.FromString(payload)
                spans += [
                    span
                    for resource in request.resource_spans
                    for scope in resource.scope_spans
                    for span in scope.spans
                ]
                at += 10 + length
        return spans

    def parents(self):
        """Return ``(name, its parent's name)`` of every span in the inbox, sorted; where that did not arrive, its id."""
        spans = [span for span in self.spans() if not _is_slow(span.name, _system(span))]
        names = {(span.trace_id, span.span_id): span.name for span in spans}
        return sorted(
            (span.name, names.get((span.trace_id, span.parent_span_id), span.parent_span_id.hex())) for span in spans
        )

    def names(self):
        """Return the names of all spans, sorted."""
        spans = [span for trace in self.traces() for span in trace["spans"]]
        return sorted(span["name"] for span in spans if not _is_slow(span["name"], span["attributes"].get(_SYSTEM)))
