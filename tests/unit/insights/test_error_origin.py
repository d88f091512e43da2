"""Error origin: who began it."""

from __future__ import annotations

from autotrace.insights.error_origin import error_origins
from autotrace.insights.finding import CERTAIN, FAILURE, INFO, LIKELY
from unit.insights.making import call, query, raised, sent, server, span, taken, trace

STACK = """Traceback (most recent call last):
  File "/srv/shop/oven.py", line 41, in bake
    heat(480)
  File "/usr/lib/python3.11/site-packages/heat/core.py", line 7, in heat
    raise OvenError
heat.OvenError: 480
"""


def failing(message="row 7 is bad", stack=""):
    """A request that fails of a query two services below."""
    root = server("POST /orders", 0, 100, failed=True)
    out = call("http://kitchen/bake", 10, 90, root, failed=True)
    inner = server("POST /bake", 12, 88, out, "kitchen", failed=True)
    bad = query("INSERT INTO oven", 20, 30, inner, "kitchen", **raised("sqlite3.IntegrityError", message, stack))
    return trace(root, out, inner, bad)


def test_the_deepest_one_is_named_and_the_others_only_passed_it_on():
    """One finding, in the service where it began."""
    (found,) = error_origins([failing(), failing()])
    assert (found.service, found.operation, found.title) == (
        "kitchen",
        "INSERT INTO",
        "sqlite3.IntegrityError: row 7 is bad",
    )
    assert found.facts["passed_on_by"] == ["POST /bake in kitchen", "GET kitchen/bake in shop", "POST /orders in shop"]
    assert (found.route, found.level, found.confidence, found.count) == ("POST /bake in kitchen", FAILURE, CERTAIN, 2)


def test_the_same_failure_with_other_numbers_is_one_finding():
    """Messages differ in ids and values; another missing key is another failure."""
    (found,) = error_origins([failing("row 7 of 'a b'"), failing("row 8 of 'a@b'")])
    assert (found.count, found.title) == (2, "sqlite3.IntegrityError: row 8 of 'a@b'")
    assert len(list(error_origins([failing("'price'"), failing("'name'")]))) == 2


def test_the_share_counts_the_traces_that_did_the_same_without_failing():
    """One of three went wrong."""

    def good():
        root = server("POST /bake", 0, 10, service="kitchen")
        return trace(root, query("INSERT INTO oven", 1, 2, root, "kitchen"))

    (found,) = error_origins([failing(), good(), good()])
    assert (found.count, found.total) == (1, 3)


def test_what_one_route_answers_is_one_finding():
    """Whatever the path is: names in it are no other place. A call that nobody answered is told by its path."""

    def asked(name, failed=True, route="/users/{name}"):
        out = call(f"http://kitchen/users/{name}", 0, 9, None, failed=failed)
        inner = server("GET", 1, 8, out, "kitchen", f"/users/{name}")
        inner.attributes["http.route"] = route
        return trace(out, inner) if route else trace(out)

    (found,) = error_origins([asked("ann"), asked("bob"), asked("eve", failed=False)])
    assert (found.operation, found.count, found.total) == ("GET kitchen/users/{name}", 2, 3)
    assert found.route == "GET kitchen/users/{name} in shop"
    lost, found = error_origins([asked("ann", route=""), asked("ann"), asked("ann", failed=False)])
    assert (lost.operation, lost.count, lost.total) == ("GET kitchen/users/ann", 1, 3)
    assert (found.operation, found.count, found.total) == ("GET kitchen/users/{name}", 1, 2)


def test_the_line_of_the_programs_own_code_is_told():
    """Not the library's, in which it was raised."""
    (found,) = error_origins([failing(stack=STACK)])
    assert found.facts["code"] == "/srv/shop/oven.py:41 in bake"
    assert "raised at /srv/shop/oven.py:41 in bake" in found.evidence


def test_a_failure_that_the_program_dealt_with_is_less_bad():
    """The request went on."""
    root = server("GET /", 0, 10)
    (found,) = error_origins([trace(root, query("SELECT cache", 1, 2, root, **raised("KeyError", "x")))])
    assert (found.level, found.evidence) == (INFO, ["the request went on without it"])


def test_a_message_that_fails_later_did_not_make_its_sender_fail():
    """Two origins: a queue passes nothing back."""
    root = server("POST /orders", 0, 10, **raised("ValueError", "mine"))
    out = sent("orders", 1, 2, root)
    for parent in (out, root):  # some tracers make no span of sending
        later = taken("orders", 50, 60, parent, **raised("OvenError", "burnt"))
        titles = [one.title for one in error_origins([trace(root, out, later)])]
        assert titles == ["ValueError: mine", "OvenError: burnt"]
        root.children.clear()
        out.children.clear()


def test_of_a_third_party_only_the_answer_is_known():
    """The cause may lie behind it, and the finding says so."""
    root = server("GET /", 0, 10, failed=True)
    out = call("https://bank.example/pay/17?key=REDACTED", 1, 9, root, failed=True)
    out.attributes["error.type"] = "503"
    (found,) = error_origins([trace(root, out)])
    assert (found.title, found.operation, found.confidence) == ("HTTP 503", "GET bank.example/pay/{n}", LIKELY)
    assert "bank.example is not traced" in found.evidence[0]


def test_without_a_failure_there_is_nothing():
    """A good trace has no origin."""
    assert list(error_origins([trace(span("a", 0, 1))])) == []
