"""Runs gunicorn with instrumentors applied, and writes every span of its workers as a line of JSON.

Arguments: the file for the spans, the instrumentors' names joined by commas, and gunicorn's own.
"""

from __future__ import annotations

import json
import os
import sys

from gunicorn.app.wsgiapp import run

from autotrace.conventions import http
from autotrace.testing import recorder as recording
from autotrace.trace import forks, ids
from autotrace.trace.tracer import tracer


def main(file, names, *arguments):
    """Apply the instrumentors and become gunicorn."""
    spans = os.open(file, os.O_WRONLY | os.O_APPEND)
    tracer.active = True
    tracer.submit = lambda span: os.write(spans, json.dumps(recording.as_dict(span)).encode() + b"\n")
    forks.in_child(ids.reseed)
    http.configure(excluded_urls=["/excluded"])
    recording.instrument(*names.split(","))
    sys.argv = ["gunicorn", *arguments]
    sys.exit(run())


if __name__ == "__main__":
    main(*sys.argv[1:])
