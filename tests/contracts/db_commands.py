"""What every instrumented client of a store of commands must do, whatever the library.

A test of a library subclasses ``DbCommandsContract`` and says how a client is opened and asked; the server is a real one.
"""

from __future__ import annotations

import inspect
import pickle
import socket
import sys
import threading
from abc import ABC, abstractmethod

import pytest

from autotrace.families.db import command
from autotrace.faults import faults
from autotrace.testing import frames
from autotrace.testing.contracts.db_client import Work, describe_work
from autotrace.trace.context import get_current, set_current
from autotrace.trace.sampling import Sampler
from autotrace.trace.span import CLIENT, Operation
from autotrace.trace.tracer import tracer
from services.ports import free_port


class DbCommandsContract(ABC):
    """The contract; ``scope`` is the instrumentor whose spans come out."""

    instrumentors = ()
    scope = ""
    system = "redis"
    errors = "redis.exceptions"
    wrong_type = connection_error = timeout_error = Exception

    @abstractmethod
    def open(self, server, **options):
        """Return a client; ``options`` are ``port`` and ``timeout`` (s), and are passed on otherwise."""

    @abstractmethod
    def run(self, client, *command):
        """Send one command; return its answer."""

    @abstractmethod
    def run_many(self, client, commands, transaction=False):
        """Send commands in one batch; return their answers."""

    @abstractmethod
    def close(self, client):
        """Close it."""

    @abstractmethod
    def patched(self):
        """Return functions that are patched, each with the module that has it."""

    @pytest.fixture
    def client(self, redis_server, recorder, instrument):
        """A client that was opened after patching, of an empty store; what that takes is forgotten."""
        instrument(*self.instrumentors)
        opened = self.open(redis_server)
        self.run(opened, "FLUSHALL")
        recorder.clear()
        yield opened
        self.close(opened)

    def expected(self, span, server, name, text, **attributes):
        """Return the whole span that is expected; ids are those of the span that came."""
        return {
            "name": name,
            "kind": "CLIENT",
            "scope": self.scope,
            "trace_id": span["trace_id"],
            "span_id": span["span_id"],
            "parent_id": "",
            "attributes": {
                "db.system.name": self.system,
                "db.namespace": "0",
                "db.operation.name": name,
                "db.query.text": text,
                "server.address": server.host,
                "server.port": server.port,
                **attributes,
            },
            "status": "UNSET",
        }

    def test_a_command_is_one_span(self, client, redis_server, recorder):
        """A command makes one span, and is answered as without us."""
        assert self.run(client, "SET", "pizza", "margherita") is True
        assert self.run(client, "GET", "pizza") == b"margherita"
        first, second = recorder.wait(2)
        assert first == self.expected(first, redis_server, "SET", "SET ? ?")
        assert second == self.expected(second, redis_server, "GET", "GET ?")
        assert get_current() is None

    def test_no_value_is_kept(self, client, recorder):
        """Neither keys nor contents are told, in whichever way a command is given."""
        self.run(client, "SET", "hunter2-key", "hunter2")
        self.run(client, "SET hunter2-key hunter2")
        self.run(client, b"GET", b"hunter2-key")
        self.run_many(client, [("SET", "hunter2-key", b"hunter2"), ("GET", "hunter2-key")])
        spans = recorder.wait(4)
        assert [span["name"] for span in spans] == ["SET", "SET", "GET", "PIPELINE"]
        assert spans[1]["attributes"]["db.query.text"] == "SET ? ?"
        assert "hunter2" not in repr(spans)

    def test_the_name_is_in_capitals_and_the_rest_as_the_program_wrote_it(self, client, recorder):
        """The second word of some commands belongs to the name."""
        self.run(client, "get", "a")
        self.run(client, "CLIENT ID")
        first, second = recorder.wait(2)
        assert (first["name"], first["attributes"]["db.query.text"]) == ("GET", "get ?")
        assert first["attributes"]["db.operation.name"] == "get"
        assert (second["name"], second["attributes"]["db.query.text"]) == ("CLIENT ID", "CLIENT ID")

    def test_many_values_are_not_all_told(self, client, recorder):
        """A command with very many values has a text of bounded length."""
        self.run(client, "MSET", *(str(number) for number in range(2000)))
        [span] = recorder.wait(1)
        assert span["attributes"]["db.query.text"] == "MSET" + " ?" * 16 + " ..."

    def test_a_failure_passes_and_is_told(self, client, redis_server, recorder):
        """The exception is the library's own; the span has its type, its message and the server's code."""
        self.run(client, "SET", "a", "x")
        recorder.clear()
        with pytest.raises(self.wrong_type) as caught:
            self.run(client, "LPUSH", "a", "y")
        [span] = recorder.wait(1)
        assert span == {
            **self.expected(span, redis_server, "LPUSH", "LPUSH ? ?"),
            "attributes": {
                **self.expected(span, redis_server, "LPUSH", "LPUSH ? ?")["attributes"],
                "db.response.status_code": "WRONGTYPE",
                "error.type": f"{self.errors}.{self.wrong_type.__name__}",
            },
            "status": "ERROR",
            "message": str(caught.value),
            "exception": f"{self.errors}.{self.wrong_type.__name__}: {caught.value}",
        }

    def test_the_code_is_told_where_the_library_cuts_it_off(self, client, recorder):
        """Some errors come without their prefix."""
        for words in (("NOSUCHTHING",), ("EVALSHA", "0" * 40, 0), ("INCR", "text")):
            self.run(client, "SET", "text", "x")
            with pytest.raises(self.wrong_type):
                self.run(client, *words)
        codes = [span["attributes"].get("db.response.status_code") for span in recorder.wait(6)[1::2]]
        assert codes == ["ERR", "NOSCRIPT", "ERR"]

    @pytest.mark.skipif(sys.version_info < (3, 11), reason="before Python 3.11 no code can hide its frame")
    def test_a_traceback_shows_no_frame_of_ours(self, client, recorder):
        """The traceback of a failure, and of its causes, reads as without us."""
        with pytest.raises(self.wrong_type) as caught:
            self.run(client, "INCRBY", "a", "b")
        with pytest.raises(self.wrong_type) as batch:
            self.run_many(client, [("INCRBY", "a", "b")])
        for error in (caught.value, batch.value):
            assert not frames.ours(error)
        recorder.wait(2)

    def test_a_refused_connection_is_a_failure(self, redis_server, recorder, instrument):
        """Where nobody answers, the span says where that was, and has no code."""
        instrument(*self.instrumentors)
        port = free_port()
        client = self.open(redis_server, port=port)
        with pytest.raises(self.connection_error):
            self.run(client, "GET", "a")
        with pytest.raises(self.connection_error):
            self.run_many(client, [("GET", "a"), ("GET", "b")])
        self.close(client)
        for span in recorder.wait(2):
            assert (span["status"], span["attributes"]["error.type"]) == (
                "ERROR",
                f"{self.errors}.{self.connection_error.__name__}",
            )
            assert (span["attributes"]["server.address"], span["attributes"]["server.port"]) == (
                redis_server.host,
                port,
            )
            assert "db.response.status_code" not in span["attributes"]

    def test_a_time_out_is_a_failure(self, redis_server, recorder, instrument):
        """A server that does not answer in time is a failure of the command."""
        instrument(*self.instrumentors)
        with socket.create_server((redis_server.host, 0)) as silent:  # the system accepts, nobody reads
            client = self.open(redis_server, port=silent.getsockname()[1], timeout=0.05)
            with pytest.raises(self.timeout_error):
                self.run(client, "GET", "a")
            self.close(client)
        [span] = recorder.wait(1)
        assert (span["status"], span["attributes"]["error.type"]) == (
            "ERROR",
            f"{self.errors}.{self.timeout_error.__name__}",
        )

    def test_waiting_in_vain_is_no_failure(self, client, recorder):
        """A blocking command that is answered with nothing ends well."""
        assert self.run(client, "BLPOP", "nothing", 0.01) is None
        [span] = recorder.wait(1)
        assert (span["name"], span["status"]) == ("BLPOP", "UNSET")

    def test_a_wrong_call_raises_what_it_raises(self, client, recorder):
        """Without a command there is no span, and the library's own exception."""
        with pytest.raises(IndexError):
            self.run(client)
        with pytest.raises(TypeError):
            self.run(client, 5)
        assert [span["name"] for span in recorder.finished()] == [self.system]

    @pytest.mark.parametrize(("transaction", "kind"), [(False, "PIPELINE"), (True, "MULTI")])
    def test_a_batch_is_one_span_with_its_size(self, client, redis_server, recorder, transaction, kind):
        """A batch of one command's name is named by it; another one is not."""
        alike = [("SET", "a", "1"), ("SET", "b", "2"), ("SET", "c", "3", "XX")]
        assert self.run_many(client, alike[:2], transaction) == [True, True]
        assert self.run_many(client, alike, transaction) == [True, True, None]
        assert self.run_many(client, [*alike[:1], ("GET", "a")], transaction) == [True, b"1"]
        same, similar, mixed = recorder.wait(3)
        size = "db.operation.batch.size"
        assert same == self.expected(same, redis_server, f"{kind} SET", "SET ? ?", **{size: 2})
        assert similar == self.expected(
            similar, redis_server, f"{kind} SET", "SET ? ?; SET ? ?; SET ? ? ?", **{size: 3}
        )
        assert mixed == self.expected(mixed, redis_server, kind, "SET ? ?; GET ?", **{size: 2})
        assert get_current() is None

    def test_a_batch_of_one_and_of_none(self, client, recorder):
        """One command is no batch, though a transaction remains one; where nothing is sent there is no span."""
        assert self.run_many(client, []) == []
        assert self.run_many(client, [("GET", "a")]) == [None]
        assert self.run_many(client, [("GET", "a")], True) == [None]
        first, second = recorder.wait(2)
        assert (first["name"], second["name"]) == ("GET", "MULTI GET")
        assert all("db.operation.batch.size" not in span["attributes"] for span in (first, second))

    def test_a_batch_that_is_too_long_to_be_told(self, client, recorder):
        """The text of a very long batch is bounded, its size is not."""
        self.run_many(client, [("SET", "a", "1"), ("GET", "a")] * 500)
        [span] = recorder.wait(1)
        assert span["attributes"]["db.operation.batch.size"] == 1000
        assert span["attributes"]["db.query.text"] == "; ".join(["SET ? ?", "GET ?"] * 8) + "; ..."

    @pytest.mark.parametrize(("transaction", "kind"), [(False, "PIPELINE"), (True, "MULTI")])
    def test_a_failure_in_a_batch_is_told(self, client, recorder, transaction, kind):
        """The batch has the type and the code of the first command that failed."""
        with pytest.raises(self.wrong_type):
            self.run_many(client, [("SET", "a", "x"), ("LPUSH", "a", "y")], transaction)
        [span] = recorder.wait(1)
        assert (span["name"], span["status"]) == (kind, "ERROR")
        lost = "{exception.args}" in span["message"]  # some versions of redis-py forget to fill it in
        assert span["attributes"].get("db.response.status_code") == (None if lost else "WRONGTYPE")
        assert span["attributes"]["error.type"] == f"{self.errors}.{self.wrong_type.__name__}"

    def test_the_parent_is_the_current_span(self, client, recorder):
        """Commands are children of the program's span, which is current again after each."""
        with Work() as work:
            self.run(client, "GET", "a")
            assert get_current() is work
            self.run_many(client, [("GET", "a"), ("GET", "b")])
            assert get_current() is work
        first, second, parent = recorder.wait(3)
        assert first["parent_id"] == second["parent_id"] == parent["span_id"]
        assert {first["trace_id"], second["trace_id"]} == {parent["trace_id"]}

    def test_threads_have_their_own_parents(self, redis_server, recorder, instrument):
        """Commands of several threads at a time are children of their own thread's span."""
        instrument(*self.instrumentors)
        barrier = threading.Barrier(4)
        parents, wrong = {}, []

        def work(number):
            opened = self.open(redis_server)
            barrier.wait(10)
            with Work(f"work {number}") as span:
                for _ in range(5):
                    self.run(opened, "ECHO", *["x"] * number) if number == 1 else self.run(
                        opened, *["MGET", *["x"] * number]
                    )
            if get_current() is not None:
                wrong.append(number)
            self.close(opened)
            parents[number] = span.span_id

        threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        spans = recorder.wait(24)
        for number in range(1, 5):
            found = [
                span["parent_id"] for span in spans if span["attributes"].get("db.query.text", "").count("?") == number
            ]
            assert found == [parents[number]] * 5

    def test_an_unsampled_trace_costs_no_span(self, client, recorder, monkeypatch):
        """Where the trace is not sampled nothing is recorded, with a parent and without one."""
        with Work(sampled=False) as work:
            assert self.run(client, "GET", "a") is None
            assert self.run_many(client, [("GET", "a"), ("GET", "b")]) == [None, None]
            assert get_current() is work
        monkeypatch.setattr(tracer, "sampler", Sampler(0.0))
        assert self.run(client, "GET", "a") is None
        with pytest.raises(self.wrong_type):
            self.run(client, "INCRBY", "a", "b")
        assert recorder.finished() == []
        assert get_current() is None

    def test_beneath_a_command_there_is_no_second_span(self, client, recorder):
        """A command that belongs to a command above is not told again."""
        above = Operation(command.FAMILY, CLIENT, "above", describe_work)
        with Work("above", above):
            assert self.run(client, "GET", "a") is None
            assert self.run_many(client, [("GET", "a")]) == [None]
        assert [span["name"] for span in recorder.wait(1)] == ["above"]

    def test_a_command_that_has_ended_hides_nothing(self, client, recorder):
        """A task that was started beneath a command outlives it, and its own commands are told."""
        above = tracer.start(Operation(command.FAMILY, CLIENT, "above", describe_work), ("above",), None)
        tracer.finish(above)
        set_current(above)
        assert self.run(client, "GET", "a") is None
        assert get_current() is above
        set_current(None)
        assert [span["name"] for span in recorder.wait(2)] == ["above", "GET"]

    def test_a_fault_of_ours_is_not_noticed(self, client, recorder, monkeypatch):
        """When our own code fails commands run untraced, and the faults are counted."""

        def broken(*given):
            raise RuntimeError("ours")

        monkeypatch.setattr(command, "sent", broken)
        assert self.run(client, "GET", "a") is None
        assert self.run_many(client, [("GET", "a"), ("SET", "a", "x")]) == [None, True]
        with pytest.raises(self.wrong_type):
            self.run(client, "INCR", "a")
        assert recorder.finished() == []
        assert faults[self.scope] == 3
        faults.clear()

    def test_facts_are_small_and_hashable(self, client, recorder):
        """What is kept until export can be the key of a memo, and equal commands have equal facts."""
        for value in ("1", "2"):
            self.run(client, "SET", "a", value)
            self.run_many(client, [("SET", "a", value), ("GET", value)])
        recorder.wait(4)
        for first, second in zip(recorder.spans[:2], recorder.spans[2:]):
            assert first.facts == second.facts
            assert hash(first.facts) == hash(second.facts)

    def test_an_endless_text_is_not_kept(self, client, recorder):
        """Of a command whose values stand in its name only the first words are kept."""
        self.run(client, "SET pizza " + "x" * 100_000)
        [span] = recorder.wait(1)
        assert span["attributes"]["db.query.text"] == "SET ? ?"
        assert len(recorder.spans[0].facts[0]) <= command.NAME_LIMIT

    def test_patched_functions_look_as_before(self, recorder, instrument):
        """Name, signature, kind and pickle of what is patched are those of the original."""
        before = [(function, *looks(function)) for function in self.patched()]
        instrument(*self.instrumentors)
        after = [(function, *looks(function)) for function in self.patched()]
        for (old, *was), (new, *now) in zip(before, after):
            assert new is not old
            assert now == was
            assert pickle.loads(pickle.dumps(new)) is new


def looks(function):
    """What others see of a function."""
    names = function.__module__, function.__qualname__, function.__doc__
    return names, inspect.signature(function), inspect.iscoroutinefunction(function)
