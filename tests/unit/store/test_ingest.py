"""Each record of the inbox comes into the store exactly once, and nothing goes from the inbox before."""

from __future__ import annotations

import stat

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from autotrace.store.ingest import ingest
from autotrace.store.queries import Filter, list_traces, load_trace
from unit.store.inboxes import MAGIC, MAGIC_1, NOON, Sent, Writer, put_back, record, record_1, request, write

TRACE = Sent("x", 0, 1).trace


def spans(database):
    return database.execute("SELECT count(*) FROM spans").fetchone()[0]


def offsets(database):
    return {row["path"].rpartition("/")[2]: row["offset"] for row in database.execute("SELECT * FROM files")}


def test_takes_all_records(database, inbox):
    """Every span of every record arrives with all its fields."""
    attributes = {
        "text": "ü",
        "yes": True,
        "count": 2**40,
        "half": 0.5,
        "odd": float("nan"),
        "raw": b"\x00\xff",
        "list": ["a", 1],
        "map": {"a": {"b": 1}},
    }
    root = Sent("GET /", 0, 10, "web", "SERVER", 1, attributes=attributes, links=[("ab" * 16, 7)])
    child = Sent("fail", 2, 5, "web", "INTERNAL", 2, 1, error=("ValueError", "no"))
    write(inbox, request(root), request(child))
    report = ingest(database, inbox)
    assert (report.records, report.spans, report.refused, report.damaged) == (2, 2, 0, {})
    first, second = load_trace(database, TRACE).spans
    assert (first.name, first.kind, first.service, first.scope) == ("GET /", "SERVER", "web", "autotrace.test")
    assert (first.start_ns, first.end_ns, first.parent_id) == (NOON, NOON + 10_000_000, None)
    assert first.attributes == {**attributes, "odd": "NaN", "raw": "AP8="}
    assert first.links == [{"trace_id": "ab" * 16, "span_id": "0000000000000007", "attributes": {}}]
    assert first.resource == {"service.name": "web", "process.pid": 4711}
    assert (second.status, second.status_message, second.parent_id) == ("ERROR", "no", first.span_id)
    assert second.events[0]["attributes"]["exception.type"] == "ValueError"


def test_takes_nothing_twice(database, inbox):
    """A second look finds nothing new, and the file's offset stays."""
    path = write(inbox, request(Sent("a", 0, 1)))
    ingest(database, inbox)
    report = ingest(database, inbox)
    assert (report.records, report.spans) == (0, 0)
    assert offsets(database) == {path.name: path.stat().st_size}


def test_many_small_transactions_take_the_same(database, inbox):
    """However small the chunks are, every record comes once."""
    write(inbox, *(request(Sent("a", n, n + 1, span_id=n + 1)) for n in range(50)))
    assert ingest(database, inbox, chunk_bytes=1).records == 50
    assert spans(database) == 50


def test_follows_a_living_writer(database, inbox):
    """A record that is half written is taken when it is whole; the file of a living writer stays, however old."""
    writer = Writer(inbox)
    writer.append(Sent("a", 0, 1, span_id=1))
    whole = record(request(Sent("b", 0, 1, span_id=2)))
    writer.raw(whole[:11])
    report = ingest(database, inbox)
    assert (report.records, report.damaged) == (1, {})
    writer.raw(whole[11:])
    put_back(writer.path, 100)
    assert ingest(database, inbox).records == 1
    assert writer.path.exists()
    assert spans(database) == 2
    writer.close()
    ingest(database, inbox)
    assert not writer.path.exists()


def test_finished_files_go_when_settled(database, inbox):
    """A finished file is deleted once it is in the store and older than ten seconds, and its offset with it."""
    path = write(inbox, request(Sent("a", 0, 1)))
    ingest(database, inbox)
    assert path.exists()
    put_back(path, 11)
    ingest(database, inbox)
    assert not path.exists()
    ingest(database, inbox)
    assert offsets(database) == {}
    assert spans(database) == 1


def test_old_file_is_taken_and_deleted_in_one_go(database, inbox):
    """A settled file needs one look only."""
    path = write(inbox, request(Sent("a", 0, 1)), age=60)
    assert ingest(database, inbox).records == 1
    assert not path.exists()


def test_torn_tail_is_damage_when_the_writer_is_gone(database, inbox):
    """What a killed process left half written is counted once, said, and does not keep the file."""
    path = write(inbox, request(Sent("a", 0, 1)), tail=record(request(Sent("b", 0, 1)))[:-3])
    lost = len(record(request(Sent("b", 0, 1)))) - 3
    report = ingest(database, inbox)
    assert (report.records, report.damaged) == (1, {path.name: lost})
    assert ingest(database, inbox).damaged == {}
    put_back(path, 11)
    ingest(database, inbox)
    assert not path.exists()


def test_reading_stops_at_a_bad_checksum(database, inbox):
    """Nothing behind a broken record is believed."""
    broken = bytearray(record(request(Sent("b", 0, 1, span_id=2))))
    broken[-1] ^= 1
    write(inbox, request(Sent("a", 0, 1)), tail=bytes(broken) + record(request(Sent("c", 0, 1, span_id=3))))
    report = ingest(database, inbox)
    assert report.records == 1
    assert list(report.damaged.values()) == [len(broken) + len(record(request(Sent("c", 0, 1, span_id=3))))]


def test_zeros_are_no_records(database, inbox):
    """A tail of zeros, as a power cut leaves it, is damage and not a thousand empty records."""
    path = write(inbox, request(Sent("a", 0, 1)), tail=bytes(4096))
    report = ingest(database, inbox)
    assert (report.records, report.damaged) == (1, {path.name: 4096})


def test_an_absurd_length_is_damage(database, inbox):
    """A length beyond what OTLP allows is not waited or allocated for."""
    path = write(inbox, tail=b"\xff\xff\xff\x7f" + bytes(4))
    assert ingest(database, inbox).damaged == {path.name: 8}


def test_records_that_are_no_request_are_counted(database, inbox):
    """A whole record with a foreign payload is passed over, and what follows it is taken."""
    write(inbox, b"\xff\xff\xff\xff", request(Sent("a", 0, 1)))
    report = ingest(database, inbox)
    assert (report.records, report.spans, report.refused) == (2, 1, 1)


def test_spans_without_ids_are_counted(database, inbox):
    """A span that cannot be placed is refused, its neighbours are not."""
    write(inbox, request(Sent("a", 0, 1, trace=""), Sent("b", 0, 1)))
    report = ingest(database, inbox)
    assert (report.spans, report.refused) == (1, 1)


METRICS = ExportMetricsServiceRequest(
    resource_metrics=[{"scope_metrics": [{"metrics": [{"name": "pizzas", "unit": "{pizza}"}]}]}]
).SerializeToString()


def names(database):
    """The names of all spans in the store."""
    return [row[0] for row in database.execute("SELECT name FROM spans ORDER BY start_ns")]


def test_a_file_of_format_1_is_read(database, inbox):
    """As an older autotrace left it, with an end that is torn."""
    inbox.mkdir()
    path = inbox / "1-1-1.spans"
    payloads = [request(Sent(name, n, 9, span_id=n + 1)) for n, name in enumerate("ab")]
    path.write_bytes(MAGIC_1 + b"".join(map(record_1, payloads)) + record_1(payloads[0])[:-1])
    report = ingest(database, inbox)
    assert (report.records, report.spans, report.skipped) == (2, 2, {})
    assert report.damaged == {path.name: len(record_1(payloads[0])) - 1}
    assert names(database) == ["a", "b"]


def test_a_file_of_format_1_that_was_read_in_part_goes_on(database, inbox):
    """An older writer may still be at it after the reader is a newer one."""
    writer = Writer(inbox, magic=MAGIC_1)
    writer.raw(record_1(request(Sent("a", 0, 1, span_id=1))))
    assert ingest(database, inbox).records == 1
    writer.raw(record_1(request(Sent("b", 1, 2, span_id=2))))
    assert ingest(database, inbox).records == 1
    writer.close()
    assert names(database) == ["a", "b"]


def test_records_of_another_signal_are_skipped_and_counted(database, inbox):
    """A request of metrics can be read as one of traces, with a span in it; its tag says what it is, and it is left alone."""
    assert ExportTraceServiceRequest.FromString(METRICS).resource_spans
    inbox.mkdir()
    spans = [record(request(Sent(name, n, 9, span_id=n + 1))) for n, name in enumerate("ab")]
    others = [
        record(METRICS, 2),
        record(b"log", 3),
        record(METRICS, 2),
        record(b"?", 9),
        record(b"?", 1, 2),
        record(b"?", 2, 7),
    ]
    path = inbox / "1-1-1.spans"
    path.write_bytes(MAGIC + spans[0] + b"".join(others) + spans[1])
    report = ingest(database, inbox)
    assert (report.records, report.spans, report.refused, report.damaged) == (8, 2, 0, {})
    skipped = {"metrics": 2, "logs": 1, "signal 9": 1, "version 2 of traces": 1, "version 7 of metrics": 1}
    assert report.skipped == skipped
    assert names(database) == ["a", "b"]
    assert ingest(database, inbox).skipped == {}
    put_back(path, 11)
    ingest(database, inbox)
    assert not path.exists()


def test_a_record_whose_tag_is_changed_is_damage(database, inbox):
    """Else a flipped bit would make a span of a metric."""
    changed = bytearray(record(METRICS, 2))
    assert changed[8] == 2
    changed[8] = 1
    path = write(inbox, tail=bytes(changed))
    report = ingest(database, inbox)
    assert (report.records, report.damaged, report.skipped) == (0, {path.name: len(changed)}, {})


def test_young_files_with_a_header_are_left_alone(database, inbox):
    """A process that is just starting keeps its file; long afterwards the empty file goes."""
    path = write(inbox)
    ingest(database, inbox)
    assert path.exists()
    assert offsets(database) == {}
    put_back(path, 11)
    ingest(database, inbox)
    assert not path.exists()


def test_foreign_files(database, inbox):
    """A file with another beginning is damage, a file with another ending is nobody's business."""
    inbox.mkdir()
    (inbox / "0-0-0.spans").write_bytes(b"autotrc9 something")
    (inbox / "notes.txt").write_text("mine")
    assert ingest(database, inbox).damaged == {"0-0-0.spans": 18}
    assert (inbox / "notes.txt").exists()


def test_no_inbox(database, inbox):
    """Before the first traced process there is nothing to take, and no directory is made."""
    assert ingest(database, inbox).records == 0
    assert not inbox.exists()


def test_an_unreadable_file_does_not_hide_the_others(database, inbox):
    """What cannot be opened is named; the rest is taken."""
    inbox.mkdir()
    (inbox / "0-0-0.spans").mkdir()
    put_back(inbox / "0-0-0.spans", 11)
    write(inbox, request(Sent("a", 0, 1)))
    report = ingest(database, inbox)
    assert list(report.unreadable) == ["0-0-0.spans"]
    assert report.spans == 1


def test_only_the_owner_may_read(database, inbox, tmp_path):
    """The store and its side files have mode 0600."""
    write(inbox, request(Sent("a", 0, 1)))
    ingest(database, inbox)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("traces.sqlite*")}
    assert modes
    assert set(modes.values()) == {0o600}


def test_huge_times_are_kept(database, inbox):
    """A time beyond SQLite's integers, from a broken sender, does not stop the inbox."""
    write(inbox, request(Sent("a", 0, (2**64 - 1 - NOON) // 1_000_000)))
    assert ingest(database, inbox).spans == 1
    assert list_traces(database, Filter())[0].spans == 1
