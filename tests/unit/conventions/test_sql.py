"""What is kept of a query's text: no literal of any dialect, and a summary in the conventions' words."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.conventions.sql import Query, read
from autotrace.conventions.sql_summary import SUMMARY_LIMIT

SYSTEMS = (
    "sqlite",
    "postgresql",
    "mysql",
    "mariadb",
    "microsoft.sql_server",
    "oracle.db",
    "cockroachdb",
    "duckdb",
    "clickhouse",
    "trino",
    "",
)
SECRET = "zq7secret"


def text(query, system="sqlite"):
    """The text that is left."""
    return read(query, system).text


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("SELECT 'a', 'it''s', ''", "SELECT ?, ?, ?"),
        ("SELECT 1, 1.5, .5, 1e-5, 2E+10, 0x1F, 1_000, 5.", "SELECT ?, ?, ?, ?, ?, ?, ?, ?"),
        ("SELECT x'ff', X'FF', N'a', b'01'", "SELECT ?, ?, ?, ?"),
        ("SELECT a1, b_2, t1.c2 FROM t1", "SELECT a1, b_2, t1.c2 FROM t1"),
        ("SELECT a -- it's a comment\nFROM t /* 'another' one */ WHERE b=1", "SELECT a \nFROM t  WHERE b=?"),
        ("SELECT a/**/FROM t", "SELECT a FROM t"),
        ("SELECT ?, ?12, :name, @name, $name", "SELECT ?, ?, :name, @name, $name"),
        (
            "SELECT a FROM t WHERE b IN (?, ?, ?) AND c in(1,2) AND d NOT IN (:a, :b)",
            "SELECT a FROM t WHERE b IN (?) AND c in (?) AND d NOT IN (?)",
        ),
        ("SELECT a FROM t WHERE b IN (SELECT c FROM d)", "SELECT a FROM t WHERE b IN (SELECT c FROM d)"),
        ("SELECT 'never ends", "SELECT ?"),
        ("SELECT a /* never ends", "SELECT a"),
        ('SELECT "order".id, "a b" FROM "order"', 'SELECT "order".id, ? FROM "order"'),
        ('SELECT a FROM "order" WHERE b = "text"', 'SELECT a FROM "order" WHERE b = ?'),
        ("SELECT [a b], `c d` FROM [t u]", "SELECT [a b], `c d` FROM [t u]"),
        ("SELECT [never ends", "SELECT ?"),
        ("", ""),
        ("   ;  ", ";"),
    ],
)
def test_literals_of_sqlite(query, left):
    """Strings, numbers, blobs and comments go; names, parameters and everything else stay."""
    assert text(query) == left


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("SELECT $1, $2::text", "SELECT $1, $2::text"),
        ("SELECT a FROM t WHERE b IN ($1::INTEGER, $2::INTEGER)", "SELECT a FROM t WHERE b IN (?)"),
        ("SELECT %s, %(name)s, a % b", "SELECT %s, %(name)s, a % b"),
        ("SELECT E'it\\'s', 'plain'", "SELECT ?, ?"),
        ("SELECT U&'d\\0061t', B'01'", "SELECT ?, ?"),
        ("SELECT $$it's$$, $tag$a $$ b$tag$, 1", "SELECT ?, ?, ?"),
        ("SELECT $tag$never ends $$", "SELECT ?"),
        ('SELECT "a ""b""" FROM "t u"', 'SELECT "a ""b""" FROM "t u"'),
        ("SELECT \"never ends '", "SELECT ?"),
        ("SELECT a /* one /* two */ 'still' */ FROM t", "SELECT a  FROM t"),
        ("SELECT a[1:25], b::int, '{}'::jsonb ? 'k'", "SELECT a[?:?], b::int, ?::jsonb ? ?"),
        ("SELECT 'in doubt\\' , 'what' is left", "SELECT ?"),
    ],
)
def test_literals_of_postgresql(query, left):
    """Dollar quotes, escapes, casts, arrays and nested comments."""
    assert text(query, "postgresql") == left


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ('SELECT "text", `a b`.`c` FROM `t`', "SELECT ?, `a b`.`c` FROM `t`"),
        ("SELECT a # it's a comment\n, 1", "SELECT a \n, ?"),
        ("SELECT 5--3", "SELECT ?--?"),
        ("SELECT 5 -- it's\n, 1", "SELECT ? \n, ?"),
        ("SELECT _utf8mb4'text', 0xFF, 1e5", "SELECT ?, ?, ?"),
        ("SELECT 'it\\'s' , 'what' is left", "SELECT ?"),
        ("SELECT 'a\\\\', 'b'", "SELECT ?, ?"),
        ("SELECT 123abc", "SELECT ?"),
        ("SELECT a#b's\n, 'x'", "SELECT a \n, ?"),
    ],
)
def test_literals_of_mysql(query, left):
    """Double quotes are text, hashes are comments; a quote after a backslash hides the rest."""
    assert text(query, "mysql") == left


@pytest.mark.parametrize(
    ("system", "query", "left"),
    [
        ("microsoft.sql_server", "SELECT [a]]b], $100.50, N'x', #t.c FROM #t", "SELECT [a]]b], ?, ?, #t.c FROM #t"),
        (
            "oracle.db",
            "SELECT q'[it's]', nq'!it's!', 'a' FROM dual WHERE b = :1",
            "SELECT ?, ?, ? FROM dual WHERE b = :?",
        ),
        ("oracle.db", 'SELECT "Name" FROM t', 'SELECT "Name" FROM t'),
        ("", "SELECT '''it's''' , 1", "SELECT ?"),
        ("", "SELECT a # b", "SELECT a ?"),
        ("", "SELECT $$a$$ , b", "SELECT ?"),
        ("", "SELECT q'[a]' , b", "SELECT ?"),
        ("", 'SELECT "a", 1', "SELECT ?, ?"),
        ("", "SELECT /* a /* b */ c */ d", "SELECT"),
    ],
)
def test_literals_of_others(system, query, left):
    """Quotes of a system's own; where the system is not known, doubt hides the rest."""
    assert text(query, system) == left


@pytest.mark.parametrize(
    ("query", "summary"),
    [
        ("SELECT * FROM wuser_table WHERE username = ?", "SELECT wuser_table"),
        (
            "INSERT INTO shipping_details (order_id) SELECT order_id FROM orders",
            "INSERT shipping_details SELECT orders",
        ),
        ("SELECT * FROM songs, artists WHERE songs.artist_id == artists.id", "SELECT songs artists"),
        ("SELECT d FROM (SELECT * FROM orders o JOIN customers c ON o.c = c.id) x", "SELECT SELECT orders customers"),
        ("select a from main.songs as s left join b using (id), c order by 1, 2", "SELECT main.songs b c"),
        ('SELECT "user".id FROM "user"', "SELECT user"),
        ('insert into public."user" values (1)', "INSERT public.user"),
        ('SELECT * FROM "Order", "song list", "a.b", "a""b"', 'SELECT Order "song list" "a.b" "a""b"'),
        ('WITH "x" AS (SELECT 1) SELECT * FROM X', "SELECT SELECT"),
        ("vacuum", "VACUUM"),
        ("create unique index i on songs (a)", "CREATE INDEX i"),
        ("Drop Table a", "DROP TABLE a"),
        ("UPDATE songs SET title = ?, year = (SELECT max(y) FROM years)", "UPDATE songs SELECT years"),
        ("DELETE FROM songs WHERE id = ?", "DELETE songs"),
        ("INSERT OR REPLACE INTO songs VALUES (1) ON CONFLICT DO UPDATE SET a = 1", "INSERT songs"),
        ("REPLACE INTO songs VALUES (1)", "REPLACE songs"),
        ("CREATE TABLE IF NOT EXISTS songs (id INT REFERENCES a(id) ON DELETE CASCADE)", "CREATE TABLE songs"),
        ("CREATE TEMP TABLE t AS SELECT * FROM songs", "CREATE TABLE t SELECT songs"),
        ("CREATE UNIQUE INDEX i ON songs (a, b)", "CREATE INDEX i"),
        ("DROP TABLE IF EXISTS a, b", "DROP TABLE a b"),
        ("ALTER TABLE songs ADD COLUMN a INT", "ALTER TABLE songs"),
        ("TRUNCATE songs", "TRUNCATE songs"),
        ("CREATE TRIGGER t AFTER UPDATE ON songs BEGIN DELETE FROM a; SELECT 1; END", "CREATE TRIGGER t"),
        ("WITH x AS (SELECT * FROM songs), y(a) AS (SELECT 1) SELECT * FROM x JOIN y", "SELECT songs SELECT SELECT"),
        ("WITH gone AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM gone", "DELETE a INSERT b SELECT"),
        ("MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN UPDATE SET x = 1", "MERGE a b"),
        (
            "SELECT extract(year FROM born), trim(a FROM b) FROM t WHERE a IS DISTINCT FROM b FOR UPDATE OF t",
            "SELECT t",
        ),
        ("EXPLAIN QUERY PLAN SELECT * FROM songs", "EXPLAIN SELECT songs"),
        ("EXPLAIN ANALYZE UPDATE songs SET a = 1", "EXPLAIN UPDATE songs"),
        ("PRAGMA main.table_info('songs')", "PRAGMA main.table_info"),
        ("CALL refresh(1)", "CALL refresh"),
        ("BEGIN IMMEDIATE", "BEGIN"),
        ("SAVEPOINT sa_savepoint_1", "SAVEPOINT"),
        ("SET search_path = x; SELECT 1", "SET SELECT"),
        ("(SELECT a FROM b) UNION (SELECT c FROM d)", "SELECT b SELECT d"),
        ("DELETE FROM a; DELETE FROM b;", "DELETE a DELETE b"),
        ("SELECT 1", "SELECT"),
        ("'text'", ""),
        ("", ""),
    ],
)
def test_summaries(query, summary):
    """Operations in capitals and targets without needless quotes, in the order of the text."""
    assert read(query, "postgresql").summary == summary


@pytest.mark.parametrize(
    ("system", "query"),
    [
        ("mysql", "SELECT `user`.`id` FROM `shop`.`user`"),
        ("microsoft.sql_server", "select [user].[id] from [shop].[user]"),
        ("postgresql", 'SELECT "user"."id" FROM "shop"."user"'),
        ("oracle.db", 'SELECT "user"."id" FROM shop."user"'),
        ("sqlite", 'SELECT "user".id FROM shop."user"'),
        ("sqlite", "SELECT [user].id FROM `shop`.user"),
        ("trino", "SELECT id FROM `shop`.`user`"),
    ],
)
def test_the_quotes_of_a_dialect_are_in_no_name(system, query):
    """One table has one name, whoever wrote the statement; its text stays as it is."""
    known = read(query, system)
    assert (known.summary, known.collection, known.text) == ("SELECT shop.user", "shop.user", query)


@pytest.mark.parametrize(
    ("query", "operation", "collection", "procedure"),
    [
        ("SELECT * FROM songs s JOIN songs t ON s.a = t.a", "SELECT", "songs", ""),
        ("SELECT * FROM songs, artists", "SELECT", "", ""),
        ("SELECT * FROM (SELECT * FROM songs) x", "", "", ""),
        ("SELECT * FROM songs WHERE a IN (SELECT 1)", "", "", ""),
        ("insert into songs values (1)", "insert", "songs", ""),
        ('INSERT INTO "Songs" VALUES (1)', "INSERT", "Songs", ""),
        ('call "shop"."refresh all"(1)', "call", "", 'shop."refresh all"'),
        ("INSERT INTO songs SELECT * FROM old", "", "", ""),
        ("CREATE TABLE songs (a INT)", "CREATE TABLE", "songs", ""),
        ("CREATE INDEX i ON songs (a)", "CREATE INDEX", "", ""),
        ("SELECT * FROM generate_series(1, 10)", "", "", ""),
        ("DELETE FROM a; DELETE FROM a", "", "", ""),
        ("CALL shop.refresh(1)", "CALL", "", "shop.refresh"),
        ("PRAGMA user_version", "PRAGMA", "", ""),
        ("WITH x AS (SELECT 1) SELECT * FROM x", "", "", ""),
    ],
)
def test_what_is_only_told_when_certain(query, operation, collection, procedure):
    """Operation, table and procedure are told where there can be no other."""
    known = read(query, "postgresql")
    assert (known.operation, known.collection, known.procedure) == (operation, collection, procedure)


def test_a_summary_ends_on_a_word():
    """A long summary is cut between words, at 255 characters at most."""
    query = read("SELECT * FROM " + ", ".join(f"table_{number}" for number in range(100)), "sqlite")
    assert len(query.summary) <= SUMMARY_LIMIT
    assert query.summary.split(" ")[-1] == "table_27"
    assert read("x" * 300, "sqlite").summary == ""


# What stands around a literal, and how each system writes text; the secret may be of any characters.
AROUND = (
    "SELECT {} FROM t",
    "SELECT a FROM t WHERE b = {} AND c > 5",
    "SELECT a FROM t WHERE b LIKE {}",
    "INSERT INTO t (a, b) VALUES ({}, {})",
    "UPDATE t SET a={}",
    "SELECT f({}), {} -- it's\nFROM t",
    "SELECT a FROM t WHERE b IN ({},{}) /* it's */ AND c = {}",
    "SELECT a/{} FROM t",
    "PRAGMA x={}",
    "CALL p({})",
)


def doubled(quote):
    """A way of quoting that doubles the quote inside."""
    return lambda inner: quote + inner.replace(quote, quote * 2) + quote


def escaped(quote, prefix=""):
    """A way of quoting that puts a backslash before what is special."""
    return lambda inner: prefix + quote + inner.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote


def in_dollars(inner):
    """A dollar quotation with a tag that is not in the text."""
    return f"$zz${inner.replace('$', '')}$zz$"


QUOTES = {
    "sqlite": (doubled("'"), doubled('"')),
    "postgresql": (doubled("'"), escaped("'", "E"), in_dollars),
    "mysql": (doubled("'"), doubled('"'), escaped("'"), escaped('"')),
    "microsoft.sql_server": (doubled("'"), doubled('"'), lambda inner: "N" + doubled("'")(inner)),
    "oracle.db": (doubled("'"), lambda inner: "q'[" + inner.replace("]", "") + "]'"),
    "duckdb": (doubled("'"), escaped("'", "E"), in_dollars),
    "clickhouse": (escaped("'"), in_dollars),
    "trino": (doubled("'"), doubled('"'), escaped("'"), in_dollars),
}

inside = st.text(alphabet=st.sampled_from("ab' \"\\$`;-#/*[](){}%:?.\n\té0"), max_size=12)


@given(st.data(), st.sampled_from(sorted(QUOTES)), st.sampled_from(AROUND))
def test_no_literal_survives(data, system, around):
    """Whatever a literal holds and wherever it stands, none of it is left, nor in the summary."""
    literals = []
    for _ in range(around.count("{}")):
        quote = data.draw(st.sampled_from(QUOTES[system]))
        before, after = data.draw(inside), data.draw(inside)
        if system == "mysql" and quote in QUOTES[system][:2]:  # its text always has backslash escapes
            before, after = before.replace("\\", "\\\\"), after.replace("\\", "\\\\")
        literals.append(quote(f"{before}{SECRET}{after}"))
    query = around.format(*literals)
    known = read(query, system)
    assert SECRET not in known.text
    assert SECRET not in known.summary + known.operation + known.collection + known.procedure


@given(
    st.sampled_from(SYSTEMS),
    st.sampled_from(AROUND),
    st.from_regex(r"([1-9]\d{3,11}|\d{0,3}\.[1-9]\d{3,9}|0x[1-9a-f][0-9a-f]{3,9})", fullmatch=True),
)
def test_no_number_survives(system, around, number):
    """Numbers go in all systems."""
    known = read(around.replace("{}", number), system)
    assert number not in known.text
    assert number.rpartition(".")[2] not in known.text


@given(st.text(max_size=200), st.sampled_from(SYSTEMS))
def test_any_text_is_read(query, system):
    """Whatever it is given, it answers, and within its limits."""
    known = read(query, system)
    assert isinstance(known, Query)
    assert len(known.summary) <= SUMMARY_LIMIT


WORDS = (
    r"SELECT FROM WITH AS INSERT INTO UPDATE SET DELETE CREATE TABLE INDEX DROP EXPLAIN CALL MERGE USING JOIN ON a b.c"
    r""" . , ; ( ) ' " ` [ ] $$ $a$ -- /* */ # \ 1 ? :a E' q' N'"""
)
tokens = st.sampled_from([*WORDS.split(), "\n"])


@given(st.lists(tokens, max_size=30).map(" ".join), st.sampled_from(SYSTEMS))
def test_any_order_of_tokens_is_read(query, system):
    """What looks like SQL and is none is read too; the fallback for errors is not needed."""
    known = read(query, system)
    assert known.text != "?" or not query.split()[0].isalpha()


@pytest.mark.parametrize("system", ["sqlite", "postgresql", "mysql", "microsoft.sql_server", "oracle.db", ""])
@pytest.mark.parametrize(
    "part",
    [
        "'",
        "''",
        '"',
        "`",
        "[",
        "(",
        "/*",
        "*/ /*",
        "--",
        "$",
        "$a$",
        "$$",
        "\\'",
        "E'\\",
        "q'",
        "IN (?,",
        "IN ",
        "1e",
        "_",
        "a.",
        ",",
        "\n ",
        "FROM ",
        "( SELECT ",
        "x' ",
    ],
)
def test_time_is_linear(system, part):
    """Sixteen times the text takes about sixteen times the time, whatever it consists of."""

    def seconds(count):
        query = part * count
        best = 9.0
        for _ in range(3):
            begin = time.thread_time()  # not the wall's: others may have the processor
            read(query, system)
            best = min(best, time.thread_time() - begin)
        return best

    small, large = seconds(1_000), seconds(16_000)
    assert large < max(small, 0.001) * 100  # 16 where it is linear, 256 where it is quadratic
