"""The other ways of switching on, and of switching instrumentors on and off."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from machine import AUTOTRACE

EXAMPLE = Path(__file__).resolve().parents[2] / "sitecustomize_example"
QUERY = "import sqlite3, autotrace\nwith autotrace.span('work'):\n    sqlite3.connect(':memory:').execute('SELECT 1')\n"

ACME = """\
from autotrace.patching import Instrumentor, Patch
from autotrace.families.calls import Calls

def describe(facts, outcome, failure):
    return f"acme {facts[0]}", {}, 0, ""

ACME = Calls("acme", 3, describe)
CLIENT = Instrumentor(
    "acme",
    Patch("acme:fetch", ACME.call(lambda args, kwargs: ((args[0],), None, args), lambda result: ())),
    requires="acme" + VERSIONS,
)
"""


def test_the_example_switches_on_without_the_launcher(machine):
    """As its README says: its directory on PYTHONPATH."""
    done = machine.run(sys.executable, "-c", QUERY, environ={"PYTHONPATH": str(EXAMPLE)})
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert machine.names() == ["SELECT", "work"]


def test_the_example_does_nothing_where_autotrace_is_missing(machine):
    """The program runs as it is."""
    machine.run(sys.executable, "-m", "venv", "--without-pip", "bare")
    done = machine.run(
        str(machine.directory / "bare/bin/python"), "-c", "print(1)", environ={"PYTHONPATH": str(EXAMPLE)}
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"1\n", b"")


def test_the_readme_of_the_example_names_its_file():
    """What it tells to copy is there."""
    text = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    assert "sitecustomize.py" in text
    assert (EXAMPLE / "sitecustomize.py").exists()


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({}, ["SELECT", "work"]),
        ({"AUTOTRACE_INSTRUMENTORS_OFF": "sqlite3"}, ["work"]),
        ({"AUTOTRACE_INSTRUMENTORS_OFF": "db_client"}, ["work"]),
        ({"AUTOTRACE_INSTRUMENTORS_OFF": "all"}, ["work"]),
        ({"AUTOTRACE_INSTRUMENTORS_OFF": "all", "AUTOTRACE_INSTRUMENTORS": "sqlite3"}, ["SELECT", "work"]),
        ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "sqlite3"}, ["work"]),
        ({"AUTOTRACE_SAMPLE_RATIO": "0"}, []),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, []),
        ({"OTEL_TRACES_SAMPLER": "always_on", "AUTOTRACE_SAMPLE_RATIO": "0"}, ["SELECT", "work"]),
        ({"OTEL_TRACES_EXPORTER": "none"}, []),
    ],
)
def test_switching_on_and_off(machine, environ, names):
    """One by one, by family, all; and by sampling."""
    done = machine.python("-c", QUERY, environ=environ)
    assert (done.returncode, done.stderr) == (0, b"")
    assert machine.names() == names


def test_a_file_is_found_upward(machine):
    """autotrace.toml above the working directory names the service."""
    machine.write(
        "autotrace.toml", 'service_name = "shop"\n[resource_attributes]\n"deployment.environment.name" = "test"\n'
    )
    inner = machine.directory / "a" / "b"
    inner.mkdir(parents=True)
    from machine import RUN

    machine.run(
        "sh",
        "-c",
        f"cd {inner} && exec {RUN} {sys.executable} -c 'import autotrace\nwith autotrace.span(\"work\"): pass'",
    )
    (trace,) = machine.traces()
    assert trace["services"] == ["shop"]
    assert trace["spans"][0]["resource"]["deployment.environment.name"] == "test"


@pytest.mark.parametrize(("versions", "names"), [(">=1.0", ["acme 7", "work"]), (">=2.0", ["work"])])
def test_a_third_party_instrumentor_is_found_by_its_entry_point(machine, versions, names):
    """Without being imported before its library is, and only for the versions that it supports."""
    site = machine.directory / "site"
    for name in ("acme", "acme_autotrace"):
        info = site / f"{name}-1.5.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
    (site / "acme_autotrace-1.5.dist-info" / "entry_points.txt").write_text(
        "[autotrace.instrumentors]\nacme = acme_autotrace:CLIENT\n"
    )
    (site / "acme.py").write_text("def fetch(number):\n    return number\n")
    (site / "acme_autotrace.py").write_text(ACME.replace("VERSIONS", repr(versions)))
    code = "import sys, autotrace\nprint('acme_autotrace' in sys.modules)\nimport acme\nwith autotrace.span('work'):\n    acme.fetch(7)\n"
    done = machine.python("-c", code, environ={"PYTHONPATH": str(site)})
    assert (done.returncode, done.stdout, done.stderr) == (0, b"False\n", b"")
    assert machine.names() == names


@pytest.mark.parametrize("metadata", [None, b"Name: flask\n", b"Author: J\xf6rg\nVersion: 3.0\n", b"Version: 1.0\n"])
def test_a_library_whose_metadata_is_broken_is_traced(machine, metadata):
    """Flask itself, beside metadata that is missing, has no version, is in Latin-1, or is that of an older one."""
    import flask

    site = machine.directory / "site"
    shutil.copytree(Path(flask.__file__).parent, site / "flask", ignore=shutil.ignore_patterns("__pycache__"))
    info = site / "flask-1.0.dist-info"
    info.mkdir()
    (info / "RECORD").write_text("flask/__init__.py,,1\n")
    if metadata is not None:
        (info / "METADATA").write_bytes(b"Metadata-Version: 2.1\n" + metadata)
    code = "import flask\napp = flask.Flask('app')\napp.get('/pizzas/<name>')(lambda name: name)\napp.test_client().get('/pizzas/a')\n"
    environ = {"PYTHONPATH": str(site), "AUTOTRACE_INSTRUMENTORS": "flask"}
    done = machine.python("-c", code, environ=environ)
    assert (done.returncode, done.stderr) == (0, b"")
    assert machine.names() == ["GET /pizzas/<name>"]
    told = machine.run(AUTOTRACE, "doctor", environ=environ, timeout=170)
    unknown = b"warning     flask is traced: which version of flask is installed is not known"
    assert (unknown in told.stdout) == (metadata is None or b"3.0" not in metadata)


def test_verbose_says_what_is_patched_and_what_is_not(machine):
    """On standard error, because the user asked."""
    done = machine.python("-c", "import sqlite3", options=["-v"])
    assert b"autotrace: sqlite3: patched\n" in done.stderr


def test_traces_go_to_an_otlp_receiver_instead(machine):
    """One setting, and the bytes arrive there and not in the inbox."""
    import gzip
    import http.server
    import threading

    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    got = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, dict(self.headers), gzip.decompress(body)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
            "OTEL_EXPORTER_OTLP_HEADERS": "x-key=secret",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        }
        assert machine.python("-c", QUERY, environ=environ).returncode == 0
        server.shutdown()
    ((path, headers, body),) = got
    assert (path, headers["Content-Type"], headers["x-key"]) == ("/v1/traces", "application/x-protobuf", "secret")
    request = ExportTraceServiceRequest.FromString(body)
    spans = [span.name for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]
    assert sorted(spans) == ["SELECT", "work"]
    assert machine.names() == []


@pytest.mark.parametrize(
    "first", ["sqlite3", "logging", "asyncio", "concurrent.futures", "http.client", "requests", "flask", "aiohttp.web"]
)
def test_whatever_is_imported_first_everything_is_patched(machine, first):
    """Libraries that import each other, and that we import while we patch, in any order."""
    code = f"import {first}\nimport sqlite3, logging, asyncio, concurrent.futures.thread, http.client, requests, flask, aiohttp.web\n"
    done = machine.python("-c", code, options=["-v"])
    said = done.stderr.decode().splitlines()
    assert [line for line in said if not line.endswith(": patched")] == []
    names = [
        "sqlite3",
        "threads",
        "futures",
        "http_client",
        "requests",
        "urllib3",
        "flask",
        "aiohttp_client",
        "aiohttp_server",
    ]
    assert set(names) <= {line.split(": ")[1] for line in said}
