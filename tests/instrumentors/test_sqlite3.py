"""sqlite3: the contract of database clients, and what programs do with connections and cursors."""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools
import os
import pathlib
import pickle
import sqlite3
import sys
import traceback
import warnings
import weakref

import pytest

from autotrace.conventions import sql
from autotrace.testing.contracts.db_client import DbClientContract, Work
from autotrace.trace.tracer import tracer


class TestSqlite3(DbClientContract):
    """The contract, through ``Connection.execute``."""

    instrumentors = ("sqlite3",)
    scope = "sqlite3"

    def open(self, path):
        return sqlite3.connect(path, timeout=0.1)

    def run(self, db, sql, parameters=()):
        rows = db.execute(sql, parameters).fetchall()
        db.commit()
        return rows

    def run_many(self, db, sql, rows):
        db.executemany(sql, rows)
        db.commit()

    def close(self, db):
        db.close()


class TestCursor(TestSqlite3):
    """The contract, through cursors."""

    def run(self, db, sql, parameters=()):
        rows = db.cursor().execute(sql, parameters).fetchall()
        db.commit()
        return rows

    def run_many(self, db, sql, rows):
        cursor = db.cursor()
        assert cursor.executemany(sql, rows) is cursor
        db.commit()


class ShoutingCursor(sqlite3.Cursor):
    """A cursor as programs write them."""

    def execute(self, *args):
        self.shouted = args[0].upper()
        return super().execute(*args)


class Library(sqlite3.Connection):
    """A connection as programs write them: own state, own cursor, own pickling."""

    def __init__(self, path, *args, **kwargs):
        super().__init__(path, *args, **kwargs)
        self.path = path
        self.row_factory = sqlite3.Row

    def cursor(self, factory=ShoutingCursor):
        return super().cursor(factory)

    def titles(self):
        return [row["title"] for row in self.execute("SELECT title FROM songs")]

    def __reduce__(self):
        return self.__class__, (self.path,)


class TestProgramsFactory(TestSqlite3):
    """The contract, with a connection class of the program's."""

    def open(self, path):
        return sqlite3.connect(path, timeout=0.1, factory=Library)

    def run(self, db, sql, parameters=()):
        return [tuple(row) for row in super().run(db, sql, parameters)]


@pytest.fixture
def traced(recorder, instrument):
    """sqlite3, patched."""
    instrument("sqlite3")
    return recorder


@pytest.fixture
def songs(traced):
    """A database in memory with a table; what made it is forgotten."""
    connection = sqlite3.connect(":memory:")
    connection.executescript(
        "CREATE TABLE songs (id INTEGER PRIMARY KEY, title TEXT); INSERT INTO songs VALUES (1, 'One')"
    )
    traced.clear()
    yield connection
    connection.close()


def test_types_look_like_the_librarys(songs):
    """Name, repr, class and isinstance of connections and cursors are what they are without us."""
    cursor = songs.cursor()
    for thing, kind in (
        (songs, sqlite3.Connection),
        (cursor, sqlite3.Cursor),
        (songs.execute("SELECT 1"), sqlite3.Cursor),
    ):
        assert isinstance(thing, kind)
        assert thing.__class__ is kind
        assert (type(thing).__name__, type(thing).__module__) == (kind.__name__, "sqlite3")
        assert repr(thing).startswith(f"<sqlite3.{kind.__name__} object at 0x")
        assert not hasattr(thing, "__dict__")
        with pytest.raises(TypeError):
            pickle.dumps(thing)
    assert cursor.connection is songs
    assert weakref.ref(cursor)() is cursor


def signature_of(function):
    """The signature, where there is one: some functions of C have none, or a wrong one."""
    try:
        return list(inspect.signature(function).parameters)
    except ValueError:
        return None


def test_methods_look_like_the_librarys(songs):
    """Names, documentation and signatures of the methods are the library's."""
    for thing, kind in ((songs, sqlite3.Connection), (songs.cursor(), sqlite3.Cursor)):
        for name in ("execute", "executemany", "executescript"):
            ours, theirs = getattr(thing, name), getattr(kind, name)
            assert (ours.__name__, ours.__qualname__, ours.__doc__) == (name, theirs.__qualname__, theirs.__doc__)
            assert signature_of(ours) == signature_of(theirs.__get__(thing))


def test_connect_is_pickled_by_name(traced):
    """``sqlite3.connect`` pickles and compares as one function under all its names."""
    assert pickle.loads(pickle.dumps(sqlite3.connect)) is sqlite3.connect
    assert sqlite3.connect is sqlite3.dbapi2.connect
    assert sqlite3.connect.__name__ == "connect"


@pytest.mark.parametrize("kind", [str, os.fsencode, pathlib.Path])
def test_the_file_is_named_however_it_is_given(traced, tmp_path, kind):
    """A path may be text, bytes, or an object."""
    path = str(tmp_path / "a.db")
    connection = sqlite3.connect(kind(path))
    connection.execute("SELECT 1")
    connection.close()
    assert traced.wait(1)[0]["attributes"]["db.namespace"] == path


def test_a_uri_is_named_without_its_options(traced):
    """The options of a URI are no part of the name."""
    connection = sqlite3.connect("file:shared?mode=memory&cache=shared", uri=True)
    connection.execute("SELECT 1")
    connection.close()
    assert traced.wait(1)[0]["attributes"]["db.namespace"] == "shared"


def test_a_script_is_one_span(songs, traced):
    """``executescript`` is one span that names all its statements, and no single operation."""
    songs.executescript("INSERT INTO songs VALUES (2, 'Two'); DELETE FROM songs WHERE id = 2;")
    [span] = traced.wait(1)
    assert span["name"] == "INSERT songs DELETE songs"
    assert span["attributes"] == {
        "db.system.name": "sqlite",
        "db.namespace": ":memory:",
        "db.query.text": "INSERT INTO songs VALUES (?, ?); DELETE FROM songs WHERE id = ?;",
        "db.query.summary": "INSERT songs DELETE songs",
    }


@pytest.mark.parametrize(("rows", "size"), [([], 0), ([(2, "b")], None), ([(2, "b"), (3, "c")], 2)])
def test_a_batch_of_one_is_no_batch(songs, traced, rows, size):
    """The size is 0, or 2 and more (semantic conventions)."""
    songs.executemany("INSERT INTO songs VALUES (?, ?)", rows)
    [span] = traced.wait(1)
    assert span["attributes"].get("db.operation.batch.size") == size
    assert span["name"] == ("INSERT songs" if size is None else "BATCH INSERT songs")


def test_a_batch_from_a_generator_is_not_consumed(songs, traced):
    """What has no length keeps all its rows for the database."""
    songs.executemany("INSERT INTO songs VALUES (?, ?)", ((number, "x") for number in range(5, 8)))
    assert songs.execute("SELECT count(*) FROM songs").fetchone() == (4,)
    assert "db.operation.batch.size" not in traced.wait(2)[0]["attributes"]


def test_a_function_of_the_program_runs_inside_the_query(songs, traced):
    """What SQL calls back has the query as its parent."""

    def double(number):
        with Work("callback"):
            return number * 2

    songs.create_function("double", 1, double)
    assert songs.execute("SELECT double(21)").fetchone() == (42,)
    callback, query = traced.wait(2)
    assert (callback["name"], callback["parent_id"]) == ("callback", query["span_id"])


def test_rows_and_transactions_work(songs, traced):
    """Row objects, ``with connection``, total changes: as without us, and no spans for commits by themselves."""
    songs.row_factory = sqlite3.Row
    row = songs.execute("SELECT id, title FROM songs").fetchone()
    assert (row["id"], row["title"], row.keys()) == (1, "One", ["id", "title"])
    assert sqlite3.Row(songs.cursor(), (1,))[0] == 1
    with songs:
        songs.execute("INSERT INTO songs VALUES (2, 'Two')")
    with contextlib.suppress(ZeroDivisionError), songs:
        songs.execute("DELETE FROM songs")
        raise ZeroDivisionError
    assert songs.execute("SELECT count(*) FROM songs").fetchone()[0] == 2
    assert [span["name"] for span in traced.finished()] == [
        "SELECT songs",
        "INSERT songs",
        "DELETE songs",
        "SELECT songs",
    ]


def test_ends_of_transactions(songs, traced):
    """They are spans beneath what is current, where there is a transaction, however it is ended."""
    with Work():
        songs.commit()
        with songs:
            songs.execute("INSERT INTO songs VALUES (2, 'Two')")
        with contextlib.suppress(ZeroDivisionError), songs:
            songs.execute("DELETE FROM songs")
            raise ZeroDivisionError
        songs.execute("INSERT INTO songs VALUES (3, 'Three')")
        songs.commit()
        songs.execute("INSERT INTO songs VALUES (4, 'Four')")
        songs.rollback()
        songs.rollback()
    insert, commit, *_, work = traced.finished()
    assert [span["name"] for span in traced.finished()] == [
        *("INSERT songs", "COMMIT", "DELETE songs", "ROLLBACK", "INSERT songs", "COMMIT", "INSERT songs", "ROLLBACK"),
        "work",
    ]
    assert commit == {
        "name": "COMMIT",
        "kind": "CLIENT",
        "scope": "sqlite3",
        "trace_id": work["trace_id"],
        "span_id": commit["span_id"],
        "parent_id": work["span_id"],
        "attributes": {
            "db.system.name": "sqlite",
            "db.namespace": insert["attributes"]["db.namespace"],
            "db.operation.name": "COMMIT",
            "db.query.text": "COMMIT",
            "db.query.summary": "COMMIT",
        },
        "status": "UNSET",
    }


@pytest.mark.skipif(sys.version_info < (3, 12), reason="autocommit came with Python 3.12")
def test_a_connection_that_commits_by_itself(traced):
    """Its ``commit()`` does nothing; of one with PEP 249's transactions it does."""
    with Work():
        for autocommit in (True, False):
            connection = sqlite3.connect(":memory:", autocommit=autocommit)
            if autocommit:
                connection.execute("BEGIN")
            connection.commit()
            with connection:
                connection.execute("SELECT 1")
            connection.close()
    assert [span["name"] for span in traced.finished()] == ["BEGIN", "SELECT", "COMMIT", "SELECT", "COMMIT", "work"]


def test_a_commit_that_fails_says_where(songs, traced):
    """A deferred constraint fails at the end; the program's line is told, and the line above it is not the driver's."""
    songs.executescript(
        "PRAGMA foreign_keys = on; CREATE TABLE notes (song INTEGER REFERENCES songs DEFERRABLE INITIALLY DEFERRED)"
    )
    traced.clear()
    songs.execute("INSERT INTO notes VALUES (4711)")
    with Work(), pytest.raises(sqlite3.IntegrityError):
        songs.commit()
    _, commit, _ = traced.finished()
    assert (commit["name"], commit["status"], commit["message"]) == ("COMMIT", "ERROR", "FOREIGN KEY constraint failed")
    file, _, function = traced.spans[1].failure.frames[-1]
    assert (file, function) == (__file__, "test_a_commit_that_fails_says_where")
    songs.rollback()


def test_what_is_closed_says_so(songs, traced):
    """Ends of transactions of a closed connection are the library's affair."""
    songs.close()
    with Work():
        for end in (songs.commit, songs.rollback, songs.__enter__):
            with contextlib.suppress(sqlite3.ProgrammingError):
                end()
        with pytest.raises(sqlite3.ProgrammingError):
            songs.__exit__(None, None, None)
    assert [span["name"] for span in traced.finished()] == ["work"]


def test_a_connection_is_a_span_where_it_fails_or_takes_long(traced, tmp_path, monkeypatch):
    """Beneath what is current; most take no time, and are none."""
    nowhere = str(tmp_path / "nothing" / "songs.db")
    with pytest.raises(sqlite3.OperationalError):
        sqlite3.connect(nowhere)
    with Work() as work:
        sqlite3.connect(":memory:").close()
        with pytest.raises(sqlite3.OperationalError):
            sqlite3.connect(nowhere)
        with monkeypatch.context() as patched:
            ticks = itertools.count(tracer.clock(), 1_000_000)
            patched.setattr(tracer, "clock", lambda: next(ticks))
            sqlite3.connect(":memory:").close()
    failed, long, _ = traced.wait(3)
    assert failed == {
        "name": "connect",
        "kind": "CLIENT",
        "scope": "sqlite3",
        "trace_id": failed["trace_id"],
        "span_id": failed["span_id"],
        "parent_id": work.span_id,
        "attributes": {
            "db.system.name": "sqlite",
            "db.namespace": nowhere,
            "error.type": "sqlite3.OperationalError",
            **({"db.response.status_code": "SQLITE_CANTOPEN"} if sys.version_info >= (3, 11) else {}),
        },
        "status": "ERROR",
        "message": "unable to open database file",
        "exception": "sqlite3.OperationalError: unable to open database file",
    }
    assert (long["name"], long["parent_id"]) == ("connect", work.span_id)
    assert (long["attributes"], long["status"]) == ({"db.system.name": "sqlite", "db.namespace": ":memory:"}, "UNSET")


def test_backup_dump_and_blobs_work(songs, traced):
    """What takes connections in C takes ours."""
    copy = sqlite3.connect(":memory:")
    songs.backup(copy)
    assert copy.execute("SELECT title FROM songs").fetchall() == [("One",)]
    assert any("INSERT INTO" in line for line in copy.iterdump())
    if sys.version_info >= (3, 11):
        copy.execute("INSERT INTO songs VALUES (9, zeroblob(3))")
        with copy.blobopen("songs", "title", 9) as blob:
            blob.write(b"abc")
    copy.close()


def connect_by_position(path):
    """Give the factory as the sixth argument, which newer versions frown upon, and from Python 3.15 on refuse."""
    if sys.version_info >= (3, 15):
        return sqlite3.connect(path, factory=Library)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return sqlite3.connect(path, 5.0, 0, None, True, Library)


def test_a_programs_classes_are_theirs(traced, tmp_path):
    """A factory of the program's keeps its methods, state, class and pickling, and its cursors are its own."""
    path = str(tmp_path / "library.db")
    library = sqlite3.connect(path, factory=Library)
    library.execute("CREATE TABLE songs (title TEXT)")
    library.execute("INSERT INTO songs VALUES ('One')")
    library.commit()
    traced.clear()
    assert library.titles() == ["One"]
    assert traced.wait(1)[0]["name"] == "SELECT songs"
    assert (type(library).__name__, type(library).__module__, library.__class__) == ("Library", __name__, Library)
    assert isinstance(library, Library)
    second = connect_by_position(path)
    assert type(library) is type(second)
    second.close()
    again = pickle.loads(pickle.dumps(library))
    assert type(again) is Library
    assert again.titles() == ["One"]
    again.close()
    cursor = library.cursor()
    cursor.execute("SELECT 1")
    assert isinstance(cursor, ShoutingCursor)
    assert cursor.shouted == "SELECT 1"
    library.close()


def test_a_cursor_class_may_be_given(songs, traced):
    """``cursor(factory)`` makes traced cursors of the program's class, by position and by name."""
    for cursor in (songs.cursor(ShoutingCursor), songs.cursor(factory=ShoutingCursor)):
        assert isinstance(cursor, ShoutingCursor)
        assert cursor.execute("SELECT 7").fetchone() == (7,)
        assert cursor.shouted == "SELECT 7"
    assert len(traced.wait(2)) == 2


def test_factories_that_are_not_classes_work_untraced(traced):
    """A function may make the connection, and a cursor."""
    connection = sqlite3.connect(":memory:", factory=lambda *args, **kwargs: Library(args[0]))
    assert type(connection) is Library
    assert type(connection.cursor(functools.partial(ShoutingCursor))) is ShoutingCursor
    connection.close()
    assert traced.finished() == []


def test_a_factory_that_forgets_our_init_is_traced_without_a_name(traced):
    """A class that calls ``sqlite3.Connection.__init__`` by name loses the namespace, nothing else."""

    class Blunt(sqlite3.Connection):
        def __init__(self, *args, **kwargs):
            sqlite3.Connection.__init__(self, *args, **kwargs)

    connection = sqlite3.connect(":memory:", factory=Blunt)
    connection.execute("SELECT 1")
    connection.close()
    assert "db.namespace" not in traced.wait(1)[0]["attributes"]


def test_a_factory_with_slots_is_traced(traced):
    """Slots of the program's and ours do not conflict."""

    class Slotted(sqlite3.Connection):
        __slots__ = ("note",)

    connection = sqlite3.connect(":memory:", factory=Slotted)
    connection.note = "kept"
    connection.execute("SELECT 1")
    assert connection.note == "kept"
    assert not hasattr(connection, "__dict__")
    connection.close()
    assert len(traced.wait(1)) == 1


def test_a_factorys_subclass_goes_away_with_it(traced):
    """A class made for a factory does not outlive it."""
    import gc

    class Short(sqlite3.Connection):
        pass

    sqlite3.connect(":memory:", factory=Short).close()
    seen = weakref.ref(Short)
    del Short
    gc.collect()
    assert seen() is None


def test_wrong_calls_fail_as_without_us(songs, traced):
    """What is no query makes no span, and the error is the library's."""
    for wrong in ((), (1,), ("SELECT 1", 2, 3)):
        with pytest.raises((TypeError, ValueError)) as ours:
            songs.cursor().execute(*wrong)
        with pytest.raises((TypeError, ValueError)) as theirs:
            sqlite3.Cursor.execute(songs.cursor(), *wrong)
        assert (type(ours.value), str(ours.value)) == (type(theirs.value), str(theirs.value))
    songs.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        songs.execute("SELECT 1")


def test_a_query_given_as_a_subclass_of_text_is_a_fact_of_text(songs, traced):
    """Nothing but plain text is kept."""

    class Sql(str):
        __slots__ = ("owner",)

    songs.execute(Sql("SELECT 1"))
    traced.wait(1)
    assert type(traced.spans[0].facts[1]) is str


@pytest.mark.skipif(sys.version_info < (3, 11), reason="before Python 3.11 no code can hide its frame")
def test_tracebacks_of_a_programs_classes_show_only_theirs(traced):
    """From the program's ``execute`` to the error there is no frame of ours, nor on the way into a constructor."""

    class Picky(sqlite3.Connection):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            try:
                self.cursor(ShoutingCursor).execute("SELEC")
            finally:
                self.close()

    with pytest.raises(sqlite3.OperationalError) as caught:
        sqlite3.connect(":memory:", factory=Picky)
    frames = [
        frame.name
        for frame in traceback.extract_tb(caught.value.__traceback__)
        if "site-packages" not in frame.filename
    ]
    assert frames[-2:] == ["__init__", "execute"]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="before Python 3.11 no code can hide its frame")
def test_the_traceback_of_connect_shows_no_frame_of_ours(traced, tmp_path):
    """A database that cannot be opened fails in the program's line."""
    with pytest.raises(sqlite3.OperationalError) as caught:
        sqlite3.connect(tmp_path / "nowhere" / "a.db")
    assert [frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)] == [__file__]


def test_nothing_is_read_on_the_request_path(songs, monkeypatch):
    """Sanitising happens when spans are described, not when queries run."""
    monkeypatch.setattr(sql, "_read", None)
    songs.execute("SELECT 'never read before'")


def test_undoing_takes_every_name_back(recorder, instrument):
    """Taken back, connections are plain again."""
    from autotrace.testing import recorder as recording

    plain = sqlite3.connect
    undo = recording.instrument("sqlite3")
    assert sqlite3.connect is not plain
    undo()
    assert sqlite3.connect is plain
    connection = sqlite3.connect(":memory:")
    assert type(connection) is sqlite3.Connection
    connection.close()


def test_a_query_that_a_query_calls_for_is_told(recorder, instrument):
    """A function, a collation, and rows that come from another query: each of their queries is a child of the one that asks."""
    instrument("sqlite3")
    main, other = sqlite3.connect(":memory:"), sqlite3.connect(":memory:")
    main.execute("CREATE TABLE t (a TEXT)")

    def ask():
        return other.execute("SELECT 1 AS asked").fetchone()[0]

    def rows():
        for _ in range(2):
            yield (str(other.execute("SELECT 2 AS row").fetchone()[0]),)

    def compare(left, right):
        other.execute("SELECT 3 AS compared")
        return (left > right) - (left < right)

    main.create_function("ask", 0, ask)
    main.create_collation("asking", compare)
    recorder.clear()
    assert main.execute("SELECT ask()").fetchone() == (1,)
    main.executemany("INSERT INTO t (a) VALUES (?)", rows())
    assert len(main.execute("SELECT a FROM t ORDER BY a COLLATE asking").fetchall()) == 2
    with pytest.raises(sqlite3.OperationalError):
        main.executescript("SELECT ask(); SELECT nothing")
    spans = recorder.finished()
    numbers = {span["span_id"]: span["attributes"]["db.query.text"] for span in spans}
    assert [(span["attributes"]["db.query.text"], numbers.get(span["parent_id"])) for span in spans] == [
        ("SELECT ? AS asked", "SELECT ask()"),
        ("SELECT ask()", None),
        *[("SELECT ? AS row", "INSERT INTO t (a) VALUES (?)")] * 2,
        ("INSERT INTO t (a) VALUES (?)", None),
        ("SELECT ? AS compared", "SELECT a FROM t ORDER BY a COLLATE asking"),
        ("SELECT a FROM t ORDER BY a COLLATE asking", None),
        ("SELECT ? AS asked", "SELECT ask(); SELECT nothing"),
        ("SELECT ask(); SELECT nothing", None),
    ]
    main.close()
    other.close()
