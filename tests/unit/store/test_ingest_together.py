"""Readers run at the same time and are killed in the middle; every record is still taken exactly once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

from autotrace.store.ingest import ingest
from autotrace.store.schema import open_database
from unit.store.inboxes import Sent, Writer, request, write
from waiting import until

READER = """
import json, pathlib, sys
from autotrace.store.ingest import ingest
from autotrace.store.schema import open_database
data, rounds = pathlib.Path(sys.argv[1]), int(sys.argv[2])
taken = 0
for _ in range(rounds):
    database = open_database(data / "traces.sqlite")
    taken += ingest(database, data / "inbox", chunk_bytes=int(sys.argv[3])).records
    database.close()
print(json.dumps(taken))
"""


def reader(data, rounds=1, chunk_bytes=2000):
    """Start a reader process."""
    command = [sys.executable, "-c", READER, str(data), str(rounds), str(chunk_bytes)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def stored(data):
    database = open_database(data / "traces.sqlite")
    try:
        spans = database.execute("SELECT count(*) FROM spans").fetchone()[0]
        told = database.execute("SELECT coalesce(sum(span_count), 0) FROM traces").fetchone()[0]
    finally:
        database.close()
    return spans, told


def test_readers_at_the_same_time(tmp_path, inbox):
    """Four readers, fresh database, files that end and a writer that goes on: the records add up."""
    for number in range(6):
        payloads = [request(Sent("s", n, n + 1, span_id=number * 100 + n + 1)) for n in range(100)]
        write(inbox, *payloads, name=f"{number}-1-0.spans", age=60 if number % 2 else 0)
    writer = Writer(inbox, "9-9-0.spans")
    readers = [reader(tmp_path, rounds=5) for _ in range(4)]
    for number in range(200):
        writer.append(Sent("live", number, number + 1, span_id=10_000 + number))
    taken = [json.loads(process.communicate(timeout=120)[0]) for process in readers]
    assert [process.returncode for process in readers] == [0] * 4
    writer.close()
    database = open_database(tmp_path / "traces.sqlite")
    taken.append(ingest(database, inbox).records)
    database.close()
    assert sum(taken) == 800
    assert stored(tmp_path) == (800, 800)


def test_a_reader_killed_in_the_middle(tmp_path, inbox):
    """What a killed reader had committed is not taken again, and what it had not is not lost."""
    total = 3000
    write(inbox, *(request(Sent("s", n, n + 1, span_id=n + 1)) for n in range(total)))
    database = open_database(tmp_path / "traces.sqlite")
    killed = reader(tmp_path, chunk_bytes=1)
    until(lambda: database.execute("SELECT count(*) FROM spans").fetchone()[0] >= 50, "spans of the reader")
    assert killed.poll() is None
    killed.send_signal(signal.SIGKILL)
    killed.wait(timeout=60)
    killed.stdout.close()
    before = database.execute("SELECT count(*) FROM spans").fetchone()[0]
    assert 50 <= before < total
    assert ingest(database, inbox).records == total - before
    database.close()
    assert stored(tmp_path) == (total, total)
