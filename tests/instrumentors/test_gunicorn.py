"""gunicorn's workers, each in a process of its own: WSGI and ASGI, gunicorn's and uvicorn's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

import gunicorn
import pytest

from autotrace.testing.contracts.http_server import HttpServerContract, Served
from contracts.asgi_server import AsgiServerContract
from services.ports import free_port
from waiting import answered, until

TESTS = Path(__file__).parent.parent
# Newer ones have a second protocol of websockets.
SANSIO = ",uvicorn_websockets_sansio" * bool(find_spec("uvicorn.protocols.websockets.websockets_sansio_impl"))
HAS_ASGI = gunicorn.version_info >= (24,)


class Lines:
    """The spans that another process writes; as the recorder has them."""

    def __init__(self, file):
        self._file = file
        self._from = 0

    def clear(self):
        """Forget what has been written."""
        self._from = self._file.stat().st_size

    def finished(self):
        """Return what has been written, whole lines only."""
        with self._file.open("rb") as lines:
            lines.seek(self._from)
            return [json.loads(line) for line in lines.read().split(b"\n")[:-1]]

    def wait(self, count):
        """Return the spans once there are ``count`` of them; fails when there are not, or more."""
        until(lambda: len(self.finished()) >= count, lambda: f"{count} spans, not {len(self.finished())}")
        got = self.finished()
        assert len(got) == count, f"{len(got)} spans, not {count}: {[span['name'] for span in got]}"
        return got


@contextmanager
def running(directory, names, application, *options):
    """Run gunicorn for the length of a block; gives where it is."""
    port = free_port()
    file = directory / "spans"
    file.touch()
    command = [sys.executable, str(Path(__file__).parent / "gunicorn_runner.py"), str(file), names]
    options = ["--bind", f"127.0.0.1:{port}", "--graceful-timeout", "1", "--log-level", "critical", *options]
    with (directory / "errors").open("w+") as errors:
        process = subprocess.Popen(
            [*command, *options, application],
            env={**os.environ, "PYTHONPATH": str(TESTS)},
            stdout=errors,
            stderr=errors,
        )
        try:
            served = Served(port, Lines(file))
            answered(lambda: served.ask("/missing"), process, (directory / "errors").read_text)
            served.spans.wait(1)
            yield served
        finally:
            process.terminate()
            process.wait(60)


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    """A function that returns the running server of a kind, which is started once."""
    with ExitStack() as stack:
        started = {}

        def started_once(*kind):
            if kind not in started:
                started[kind] = stack.enter_context(running(tmp_path_factory.mktemp("gunicorn"), *kind))
            return started[kind]

        yield started_once


class Gunicorn(HttpServerContract):
    """What all workers have in common; a process for each class of tests."""

    scope = "gunicorn"
    names = "gunicorn"
    application = "autotrace.testing.contracts.http_applications:wsgi_application"
    options = ()
    test_our_own_failure_is_not_noticed = None  # what is patched for it would have to be patched in the worker

    @pytest.fixture
    def served(self, processes):
        """The running server, with nothing recorded yet."""
        served = processes(self.names, self.application, *self.options)
        served.spans.clear()
        return served


class TestSync(Gunicorn):
    """The contract, with the default worker."""


class TestThreads(Gunicorn):
    """The contract, with the worker that has threads."""

    options = ("--threads", "4")


class TestUvicornWorker(AsgiServerContract, Gunicorn):
    """The contract, with uvicorn in the worker: the span is uvicorn's, once."""

    scope = "uvicorn"
    names = f"gunicorn,uvicorn,uvicorn_h11,uvicorn_httptools,uvicorn_websockets{SANSIO}"
    application = "contracts.asgi_server:application"
    options = ("--worker-class", "uvicorn.workers.UvicornWorker")


@pytest.mark.skipif(not HAS_ASGI, reason="gunicorn speaks ASGI itself from 24 on")
class TestAsgi(AsgiServerContract, Gunicorn):
    """The contract, with gunicorn's own worker for ASGI."""

    application = "autotrace.testing.contracts.http_applications:asgi_application"
    options = ("--worker-class", "asgi")


def test_a_file_is_sent_by_the_system(tmp_path):
    """What `wsgi.file_wrapper` made still reaches the worker as such, and its bytes the client."""
    (tmp_path / "files.py").write_text(
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    body = environ['wsgi.file_wrapper'](open(__file__, 'rb'))\n"
        "    return body\n"
    )
    with running(tmp_path, "gunicorn", "files:application", "--chdir", str(tmp_path)) as served:
        served.spans.clear()
        assert served.ask("/")[2] == (tmp_path / "files.py").read_bytes()
        assert len(served.spans.wait(1)) == 1


def test_another_worker_takes_over(tmp_path):
    """A worker that has had its requests is replaced, and the next one traces as well."""
    application = Gunicorn.application
    with running(tmp_path, "gunicorn", application, "--max-requests", "2") as served:
        served.spans.clear()
        for _ in range(4):
            answered(lambda: served.ask("/missing"))
        spans = served.spans.wait(4)
    assert len({span["span_id"] for span in spans}) == 4
