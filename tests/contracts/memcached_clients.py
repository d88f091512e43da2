"""What every instrumented client of memcached must do, whatever the library; the server is a real one.

A test of a library subclasses ``MemcachedContract`` and says how a client is opened and asked.
"""

from __future__ import annotations

import inspect
import pickle
import socket
import sys
import threading
from abc import ABC, abstractmethod
from types import FunctionType, MethodDescriptorType

import pytest

from autotrace.families.db import command, memcached
from autotrace.faults import faults
from autotrace.patching.wrapping import is_awaited
from autotrace.testing import frames
from autotrace.testing import recorder as recording
from autotrace.testing.contracts.db_client import Work, describe_work
from autotrace.trace.context import get_current
from autotrace.trace.sampling import Sampler
from autotrace.trace.span import CLIENT, Operation
from autotrace.trace.tracer import tracer
from services.ports import free_port

SIZE = "db.operation.batch.size"


class MemcachedContract(ABC):
    """The contract; ``library`` is the instrumentor.

    Attributes:
        get_many: the command that asks for several keys at once.
        batches: whether several writes are sent at once.
        refused: what the program gets where nobody listens.
        timed_out: what the program gets where nobody answers; None where its clients know no limit of time.
        failed: what the program gets where ``incr`` is asked of a text, and its name.
        code: what the server's answer began with then, where the library tells.
    """

    library = ""
    get_many = "get"
    batches = True
    refused: type[BaseException] = OSError
    timed_out: type[BaseException] | None = OSError
    failed: tuple[type[BaseException], str] = (Exception, "")
    code: str | None = "CLIENT_ERROR"

    @abstractmethod
    def open(self, server, port=None, timeout=None):
        """Return a client."""

    @abstractmethod
    def run(self, client, name, *args):
        """Call a method of the client: set, get, incr, delete, flush_all, get_many or set_many; return its result."""

    @abstractmethod
    def close(self, client):
        """Close it."""

    @pytest.fixture
    def client(self, memcached_server, recorder, instrument):
        """A client that was opened after patching, of an empty store; what that takes is forgotten."""
        instrument(self.library)
        opened = self.open(memcached_server)
        self.run(opened, "flush_all")
        recorder.clear()
        yield opened
        self.close(opened)

    def expected(self, span, server, name, text, operation=None, **attributes):
        """Return the whole span that is expected; ids are those of the span that came."""
        return {
            "name": name,
            "kind": "CLIENT",
            "scope": self.library,
            "trace_id": span["trace_id"],
            "span_id": span["span_id"],
            "parent_id": "",
            "attributes": {
                "db.system.name": "memcached",
                "db.operation.name": operation or name.lower(),
                "db.query.text": text,
                "server.address": server.host,
                "server.port": server.port,
                **attributes,
            },
            "status": "UNSET",
        }

    def test_a_command_is_one_span(self, client, memcached_server, recorder):
        """It is answered as without us; a hit and a miss are told alike."""
        self.run(client, "set", "pizza", "margherita")
        assert self.run(client, "get", "pizza") == b"margherita"
        assert self.run(client, "get", "nothing") is None
        self.run(client, "delete", "pizza")
        spans = recorder.wait(4)
        assert spans == [
            self.expected(spans[0], memcached_server, "SET", "set ? ?"),
            self.expected(spans[1], memcached_server, "GET", "get ?"),
            self.expected(spans[2], memcached_server, "GET", "get ?"),
            self.expected(spans[3], memcached_server, "DELETE", "delete ?"),
        ]
        assert get_current() is None

    def test_several_at_once(self, client, memcached_server, recorder):
        """Several keys are one command; several writes that are sent at once are a batch, with its size."""
        self.run(client, "set_many", {"a": "1", "b": "2", "c": "3"})
        self.run(client, "set_many", {"a": "1"})
        assert sorted(self.run(client, "get_many", ["a", "b", "d"]).items()) == [("a", b"1"), ("b", b"2")]
        spans = recorder.wait(3 if self.batches else 5)
        if self.batches:
            assert spans[0] == self.expected(
                spans[0], memcached_server, "PIPELINE SET", "set ? ?", "PIPELINE set", **{SIZE: 3}
            )
            assert spans[1] == self.expected(spans[1], memcached_server, "SET", "set ? ?")
        assert spans[-1] == self.expected(spans[-1], memcached_server, self.get_many.upper(), f"{self.get_many} ? ? ?")

    def test_nothing_secret_is_kept(self, client, recorder):
        """Neither keys nor contents are told, nor kept until export."""
        self.run(client, "set", "hunter2-key", "hunter2")
        self.run(client, "set_many", {"hunter2-key": "hunter2"})
        self.run(client, "get_many", ["hunter2-key"])
        with pytest.raises(self.failed[0]):
            self.run(client, "incr", "hunter2-key", 1)
        with pytest.raises(Exception) as refused:
            self.run(client, "get", "hunter2 " * 100)
        assert "hunter2" in str(refused.value) or self.library == "pylibmc"
        assert "hunter2" not in repr(recorder.finished())
        assert "hunter2" not in repr([span.facts for span in recorder.spans])

    def test_a_failure_passes_and_is_told(self, client, memcached_server, recorder):
        """The exception is the library's own; the span has its type, and what the server's answer began with."""
        self.run(client, "set", "a", "text")
        recorder.clear()
        with pytest.raises(self.failed[0]) as caught:
            self.run(client, "incr", "a", 1)
        (span,) = recorder.wait(1)
        told = self.expected(span, memcached_server, "INCR", "incr ? ?")
        code = {"db.response.status_code": self.code} if self.code else {}
        assert span == {
            **told,
            "attributes": {**told["attributes"], **code, "error.type": self.failed[1]},
            "status": "ERROR",
            "message": span["message"],
            "exception": f"{self.failed[1]}: {span['message']}",
        }
        if sys.version_info >= (3, 11):
            assert not frames.ours(caught.value)

    def test_a_refused_connection_is_a_failure(self, memcached_server, recorder, instrument):
        """Where nobody listens, the span says where that was."""
        instrument(self.library)
        port = free_port()
        client = self.open(memcached_server, port=port)
        with pytest.raises(self.refused):
            self.run(client, "get", "a")
        self.close(client)
        (span,) = recorder.wait(1)
        assert span["status"] == "ERROR"
        assert (span["attributes"]["server.address"], span["attributes"]["server.port"]) == (
            memcached_server.host,
            port,
        )
        assert "db.response.status_code" not in span["attributes"]

    def test_a_time_out_is_a_failure(self, memcached_server, recorder, instrument):
        """A server that does not answer in time is a failure of the command."""
        if self.timed_out is None:
            return
        instrument(self.library)
        with socket.create_server((memcached_server.host, 0)) as silent:  # the system accepts, nobody reads
            client = self.open(memcached_server, port=silent.getsockname()[1], timeout=0.05)
            with pytest.raises(self.timed_out):
                self.run(client, "get", "a")
            self.close(client)
        assert [span["status"] for span in recorder.wait(1)] == ["ERROR"]

    def test_the_parent_is_the_current_span(self, client, recorder):
        """Commands are children of the program's span, which is current again after each."""
        with Work() as work:
            self.run(client, "get", "a")
            assert get_current() is work
            self.run(client, "get_many", ["a", "b"])
            assert get_current() is work
        first, second, parent = recorder.wait(3)
        assert first["parent_id"] == second["parent_id"] == parent["span_id"]

    def test_threads_have_their_own_parents(self, memcached_server, recorder, instrument):
        """Commands of several threads at a time are children of their own thread's span."""
        instrument(self.library)
        barrier, parents = threading.Barrier(4), {}

        def work(number):
            opened = self.open(memcached_server)
            barrier.wait(10)
            with Work(f"work {number}") as span:
                for _ in range(5):
                    self.run(opened, "get_many", [f"key{n}" for n in range(number)])
            self.close(opened)
            parents[number] = span.span_id

        threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        spans = [span for span in recorder.wait(24) if span["kind"] == "CLIENT"]
        for number in range(1, 5):
            mine = [span["parent_id"] for span in spans if span["attributes"]["db.query.text"].count("?") == number]
            assert mine == [parents[number]] * 5

    def test_an_unsampled_trace_costs_no_span(self, client, recorder, monkeypatch):
        """Where the trace is not sampled nothing is recorded, with a parent and without one."""
        with Work(sampled=False) as work:
            assert self.run(client, "get", "a") is None
            assert get_current() is work
        monkeypatch.setattr(tracer, "sampler", Sampler(0.0))
        assert self.run(client, "get", "a") is None
        assert self.run(client, "get_many", ["a"]) == {}
        assert recorder.finished() == []
        assert get_current() is None

    def test_beneath_a_command_there_is_no_second_span(self, client, recorder):
        """A command that belongs to a command above is not told again."""
        with Work("above", Operation(command.FAMILY, CLIENT, "above", describe_work)):
            assert self.run(client, "get", "a") is None
        assert [span["name"] for span in recorder.wait(1)] == ["above"]

    def test_a_fault_of_ours_is_not_noticed(self, client, recorder, monkeypatch):
        """When our own code fails commands run untraced, and the faults are counted."""

        def broken(*given):
            raise RuntimeError("ours")

        monkeypatch.setattr(memcached, "one", broken)
        monkeypatch.setattr(memcached, "several", broken)
        self.run(client, "set", "a", "1")
        assert self.run(client, "get", "a") == b"1"
        assert recorder.finished() == []
        assert faults.pop(self.library) == 2

    def test_patched_functions_look_as_before(self, recorder, instrument):
        """Name, signature, kind and pickle of what is patched are those of the original."""
        targets = [patch.target for patch in recording.part_named(self.library).instrumentor().patches]
        before = [_looks(target) for target in targets]
        originals = [_resolve(target) for target in targets]
        instrument(self.library)
        assert [_looks(target) for target in targets] == before
        for target, original in zip(targets, originals):
            assert _resolve(target) is not original
            assert pickle.loads(pickle.dumps(_resolve(target))) is _resolve(target)


def _resolve(target):
    module, _, path = target.partition(":")
    owner = sys.modules[module]
    for name in path.split("."):
        owner = getattr(owner, name)
    return owner


def _looks(target):
    function = _resolve(target)
    of_python = isinstance(function, FunctionType) and not isinstance(
        getattr(function, "__wrapped__", None), MethodDescriptorType
    )  # the name of a method of C has the type of C in it, which the program never sees
    names = function.__name__, function.__qualname__ if of_python else "", function.__doc__
    return names, _signature(function), is_awaited(function, None)


def _signature(function):
    try:
        return inspect.signature(function)
    except ValueError:  # of C, which tells nothing
        return None
