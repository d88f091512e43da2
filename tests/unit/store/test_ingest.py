"""Each record of the inbox comes into the store exactly once, and nothing goes from the inbox before."""

from __future__ import annotations

import stat

from autotrace.store.ingest import ingest
from autotrace.store.queries import Filter, list_traces, load_trace
from unit.store.inboxes import NOON, Sent, Writer, put_back, record, request, write

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
