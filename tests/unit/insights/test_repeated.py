"""Repeated statement: N+1."""

from __future__ import annotations

import pytest

from autotrace.insights.finding import CERTAIN, INFO, SLOW
from autotrace.insights.repeated import AT_LEAST, LONGEST, repeated_statements
from unit.insights.making import call, query, server, span, trace


def menu(count, text="SELECT price FROM pizzas WHERE id = ?", length=3, inside=False):
    """A request that asks for each row."""
    root = server("GET /menu", 0, 10 + count * 4)
    spans = [root, query("SELECT id FROM menu", 1, 2, root)]
    parent = span("load", 2, 9 + count * 4, root) if inside else root
    spans += [parent] if inside else []
    return trace(*spans, *(query(text, 4 + n * 4, 4 + n * 4 + length, parent) for n in range(count)))


def test_the_statement_its_number_and_its_route_are_named():
    """Median and most, share of time, and the request that does it."""
    (found,) = repeated_statements([menu(40), menu(40), menu(100)])
    assert found.title == "SELECT price FROM pizzas WHERE id = ?"
    assert (found.service, found.route) == ("shop", "GET /menu in shop")
    assert (found.facts["per_request"], found.facts["most"], found.count, found.total) == (40, 100, 3, 3)
    assert found.evidence[0] == "40 times per request, up to 100; together 120 ms, 72% of the request"
    assert (found.level, found.confidence) == (SLOW, CERTAIN)


@pytest.mark.parametrize(("kind", "work"), [("INTERNAL", "run"), ("CONSUMER", "message"), ("SERVER", "request")])
def test_what_repeats_them_is_told(kind, work):
    """A command makes no request, and neither does what takes a message."""
    root = span("migrate", 0, 100, None, kind)
    (found,) = repeated_statements([trace(root, *(query("INSERT done", n, n + 1, root) for n in range(0, 80, 4)))])
    assert found.evidence == [f"20 times per {work}; together 20.0 ms, 20% of the {work}"]


def test_a_few_are_no_finding():
    """Requests that ask less often count only as those that could."""
    assert list(repeated_statements([menu(AT_LEAST - 1)])) == []
    (found,) = repeated_statements([menu(AT_LEAST), menu(1)])
    assert (found.count, found.total) == (1, 2)


def test_little_time_is_only_worth_knowing():
    """Five quick ones in a long request make nobody slow; what takes next to nothing, or nothing of it, is no finding."""
    (found,) = repeated_statements([menu(5, length=0.1)])
    assert found.level == INFO
    assert list(repeated_statements([menu(5, length=0.01)])) == []
    root = server("GET /menu", 0, 10_000)
    assert list(repeated_statements([trace(root, *(query("SELECT 1", n, n + 1, root) for n in range(50)))])) == []


def test_a_loop_is_one_finding_whatever_it_issues():
    """Statements that alternate are one loop, named by the dearest; what is repeated before or after is another."""
    root = server("GET /menu", 0, 200)
    loop = [
        query(f"SELECT {name}", n * 10 + at, n * 10 + at + length, root)
        for n in range(8)
        for at, (name, length) in enumerate((("price", 0.5), ("stock", 0.9), ("photo", 0.2)))
    ]
    after = [query("INSERT log", 100 + n * 2, 101 + n * 2, root) for n in range(6)]
    first, second = repeated_statements([trace(root, *loop, *after)])
    assert (first.title, second.title) == ("SELECT stock", "INSERT log")
    assert first.evidence[1] == (
        "the same loop issues also SELECT price (8 times), SELECT photo (8 times); all of it is 6% of the request"
    )
    assert first.facts["also"][0] == {"statement": "SELECT price", "per_request": 8}
    assert second.facts["also"] == []


def test_of_a_long_statement_is_told_what_is_read():
    """An ORM lists all columns of a table: of them the first, and where the rows come from. The facts have all of it."""
    columns = ", ".join(f'"menu"."column_{n}"' for n in range(20))
    orm, other = (f'SELECT {columns} FROM "{table}" WHERE "{table}"."id" = %s' for table in ("menu", "oven"))
    root = server("GET /menu", 0, 200)
    loop = [
        query(text, n * 10 + at, n * 10 + at + (1 if at else 2), root)
        for n in range(8)
        for at, text in ((0, orm), (3, other))
    ]
    (found,) = repeated_statements([trace(root, *loop)])
    assert found.title == 'SELECT "menu"."column_0", "menu"."column... FROM "menu" WHERE "menu"."id" = %s'
    assert found.facts["statement"] == orm
    told = f"{loop[1].name} (8 times)"
    assert found.evidence[1].startswith(f"the same loop issues also {told}; ")
    (found,) = repeated_statements([menu(50, f"SELECT {' + '.join('price' for _ in range(99))}")])
    assert len(found.title) == LONGEST + len("...")


@pytest.mark.parametrize("text", ["BEGIN", "COMMIT", "SAVEPOINT a", "PRAGMA user_version"])
def test_what_frames_work_is_no_work(text):
    """Transactions stand around other statements."""
    assert list(repeated_statements([menu(50, text)])) == []


def test_literals_make_no_difference():
    """Another agent's statements have values in them."""
    root = server("GET /menu", 0, 100)
    spans = [query(f"SELECT * FROM t WHERE id = {n} AND name = 'x{n}'", n, n + 1, root) for n in range(6)]
    (found,) = repeated_statements([trace(root, *spans)])
    assert found.title == "SELECT * FROM t WHERE id = ? AND name = ?"


def test_it_counts_by_request_also_beneath_spans_of_ones_own():
    """What stands between is the program's affair."""
    (found,) = repeated_statements([menu(10, inside=True)])
    assert (found.route, found.facts["per_request"]) == ("GET /menu in shop", 10)


def test_the_same_call_to_another_service_is_found_too():
    """Ids in the path make no difference."""
    root = server("GET /menu", 0, 100)
    calls = [call(f"http://prices:80/pizza/{n}?x=1", n, n + 1, root) for n in range(7)]
    (found,) = repeated_statements([trace(root, *calls)])
    assert found.title == "GET prices:80/pizza/{n}"


def test_two_requests_in_one_trace_are_counted_apart():
    """Three in each are no six."""
    root = span("test", 0, 100)
    spans = [root]
    for start in (0, 50):
        request = server("GET /menu", start, start + 40, root)
        spans += [request, *(query("SELECT 1", start + n, start + n + 1, request) for n in range(3))]
    assert list(repeated_statements([trace(*spans)])) == []
