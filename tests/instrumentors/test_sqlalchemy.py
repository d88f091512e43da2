"""SQLAlchemy: the contract of database clients, and the ways in which programs send statements."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time

import pytest
import sqlalchemy
from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, create_engine, select, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session, declarative_base, relationship
from sqlalchemy.pool import AsyncAdaptedQueuePool, QueuePool

from autotrace.testing.contracts.db_client import DbClientContract, Work
from autotrace.trace.tracer import tracer

VERSION = tuple(int(part) for part in sqlalchemy.__version__.split(".")[:2])


class TestEngine(DbClientContract):
    """The contract, through ``exec_driver_sql``; the driver beneath is patched as well."""

    instrumentors = ("sqlalchemy", "sqlite3")
    scope = "sqlalchemy"
    error = sqlalchemy.exc.OperationalError
    error_name = "sqlalchemy.exc.OperationalError"

    def open(self, path):
        return create_engine(f"sqlite:///{path}", poolclass=QueuePool, connect_args={"timeout": 0.1})

    def run(self, db, sql, parameters=()):
        with db.begin() as connection:
            result = connection.exec_driver_sql(sql, parameters)
            return [tuple(row) for row in result] if result.returns_rows else []

    def run_many(self, db, sql, rows):
        with db.begin() as connection:
            connection.exec_driver_sql(sql, rows)

    def close(self, db):
        db.dispose()


class TestText(TestEngine):
    """The contract, through ``text()``; SQLAlchemy has parameters by name."""

    def run(self, db, sql, parameters=()):
        with db.begin() as connection:
            sql, named = sql.replace("?", ":first"), {"first": parameters[0]} if parameters else {}
            result = connection.execute(text(sql), named)
            return [tuple(row) for row in result] if result.returns_rows else []


class AsyncDatabase:
    """An asynchronous engine and its loop."""

    def __init__(self, path):
        self.loop = asyncio.new_event_loop()
        url = f"sqlite+aiosqlite:///{path}"
        self.engine = create_async_engine(url, poolclass=AsyncAdaptedQueuePool, connect_args={"timeout": 0.1})

    def __call__(self, sql, parameters):
        return self.loop.run_until_complete(self._run(sql, parameters))

    async def _run(self, sql, parameters):
        async with self.engine.begin() as connection:
            result = await connection.exec_driver_sql(sql, parameters)
            return [tuple(row) for row in result] if result.returns_rows else []


class TestAsyncEngine(TestEngine):
    """The contract, through an asynchronous engine, whose driver runs in another thread."""

    instrumentors = ("threads", "aiosqlite", "sqlalchemy", "sqlite3")

    def open(self, path):
        return AsyncDatabase(path)

    def run(self, db, sql, parameters=()):
        return db(sql, parameters)

    def run_many(self, db, sql, rows):
        db(sql, rows)

    def close(self, db):
        db.loop.run_until_complete(db.engine.dispose())
        db.loop.close()


Base = declarative_base()


class Artist(Base):
    """Somebody with songs."""

    __tablename__ = "artists"
    id = Column(Integer, primary_key=True)
    name = Column(String)
    songs = relationship("Song", back_populates="artist")


class Song(Base):
    """A song of somebody."""

    __tablename__ = "songs"
    id = Column(Integer, primary_key=True)
    title = Column(String)
    artist_id = Column(Integer, ForeignKey("artists.id"))
    artist = relationship("Artist", back_populates="songs")


@pytest.fixture
def engine(recorder, instrument):
    """An engine on a database in memory; the driver is patched as well."""
    instrument("sqlalchemy", "sqlite3")
    made = create_engine("sqlite://")
    Base.metadata.create_all(made)
    recorder.clear()
    yield made
    made.dispose()


def names(recorder):
    """What the spans are called."""
    return [span["name"] for span in recorder.finished()]


def test_core_and_ddl(engine, recorder):
    """DDL, inserts, selects with a list: one span each, with the text as the driver got it."""
    numbers = Table("numbers", MetaData(), Column("n", Integer))
    with engine.begin() as connection:
        numbers.create(connection)
        connection.execute(numbers.insert(), [{"n": 1}, {"n": 2}])
        found = connection.execute(select(numbers.c.n).where(numbers.c.n.in_([1, 2, 3])))
        assert [row[0] for row in found] == [1, 2]
    spans = [span for span in recorder.finished() if not span["name"].startswith("PRAGMA")]
    assert [span["name"] for span in spans] == ["CREATE TABLE numbers", "BATCH INSERT numbers", "SELECT numbers"]
    assert {span["scope"] for span in spans} == {"sqlalchemy"}
    assert spans[2]["attributes"] == {
        "db.system.name": "sqlite",
        "db.namespace": ":memory:",
        "db.operation.name": "SELECT",
        "db.collection.name": "numbers",
        "db.query.text": "SELECT numbers.n \nFROM numbers \nWHERE numbers.n IN (?)",
        "db.query.summary": "SELECT numbers",
    }
    assert spans[1]["attributes"]["db.operation.batch.size"] == 2


def test_the_orm_and_its_hidden_queries(engine, recorder):
    """A lazy relation shows as one query more for each object: N+1."""
    with Session(engine) as session, Work():
        session.add_all(
            [Artist(name=f"artist {number}", songs=[Song(title="x"), Song(title="y")]) for number in range(3)]
        )
        session.commit()
        recorder.clear()
        assert sum(len(artist.songs) for artist in session.execute(select(Artist)).scalars()) == 6
    *queries, work = recorder.finished()
    assert [span["name"] for span in queries] == ["SELECT artists", *["SELECT songs"] * 3]
    assert {span["parent_id"] for span in queries} == {work["span_id"]}
    assert len({span["attributes"]["db.query.text"] for span in queries}) == 2


def test_many_rows_with_their_keys_are_one_batch(engine, recorder):
    """A flush that returns keys is one span with its size, however many statements the library makes of it."""
    with Session(engine) as session:
        songs = [Song(title=str(number)) for number in range(2500)]
        session.add_all(songs)
        session.flush()
        assert len({song.id for song in songs}) == 2500
        session.rollback()
    inserts = [span for span in recorder.finished() if "INSERT songs" in span["name"]]
    if VERSION >= (2, 0):
        assert [span["attributes"]["db.operation.batch.size"] for span in inserts] == [2500]
        assert (
            inserts[0]["attributes"]["db.query.text"]
            == "INSERT INTO songs (title, artist_id) VALUES (?, ?) RETURNING id"
        )
    else:
        assert len(inserts) == 2500


def test_a_failure_is_the_librarys_with_the_drivers_cause(engine, recorder):
    """Statement, parameters and cause of the exception are as without us."""
    with engine.begin() as connection:
        connection.execute(Song.__table__.insert(), {"id": 1, "title": "One"})
    with pytest.raises(sqlalchemy.exc.IntegrityError) as caught, engine.begin() as connection:
        connection.execute(Song.__table__.insert(), {"id": 1, "title": "Two"})
    assert isinstance(caught.value.orig, sqlite3.IntegrityError)
    assert caught.value.__cause__ is caught.value.orig
    assert caught.value.params == (1, "Two")
    _, span = recorder.wait(2)
    assert (span["status"], span["attributes"]["error.type"]) == ("ERROR", "sqlalchemy.exc.IntegrityError")
    assert span["attributes"]["db.query.text"] == "INSERT INTO songs (id, title) VALUES (?, ?)"


def test_a_list_in_a_failing_query_is_told_as_it_was_sent(engine, recorder):
    """The markers that the library has for lists are gone from the text also when the query fails."""
    missing = Table("missing", MetaData(), Column("n", Integer))
    with pytest.raises(sqlalchemy.exc.OperationalError), engine.connect() as connection:
        connection.execute(select(missing.c.n).where(missing.c.n.in_([1, 2])))
    [span] = recorder.wait(1)
    assert span["attributes"]["db.query.text"] == "SELECT missing.n \nFROM missing \nWHERE missing.n IN (?)"


def test_a_raw_connection_is_the_drivers(engine, recorder):
    """What goes past the library is told by the driver's instrumentor."""
    raw = engine.raw_connection()
    cursor = raw.cursor()
    cursor.execute("SELECT title FROM songs")
    cursor.close()
    raw.close()
    [span] = recorder.wait(1)
    assert (span["scope"], span["name"]) == ("sqlite3", "SELECT songs")


def test_a_programs_connection_class_and_events(engine, recorder):
    """Event hooks run and see the same connection and cursor; a listener may change the statement."""
    seen = []

    @sqlalchemy.event.listens_for(engine, "before_cursor_execute", retval=True)
    def change(connection, cursor, statement, parameters, context, executemany):
        seen.append((statement, isinstance(cursor, sqlite3.Cursor)))
        return statement + " -- hello", parameters

    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    assert seen == [("SELECT 1", True)]
    recorder.wait(1)


@pytest.mark.parametrize(
    ("dialect", "url", "attributes"),
    [
        ("postgresql", "x://u:p@db.example:5432/shop", {"db.namespace": "shop", "server.address": "db.example"}),
        ("mysql", "x://h:3307/shop", {"db.namespace": "shop", "server.address": "h", "server.port": 3307}),
        ("mssql", "x://h/shop", {"db.namespace": "shop", "server.address": "h"}),
        ("oracle", "x://h:1521", {"server.address": "h"}),
        ("duckdb", "x://", {}),
    ],
)
def test_other_systems_by_their_url(recorder, instrument, dialect, url, attributes):
    """System, database, host and port come from the dialect and the URL; the default port is left out."""
    instrument("sqlalchemy")
    engine = create_engine("sqlite://")
    engine.url = sqlalchemy.engine.make_url(url)
    with engine.connect() as connection:
        connection.dialect.name = dialect
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    engine.dispose()
    _, span = recorder.wait(2)
    system = {"mssql": "microsoft.sql_server", "oracle": "oracle.db"}.get(dialect, dialect)
    assert span["attributes"] == {
        "db.system.name": system,
        "db.operation.name": "SELECT",
        "db.query.text": "SELECT ?",
        "db.query.summary": "SELECT",
        **attributes,
    }


def test_tasks_of_an_async_engine_have_their_own_parents(tmp_path, recorder, instrument):
    """Queries of tasks that run at the same time are children of their own task's span, and none is the driver's."""
    instrument("threads", "futures", "aiosqlite", "sqlalchemy", "sqlite3")
    parents = {}

    async def request(engine, number):
        with Work(f"request {number}") as span:
            parents[number] = span.span_id
            for _ in range(3):
                async with engine.connect() as connection:
                    await connection.execute(text(f"SELECT {number} AS of_{number}"))
                    await asyncio.sleep(0)

    async def main():
        engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/a.db")
        await asyncio.gather(*(request(engine, number) for number in range(5)))
        await engine.dispose()

    asyncio.run(main())
    for number in range(5):
        spans = [
            span
            for span in recorder.finished()
            if span["attributes"].get("db.query.text") == f"SELECT ? AS of_{number}"
        ]
        assert [(span["scope"], span["parent_id"]) for span in spans] == [("sqlalchemy", parents[number])] * 3


def test_what_a_listener_asks_is_told(engine, recorder, tmp_path):
    """It is another query, whichever connection it is asked on, also with the same text; the driver's is still left out."""
    other = create_engine(f"sqlite:///{tmp_path}/other.db", poolclass=QueuePool)
    raw = sqlite3.connect(":memory:")

    def before(connection, cursor, statement, parameters, context, executemany):
        with other.connect() as second:
            second.execute(text("SELECT 1 AS before"))
        raw.execute("SELECT 2 AS outer")

    @sqlalchemy.event.listens_for(engine, "after_cursor_execute")
    def after(connection, cursor, statement, parameters, context, executemany):
        if "after" not in statement:
            connection.exec_driver_sql("SELECT 3 AS after")
        cursor.connection.execute("SELECT 4 AS raw")

    with other.connect() as first:
        first.execute(text("SELECT 0"))
    sqlalchemy.event.listen(engine, "before_cursor_execute", before)
    recorder.clear()
    with engine.connect() as connection, Work():
        connection.exec_driver_sql("SELECT 2 AS outer")
    other.dispose()
    raw.close()
    spans = [(span["scope"], text_of(span), span["parent_id"], span["span_id"]) for span in recorder.finished()]
    *inner, (_, outer_text, _, outer), _ = spans
    assert outer_text == "SELECT ? AS outer"
    [after_id] = [number for _, said, _, number in inner if said == "SELECT ? AS after"]
    listened = [
        ("sqlalchemy", "SELECT ? AS before"),
        ("sqlite3", "SELECT ? AS outer"),
    ]
    raw_query = ("sqlite3", "SELECT ? AS raw")
    assert [(scope, said) for scope, said, parent, _ in inner if parent == outer] == (
        [*listened, ("sqlalchemy", "SELECT ? AS after"), raw_query]
    )
    assert [(scope, said) for scope, said, parent, _ in inner if parent == after_id] == [*listened, raw_query]


def text_of(span):
    """The text that a span tells."""
    return span["attributes"].get("db.query.text")


@pytest.mark.parametrize("many", [False, True])
def test_a_rewritten_statement_is_told_as_it_ran(engine, recorder, many):
    """A listener that returns another statement decides what runs, so its text is told, also where that fails."""

    @sqlalchemy.event.listens_for(engine, "before_cursor_execute", retval=True)
    def change(connection, cursor, statement, parameters, context, executemany):
        return statement.replace("everything", "songs"), parameters

    rows = [{"t": "a"}, {"t": "b"}] if many else {"t": "a"}
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO everything (title) VALUES (:t)"), rows)
    with pytest.raises(sqlalchemy.exc.OperationalError), engine.begin() as connection:
        connection.execute(text("INSERT INTO everything (nothing) VALUES (:t)"), rows)
    assert [(span["scope"], text_of(span), span["status"]) for span in recorder.wait(2)] == [
        ("sqlalchemy", "INSERT INTO songs (title) VALUES (?)", "UNSET"),
        ("sqlalchemy", "INSERT INTO songs (nothing) VALUES (?)", "ERROR"),
    ]


def test_many_rows_with_their_keys_and_a_listener_are_one_batch(engine, recorder):
    """A listener changes nothing of how what the library splits is told."""
    sqlalchemy.event.listen(engine, "before_cursor_execute", lambda *given: None)
    with Session(engine) as session:
        session.add_all([Song(title=str(number)) for number in range(1500)])
        session.flush()
        session.rollback()
    spans = [span for span in recorder.finished() if "INSERT songs" in span["name"]]
    assert {span["scope"] for span in spans} == {"sqlalchemy"}
    assert len(spans) == (1 if VERSION >= (2, 0) else 1500)


def test_a_function_of_the_programs_that_the_database_calls_asks_for_itself(engine, recorder):
    """Its queries are told, whether on the driver or on an engine; those that call it are told once."""
    other = create_engine("sqlite://")
    with other.connect() as second, engine.connect() as connection:
        raw = sqlite3.connect(":memory:", check_same_thread=False)

        def ask():
            second.exec_driver_sql("SELECT 5 AS by_engine")
            return raw.execute("SELECT 6 AS by_driver").fetchone()[0]

        connection.connection.create_function("ask", 0, ask)
        recorder.clear()
        assert connection.exec_driver_sql("SELECT ask()").scalar() == 6
        raw.close()
    first, third, outer = recorder.wait(3)
    assert [(span["scope"], text_of(span)) for span in (first, third, outer)] == [
        ("sqlalchemy", "SELECT ? AS by_engine"),
        ("sqlite3", "SELECT ? AS by_driver"),
        ("sqlalchemy", "SELECT ask()"),
    ]
    assert {first["parent_id"], third["parent_id"]} == {outer["span_id"]}
    other.dispose()


def test_what_the_library_asks_on_a_new_connection_is_beneath_one_span(tmp_path, recorder, instrument):
    """So is what the program's listeners ask there; a connection of the pool is opened once."""
    instrument("sqlalchemy", "sqlite3")
    engine = create_engine(f"sqlite:///{tmp_path}/a.db", poolclass=QueuePool)

    @sqlalchemy.event.listens_for(engine, "connect")
    def configure(connection, record):
        connection.execute("PRAGMA foreign_keys = ON")

    for _ in range(2):
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
    engine.dispose()
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
    engine.dispose()
    spans = recorder.finished()
    roots = [span for span in spans if not span["parent_id"]]
    assert [span["name"] for span in roots] == ["connect", "SELECT", "SELECT", "connect", "SELECT"]
    assert "PRAGMA foreign_keys" in [span["name"] for span in spans if span["parent_id"] == roots[0]["span_id"]]
    assert {span["parent_id"] for span in spans if span not in roots} == {roots[0]["span_id"], roots[3]["span_id"]}
    for connect in (roots[0], roots[3]):
        assert (connect["kind"], connect["scope"], connect["status"]) == ("CLIENT", "sqlalchemy", "UNSET")
        assert connect["attributes"] == {"db.system.name": "sqlite", "db.namespace": f"{tmp_path}/a.db"}


def test_what_a_dialect_asks_on_its_first_connection_is_beneath_the_same_span(recorder, instrument, monkeypatch):
    """As those of servers do, by statements of the library's and past it; only the first connection is asked so."""
    instrument("sqlalchemy", "sqlite3")
    engine = create_engine("sqlite://", poolclass=QueuePool)
    initialize = type(engine.dialect).initialize

    def asking(dialect, connection):
        initialize(dialect, connection)
        assert connection.exec_driver_sql("SELECT 1 AS version").scalar() == 1
        connection.connection.cursor().execute("SELECT 2 AS encoding")

    monkeypatch.setattr(type(engine.dialect), "initialize", asking)
    with Work(), engine.connect() as first, engine.connect() as second:
        first.exec_driver_sql("SELECT 3 AS first")
        second.exec_driver_sql("SELECT 4 AS second")
    engine.dispose()
    spans = recorder.finished()
    names = {span["span_id"]: text_of(span) or span["name"] for span in spans}
    assert [
        (names[span["span_id"]], names.get(span["parent_id"])) for span in spans if "PRAGMA" not in span["name"]
    ] == [
        ("SELECT ? AS version", "connect"),
        ("SELECT ? AS encoding", "connect"),
        ("connect", "work"),
        ("connect", "work"),
        ("SELECT ? AS first", "work"),
        ("SELECT ? AS second", "work"),
        ("work", None),
    ]


def test_a_connection_that_fails_has_a_span(tmp_path, recorder, instrument):
    """It tells what the driver said, without what that quotes."""
    instrument("sqlalchemy", "sqlite3")
    engine = create_engine(f"sqlite:///{tmp_path}/nowhere/a.db")
    with pytest.raises(sqlalchemy.exc.OperationalError):
        engine.connect()
    [span] = recorder.wait(1)
    assert (span["name"], span["status"], span["message"]) == ("connect", "ERROR", "unable to open database file")
    assert span["attributes"]["error.type"] == "sqlite3.OperationalError"


def test_the_end_of_a_transaction_is_told_once(tmp_path, recorder, instrument):
    """By the driver, beneath what is current, where there is a transaction; awaited, too."""
    instrument("threads", "aiosqlite", "sqlalchemy", "sqlite3")
    url = f"///{tmp_path / 'songs.db'}"

    async def awaited():
        engine = create_async_engine(f"sqlite+aiosqlite:{url}")
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO numbers VALUES (2)"))
        await engine.dispose()

    with Work():
        engine = create_engine(f"sqlite:{url}")
        with Session(engine) as session:
            session.execute(text("CREATE TABLE numbers (n INTEGER)"))
            session.execute(text("INSERT INTO numbers VALUES (1)"))
            session.commit()
            session.execute(text("DELETE FROM numbers"))
            session.rollback()
        engine.dispose()
        asyncio.run(awaited())
    spans = recorder.finished()
    connects = {span["span_id"] for span in spans if span["name"] == "connect"}
    told = [(span["scope"], span["name"]) for span in spans if span["parent_id"] not in connects]
    assert [one for one in told if one[1] != "connect"] == [
        ("sqlalchemy", "CREATE TABLE numbers"),
        ("sqlalchemy", "INSERT numbers"),
        ("sqlite3", "COMMIT"),
        ("sqlalchemy", "DELETE numbers"),
        ("sqlite3", "ROLLBACK"),
        ("sqlalchemy", "INSERT numbers"),
        ("sqlite3", "COMMIT"),
        ("test", "work"),
    ]


def test_an_engine_takes_all_of_its_arguments(recorder, instrument):
    """``create_engine`` reads in the code of ``Engine.__init__`` which of them are the engine's, and refuses others."""
    instrument("sqlalchemy", "sqlite3")
    options = {"isolation_level": "SERIALIZABLE"}
    given = {"logging_name": "songs", "query_cache_size": 10, "execution_options": options, "hide_parameters": True}
    engine = create_engine("sqlite://", echo=False, pool_logging_name="pool", **given)
    assert (engine.echo, engine.logging_name, engine.hide_parameters) == (False, "songs", True)
    assert dict(engine.get_execution_options()) == options
    with pytest.raises(TypeError, match="'size' sent to create_engine"):
        create_engine("sqlite://", size=1)
    with Work(), engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    opened = next(span for span in recorder.finished() if span["name"] == "connect")
    assert opened["attributes"] == {"db.system.name": "sqlite", "db.namespace": ":memory:"}
    engine.dispose()


def test_a_wait_for_a_pool_is_a_span_where_it_takes_long(tmp_path, recorder, instrument, monkeypatch):
    """Or fails; one that is short, or in which a connection is opened, is none."""
    instrument("threads", "sqlalchemy", "sqlite3")
    monkeypatch.setattr(tracer, "clock", time.perf_counter_ns)
    engine = create_engine(
        f"sqlite:///{tmp_path / 'songs.db'}",
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=0.2,
        connect_args={"check_same_thread": False},
    )
    with Work():
        engine.connect().close()
        engine.connect().close()
        held = engine.connect()
        timer = threading.Timer(0.05, held.close)
        timer.start()
        engine.connect().close()
        timer.join()
        with engine.connect(), pytest.raises(sqlalchemy.exc.TimeoutError):
            engine.connect()
    engine.dispose()
    waits = [span for span in recorder.finished() if span["name"] == "wait for connection"]
    work = recorder.finished()[-1]
    assert waits[0] == {
        "name": "wait for connection",
        "kind": "INTERNAL",
        "scope": "sqlalchemy",
        "trace_id": work["trace_id"],
        "span_id": waits[0]["span_id"],
        "parent_id": work["span_id"],
        "attributes": {"db.system.name": "sqlite", "db.namespace": str(tmp_path / "songs.db")},
        "status": "UNSET",
    }
    assert [(wait["status"], wait["attributes"].get("error.type")) for wait in waits] == [
        ("UNSET", None),
        ("ERROR", "sqlalchemy.exc.TimeoutError"),
    ]


def test_asking_whether_a_pooled_connection_is_alive_makes_no_span(tmp_path, recorder, instrument):
    """With ``pool_pre_ping`` each check-out asks; nobody is told, beneath a span of the program's or not."""
    instrument("sqlalchemy", "sqlite3")
    engine = create_engine(f"sqlite:///{tmp_path}/a.db", poolclass=QueuePool, pool_pre_ping=True)
    engine.connect().close()
    recorder.clear()
    for _ in range(3):
        engine.connect().close()
    with Work(), engine.connect() as connection:
        connection.exec_driver_sql("SELECT 7")
    engine.dispose()
    assert names(recorder) == ["SELECT", "work"]
