"""What every instrumented way to a database must do, whatever the library.

A test of a library subclasses ``DbClientContract`` and says how a database is opened and asked; the database is a real one,
in a file of the test's own, or on a server (``contracts.postgresql``).
"""

from __future__ import annotations

import contextlib
import sqlite3
import sys
import threading
from abc import ABC, abstractmethod

import pytest

from autotrace.families.db import query
from autotrace.faults import faults
from autotrace.testing import frames
from autotrace.trace.context import get_current, set_current
from autotrace.trace.sampling import Sampler
from autotrace.trace.span import INTERNAL, UNSET, Operation
from autotrace.trace.tracer import tracer


def describe_work(facts, outcome, failure):
    """A span of the program's own."""
    return facts[0], {}, UNSET, ""


WORK = Operation("test", INTERNAL, "test", describe_work)


class Work:
    """A span of the program's own, current inside a ``with``."""

    def __init__(self, name="work", operation=WORK, sampled=True):
        self.name, self.operation, self.sampled = name, operation, sampled

    def __enter__(self):
        self.span = tracer.start(self.operation, (self.name,), get_current())
        if not self.sampled:
            self.span.trace = self.span.trace.unsampled()
        set_current(self.span)
        return self.span

    def __exit__(self, *error):
        tracer.finish(self.span)


class DbClientContract(ABC):
    """The contract; ``scope`` is the instrumentor whose spans come out."""

    instrumentors = ()
    scope = ""
    system = "sqlite"
    mark = "?"  # what stands for a parameter
    error = sqlite3.OperationalError
    error_name = "sqlite3.OperationalError"
    code = "SQLITE_ERROR" if sys.version_info >= (3, 11) else None  # for a column that does not exist
    functions = 1  # that are patched, through which a statement passes one after the other
    lock_error = None  # for a table that is locked, where that is not ``error``

    @abstractmethod
    def open(self, path):
        """Return an open database whose locks are waited for no longer than a tenth of a second."""

    @abstractmethod
    def run(self, db, sql, parameters=()):
        """Send one statement and commit; return its rows as a list of tuples."""

    @abstractmethod
    def run_many(self, db, sql, rows):
        """Send one batch and commit."""

    @abstractmethod
    def close(self, db):
        """Close it."""

    def server(self):
        """Return the attributes of where the server is."""
        return {}

    def unquoted(self, message):
        """Return a message as a span has it."""
        return message

    @contextlib.contextmanager
    def locked(self, path):
        """Lock the table for everybody else."""
        other = sqlite3.Connection(path)
        other.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            other.rollback()
            other.close()

    @pytest.fixture
    def path(self, tmp_path):
        """The name of a database with a table of songs: a file."""
        file = tmp_path / "songs.db"
        plain = sqlite3.connect(file)
        plain.executescript(
            "CREATE TABLE songs (id INTEGER PRIMARY KEY, title TEXT); INSERT INTO songs VALUES (1, 'One')"
        )
        plain.close()
        return str(file)

    @pytest.fixture
    def db(self, path, recorder, instrument):
        """The database, opened after patching; what opening it asks is forgotten."""
        instrument(*self.instrumentors)
        opened = self.open(path)
        self.run(opened, "SELECT 1")
        recorder.clear()
        yield opened
        self.close(opened)

    def expected(self, span, path, name, text, **attributes):
        """Return the whole span that is expected; ids are those of the span that came."""
        operation, _, table = name.partition(" ")
        return {
            "name": name,
            "kind": "CLIENT",
            "scope": self.scope,
            "trace_id": span["trace_id"],
            "span_id": span["span_id"],
            "parent_id": "",
            "attributes": {
                "db.system.name": self.system,
                "db.namespace": path,
                "db.operation.name": operation,
                "db.collection.name": table,
                "db.query.text": text,
                "db.query.summary": name,
                **self.server(),
                **attributes,
            },
            "status": "UNSET",
        }

    def test_a_query_is_one_span(self, db, path, recorder):
        """A statement makes one span, and answers as without us."""
        assert self.run(db, "SELECT title FROM songs WHERE id = 1") == [("One",)]
        [span] = recorder.wait(1)
        assert span == self.expected(span, path, "SELECT songs", "SELECT title FROM songs WHERE id = ?")
        assert get_current() is None

    def test_literals_are_hidden_and_parameters_are_not_kept(self, db, recorder):
        """Neither what is written in the text nor what is passed beside it is told."""
        self.run(db, "SELECT title FROM songs WHERE title = 'hunter2' OR id IN (1, 2, 3)")
        [span] = recorder.wait(1)
        assert span["attributes"]["db.query.text"] == "SELECT title FROM songs WHERE title = ? OR id IN (?)"
        assert "hunter2" not in repr(span)

    def test_a_batch_is_one_span_with_its_size(self, db, path, recorder):
        """A batch has the number of its queries, and BATCH before its operation."""
        rows = [(10, "Ten"), (11, "Eleven"), (12, "Twelve")]
        before = [tuple(row) for row in rows]
        self.run_many(db, f"INSERT INTO songs (id, title) VALUES ({self.mark}, {self.mark})", rows)
        assert rows == before
        [span] = recorder.wait(1)
        assert span["name"] == "BATCH INSERT songs"
        assert span["attributes"]["db.operation.name"] == "BATCH INSERT"
        assert span["attributes"]["db.operation.batch.size"] == 3
        assert span["attributes"]["db.collection.name"] == "songs"
        recorder.clear()
        assert self.run(db, "SELECT count(*) FROM songs") == [(4,)]

    def test_a_failure_passes_and_is_told(self, db, path, recorder):
        """The exception is the library's own; the span has its type, its message's first line and the database's code."""
        with pytest.raises(self.error) as caught:
            self.run(db, "SELECT nothing FROM songs")
        [span] = recorder.wait(1)
        assert span["status"] == "ERROR"
        message = self.unquoted(
            str(caught.value).partition("\n")[0]
        )  # behind it there may be the statement and its parameters
        assert span["message"] == message
        assert span["attributes"]["error.type"] == self.error_name
        assert span["attributes"].get("db.response.status_code") == self.code
        assert span["exception"] == f"{self.error_name}: {message}"

    @pytest.mark.skipif(sys.version_info < (3, 11), reason="before Python 3.11 no code can hide its frame")
    def test_a_traceback_shows_no_frame_of_ours(self, db, recorder):
        """The traceback of a failure, and of its causes, reads as without us."""
        with pytest.raises(self.error) as caught:
            self.run(db, "SELECT nothing FROM songs")
        assert not frames.ours(caught.value)
        recorder.wait(1)

    def test_a_time_out_is_a_failure(self, db, path, recorder):
        """A statement that waits for a lock in vain ends with an error."""
        with self.locked(path), pytest.raises(self.lock_error or self.error, match=r"[Ll]ock"):
            self.run(db, "INSERT INTO songs (id, title) VALUES (5, 'Five')")
        spans = [span for span in recorder.finished() if span["name"] == "INSERT songs"]
        assert [span["status"] for span in spans] == ["ERROR"]

    def test_the_parent_is_the_current_span(self, db, recorder):
        """Queries are children of the program's span, which is current again after each."""
        with Work() as work:
            self.run(db, "SELECT 1")
            assert get_current() is work
            self.run(db, "SELECT 2")
        first, second, parent = recorder.wait(3)
        assert first["parent_id"] == second["parent_id"] == parent["span_id"]
        assert {first["trace_id"], second["trace_id"]} == {parent["trace_id"]}

    def test_threads_have_their_own_parents(self, path, recorder, instrument):
        """Queries of several threads at a time are children of their own thread's span."""
        instrument(*self.instrumentors)
        barrier = threading.Barrier(4)
        wrong = []

        def work(number):
            opened = self.open(path)
            self.run(opened, "SELECT 1")
            barrier.wait(10)
            with Work(f"work {number}") as span:
                for turn in range(5):
                    self.run(opened, f"SELECT title, {number}{turn} FROM songs AS of_{number}")
            if get_current() is not None:
                wrong.append(number)
            self.close(opened)
            parents[number] = span.span_id

        parents = {}
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        for number in range(4):
            texts = [
                span for span in recorder.finished() if f"of_{number}" in span["attributes"].get("db.query.text", "")
            ]
            assert [span["parent_id"] for span in texts] == [parents[number]] * 5

    def test_an_unsampled_trace_costs_no_span(self, db, recorder, monkeypatch):
        """Where the trace is not sampled nothing is recorded, with a parent and without one."""
        with Work(sampled=False) as work:
            assert self.run(db, "SELECT title FROM songs") == [("One",)]
            assert get_current() is work
        monkeypatch.setattr(tracer, "sampler", Sampler(0.0))
        assert self.run(db, "SELECT title FROM songs") == [("One",)]
        assert recorder.finished() == []
        assert get_current() is None

    def test_beneath_a_query_there_is_no_second_span(self, db, recorder):
        """A query that belongs to a query above is not told again, however many are sent for it, or fail."""
        above = Operation(query.FAMILY, 3, "above", describe_work)
        with Work("above", above):
            assert self.run(db, "SELECT title FROM songs") == [("One",)]
            with pytest.raises(self.error):
                self.run(db, "SELECT nothing FROM songs")
            assert self.run(db, "SELECT title FROM songs") == [("One",)]
        assert [span["name"] for span in recorder.wait(1)] == ["above"]

    def test_a_fault_of_ours_is_not_noticed(self, db, recorder, monkeypatch):
        """When our own code fails the query runs untraced, and the fault is counted."""

        def broken(given):
            raise RuntimeError("ours")

        monkeypatch.setattr(query, "text", broken)
        assert self.run(db, f"SELECT title FROM songs WHERE id = {self.mark}", (1,)) == [("One",)]
        with pytest.raises(self.error):
            self.run(db, "SELECT nothing FROM songs")
        assert recorder.finished() == []
        assert faults[self.scope] == 2 * self.functions
        faults.clear()

    def test_facts_are_small_and_hashable(self, db, recorder):
        """What is kept until export can be the key of a memo, and equal queries have equal facts."""
        for _ in range(2):
            self.run(db, f"SELECT title FROM songs WHERE id = {self.mark}", (1,))
        recorder.wait(2)
        first, second = recorder.spans
        assert first.facts == second.facts
        assert hash(first.facts) == hash(second.facts)

    def test_an_endless_text_is_bounded(self, db, recorder):
        """Of a very long text only the beginning is kept, without a literal in it."""
        self.run(db, "SELECT '" + "secret" * 10_000 + "'")
        [span] = recorder.wait(1)
        assert span["attributes"]["db.query.text"] == "SELECT ?"
        assert len(recorder.spans[0].facts[1]) == query.TEXT_LIMIT
