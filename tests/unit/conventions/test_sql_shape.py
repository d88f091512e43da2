"""What a statement is known by: the text without the literals that are certain."""

from __future__ import annotations

import random

import pytest

from autotrace.conventions import sql_shape
from autotrace.conventions.sql import _DIALECTS, read
from autotrace.conventions.sql_shape import shape

SYSTEMS = (*_DIALECTS, "other_sql")
PIECES = """SELECT FROM IN ( ) , ; . = t a5 5 1.5 .5 1e 0x1F +5 -5 ' '' 'x' 'a_b' " "n" "2n" "a_b" ` `n` [ ] [n] -- /* */ $ $a$ $1 # \\
    %s %(a)s %( : :5 :n :: ? ?5 @ @5 x' N' q'[ e' U&' _u' & \u00e9""".split()  # noqa: SIM905
TEXTS = {
    "SELECT * FROM t WHERE a = 17 AND b = 'x -- y' AND c > -1.5e+10": "SELECT * FROM t WHERE a = ? AND b = ? AND c > -?",
    "INSERT INTO t (a2, b) VALUES (1, ''), (2,'it is 5'), (0x1F, 'z')": "INSERT INTO t (a2, b) VALUES (?, ?), (?,?), (?, ?)",
    'SELECT "t2"."id" FROM "t2" WHERE "t2"."id" IN (1,2, 3) LIMIT 21': 'SELECT "t2"."id" FROM "t2" WHERE "t2"."id" IN (?,?, ?) LIMIT ?',
    "SELECT `t2`.`id` FROM `t2` WHERE `id` = 4": "SELECT `t2`.`id` FROM `t2` WHERE `id` = ?",
    # what is not certain stays, and with it all the text or that part of it
    "SELECT 'it''s' , 5": "SELECT 'it''s' , 5",
    "SELECT 'a\\' , 5": "SELECT 'a\\' , 5",
    "SELECT x'00ff', 5": "SELECT x'00ff', 5",
    "SELECT 5 -- 'five'": "SELECT 5 -- 'five'",
    "SELECT /* 5 */ 6": "SELECT /* 5 */ 6",
    "SELECT $1, 5": "SELECT $1, 5",
    "SELECT [5], 5": "SELECT [5], 5",
    "SELECT %(5a)s, 5": "SELECT %(5a)s, 5",
    "SELECT %s1e+5, 5": "SELECT %s1e+5, ?",
    'SELECT "my 5" , 5': 'SELECT "my 5" , 5',
    "SELECT 'never closed 5": "SELECT 'never closed 5",
    "SELECT t.5e-5, :5, ?5, @5, %5, a5, 6": "SELECT t.5e-5, :5, ?5, @5, %5, a5, ?",
    "SELECT 1.2.3.4, .5, 6e7": "SELECT ?, ?, ?",
}


@pytest.mark.parametrize("text", TEXTS)
def test_the_shape_of_a_statement(text):
    """Certain literals are question marks."""
    assert shape(text) == TEXTS[text]


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("text", TEXTS)
def test_the_shape_is_read_as_the_text_is(text, system):
    """Whatever the system: nothing more is told, and nothing less."""
    of_text, of_shape = read(text, system), read(shape(text), system)
    assert {name: getattr(of_shape, name) for name in of_shape.__slots__} == {
        name: getattr(of_text, name) for name in of_text.__slots__
    }


def test_a_text_of_a_known_outline_has_its_shape():
    """Whatever stands between the quotes, whatever the digits; and what only looks alike has a shape of its own."""
    known = "SELECT a FROM t WHERE b = {} AND c = {}"
    for b, c in (("1", "'x'"), ("7", "'it is 5, -- \"a\" $1'"), ("8", "''")):
        assert shape(known.format(b, c)) == known.format("?", "?")
    for b, c in (
        ("?1", "'x'"),
        ("1", "'it''s'"),
        ("1", r"'\'"),
        ("1", r"'a\' OR b = 'c'"),
        ("1", "'x"),
        ("1", "N'x'"),
        ("t1", "'x'"),
    ):
        text = known.format(b, c)
        for system in SYSTEMS:
            of_text, of_shape = read(text, system), read(shape(text), system)
            assert [getattr(of_shape, part) for part in of_text.__slots__] == [
                getattr(of_text, part) for part in of_text.__slots__
            ], (text, system)
    tables = [shape(f"SELECT a FROM t{number} WHERE b = {number}") for number in (1, 2)]
    assert tables == ["SELECT a FROM t1 WHERE b = ?", "SELECT a FROM t2 WHERE b = ?"]


def test_the_memory_of_outlines_is_bounded(monkeypatch):
    """A program that makes up names does not fill it."""
    monkeypatch.setattr(sql_shape, "_outlines", {})
    for number in range(3000):
        name = "".join(chr(97 + int(digit)) for digit in str(number))
        assert shape(f"SELECT {name}, 5") == f"SELECT {name}, ?"
        assert len(sql_shape._outlines) <= 1024
    assert shape("SELECT " + "a, " * 5000 + "5") == "SELECT " + "a, " * 5000 + "?"
    assert max(map(len, sql_shape._outlines)) < 4096


def test_shapes_of_whatever_can_be_put_together_are_read_as_the_texts():
    """Pieces that begin and end something, in any order, with and without space between them."""
    chosen = random.Random(5)
    shaped = 0
    for _ in range(8000):
        pieces = [chosen.choice(PIECES).replace("_b'", " b'") for _ in range(chosen.randint(1, 10))]
        text = "".join(piece + chosen.choice(("", " ", "\n")) for piece in pieces)
        if shape(text) != text:
            shaped += 1
            for system in SYSTEMS:
                of_text, of_shape = read(text, system), read(shape(text), system)
                assert [getattr(of_shape, part) for part in of_text.__slots__] == [
                    getattr(of_text, part) for part in of_text.__slots__
                ], (text, system)
    assert shaped > 100
