"""The part of the contract of HTTP clients that is about failures: the program's, the network's and ours."""

from __future__ import annotations

import importlib
import inspect
import pickle
import sys

import pytest

from autotrace.families.http import http_client, http_connection
from autotrace.faults import faults
from autotrace.testing import frames
from autotrace.testing import recorder as recording
from autotrace.testing.contracts.http_client_base import HttpClientBase
from autotrace.testing.contracts.http_origin import refusing
from autotrace.trace.context import get_current
from autotrace.trace.tracer import tracer


def frames_of(error):
    """Return file and function of each frame of an exception and of all that led to it."""
    frames, seen = [], set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        traceback = error.__traceback__
        while traceback is not None:
            code = traceback.tb_frame.f_code
            frames.append((code.co_filename, code.co_name))
            traceback = traceback.tb_next
        error = error.__cause__ or error.__context__
    return frames


class HttpClientWall(HttpClientBase):
    """What fails is told, and what fails on our side is never seen."""

    def test_connection_refused(self, traced):
        """A connection that cannot be made is a span with the exception that the program gets."""
        with refusing() as url, pytest.raises(self.refused):
            self.send("GET", url + "/?token=abc")
        (span,) = traced.wait(1)
        assert span["status"] == "ERROR"
        assert span["attributes"] == {
            "http.request.method": "GET",
            "url.full": url + "/?token=REDACTED",
            "server.address": "127.0.0.1",
            "server.port": int(url.rpartition(":")[2]),
            "error.type": span["exception"].partition(":")[0],
        }
        assert "token=abc" not in span.get("message", "")
        assert get_current() is None

    def test_connection_dropped(self, traced, origin):
        """A server that goes away without an answer is an error; every attempt that was made is a span."""
        with pytest.raises(Exception):  # noqa: B017
            self.send("GET", origin.url + "/drop")
        spans = traced.wait(len(origin.asked))
        for span in spans:
            assert span["status"] == "ERROR"
            assert span["attributes"]["error.type"] == span["exception"].partition(":")[0]
            assert "http.response.status_code" not in span["attributes"]

    def test_time_out(self, traced, origin):
        """An answer that takes too long is an error."""
        with pytest.raises(self.timed_out):
            self.send("GET", origin.url + "/slow", timeout=0.2)
        (span,) = traced.wait(1)
        assert span["status"] == "ERROR"
        assert span["attributes"]["error.type"] == span["exception"].partition(":")[0]
        assert "imeout" in span["exception"] or "timed out" in span["exception"]
        assert get_current() is None

    def test_tracebacks(self, recorder, instrument):
        """An exception's traceback reads as without us (from Python 3.11 on, where that can be had)."""
        with refusing() as url:
            errors = []
            for names in ((), (self.instrumentor, *self.layers)):
                for name in names:
                    instrument(name)
                with pytest.raises(self.refused) as caught:
                    self.send("GET", url + "/")
                errors.append(caught.value)
        assert type(errors[0]) is type(errors[1])
        if sys.version_info >= (3, 11):
            assert not [name for name, _ in frames_of(errors[1]) if frames.is_ours(name)]
            assert frames_of(errors[0]) == frames_of(errors[1])

    @pytest.mark.parametrize("broken", ["start", "put", "end", "clock"])
    def test_our_faults_stay_ours(self, traced, origin, monkeypatch, broken):
        """Whatever fails on our side, the request goes through, nothing stays current, and the fault is counted."""

        def fail(*args):
            raise RuntimeError("broken")

        if broken == "start":
            monkeypatch.setattr(tracer, "take_id", fail)
        elif broken == "clock":
            monkeypatch.setattr(tracer, "clock", fail)
        elif broken == "put":
            monkeypatch.setattr(http_client, "outgoing", fail)
            monkeypatch.setattr(http_connection, "outgoing", fail)
        else:
            monkeypatch.setattr(tracer, "submit", fail)
        assert self.send("GET", origin.url + "/", headers={"X-Other": "x"}) == 200
        assert len(origin.asked) == 1
        assert origin.asked[0].all("x-other") == ["x"]
        assert get_current() is None
        assert faults.pop(self.instrumentor) >= 1

    def test_failing_request_with_our_faults(self, traced, monkeypatch):
        """The program gets its own exception also when we fail on the way out."""

        def fail(*args):
            raise RuntimeError("broken")

        monkeypatch.setattr(tracer, "submit", fail)
        with refusing() as url, pytest.raises(self.refused):
            self.send("GET", url + "/")
        assert get_current() is None
        assert faults.pop(self.instrumentor) >= 1

    def test_functions_stay_what_they_are(self, recorder, instrument):
        """Patched functions have the name, the signature and the kind that they had, and are pickled by reference.

        So have classes that stand in for the library's, whose signature nobody asks.
        """
        patches = recording.part_named(self.instrumentor).instrumentor().patches
        targets = [patch.target for patch in patches if not patch.optional or _is_there(patch.target)]
        before = [_looks(target) for target in targets]
        originals = [_resolve(target) for target in targets]
        instrument(self.instrumentor)
        assert [_looks(target) for target in targets] == before
        for target, original in zip(targets, originals):
            function = _resolve(target)
            assert function is not original
            assert pickle.loads(pickle.dumps(function)) is function


def _resolve(target):
    module, _, path = target.partition(":")
    owner = importlib.import_module(module)
    for name in path.split("."):
        owner = getattr(owner, name)
    return owner


def _is_there(target):
    try:
        return _resolve(target) is not None
    except (ImportError, AttributeError):
        return False


def _looks(target):
    function = _resolve(target)
    return (
        None if isinstance(function, type) else inspect.signature(function),
        function.__name__,
        function.__qualname__,
        function.__module__,
        function.__doc__,
        type(function),
        inspect.iscoroutinefunction(function),
        pickle.dumps(function),
    )
