"""Pyramid: routes, views of all kinds, traversal, exception views and tweens."""

from __future__ import annotations

import pytest
from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPServiceUnavailable
from pyramid.request import Request
from pyramid.response import Response

from autotrace import api
from contracts.framework import FrameworkContract, called_by_wsgi

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


def item(request):
    """Answer within a span."""
    with api.span("work"):
        return Response(f"item {request.matchdict['number']}")


def fail(_request):
    """Raise."""
    raise ValueError("broken")


def refuse(_request):
    """Refuse."""
    raise HTTPServiceUnavailable


def handled(_request):
    """Raise what a view of exceptions answers."""
    raise KeyError("handled")


def conflict(_error, _request):
    """Answer a KeyError."""
    return Response("conflict", status=409)


def broken(_error, _request):
    """Answer a ValueError."""
    return Response("sorry", status=500)


def stream(_request):
    """Answer in steps."""

    def steps():
        for piece in (b"one,", b"two"):
            with api.span("step"):
                pass
            yield piece

    return Response(app_iter=steps())


class Listed:
    """Views that are methods."""

    def __init__(self, request):
        self.request = request

    def html(self):
        """Answer."""
        return Response("html")

    def json(self):
        """Answer in another way."""
        return Response("json")


def application():
    """Return an application with what there is to trace."""
    config = Configurator()
    for name, pattern in (("item", "/items/{number}"), ("listed", "/listed/{kind}"), ("path", "rest/*path")):
        config.add_route(name, pattern)
    config.add_view(item, route_name="item", request_method="GET")
    config.add_view(Listed, attr="html", route_name="listed", match_param="kind=html")
    config.add_view(Listed, attr="json", route_name="listed", match_param="kind=json")
    config.add_view(lambda _request: Response("rest"), route_name="path")
    for view in (fail, refuse, handled, stream):
        config.add_route(view.__name__, f"/{view.__name__}")
        config.add_view(view, route_name=view.__name__)
    config.add_view(conflict, context=KeyError)
    config.add_view(broken, context=ValueError)
    config.add_view(lambda _context, _request: Response("found"), name="traversed")
    return config.make_wsgi_app()


class TestPyramid(FrameworkContract):
    """The contract."""

    scope = "pyramid"
    route = "/items/{number}"
    views = "item"

    def application(self):
        """An application."""
        return application()

    def test_what_is_not_found_has_no_route(self, recorder, instrument):
        """A method that no view takes has been routed before: Pyramid chooses in two steps."""
        application = self.traced(instrument)
        assert self.ask(application, "/nowhere")[0] == 404
        assert self.ask(application, "/items/7", "DELETE")[0] == 404
        nowhere, other = recorder.wait(2)
        assert (nowhere["name"], other["name"]) == ("GET", "DELETE /items/{number}")
        assert {span["status"] for span in (nowhere, other)} == {"UNSET"}


@pytest.mark.parametrize(
    ("path", "name", "view"),
    [
        ("/listed/html", "GET /listed/{kind}", "Listed.html"),
        ("/listed/json", "GET /listed/{kind}", "Listed.json"),
        ("/rest/a/b", "GET /rest/*path", "application.<locals>.<lambda>"),
        ("/traversed", "GET", "application.<locals>.<lambda>"),
    ],
)
def test_the_view_is_the_one_that_was_chosen(recorder, instrument, path, name, view):
    """Of several with predicates; one that traversal found has no route."""
    instrument("pyramid")
    assert called_by_wsgi(application(), path)[0] == 200
    (span,) = recorder.wait(1)
    assert (span["name"], span["attributes"]["code.function.name"]) == (name, f"{__name__}.{view}")


def test_an_exception_that_nothing_answers_passes(recorder, instrument):
    """It is on the span, with the view that raised it."""
    config = Configurator()
    config.add_route("fail", "/fail")
    config.add_view(fail, route_name="fail")
    instrument("pyramid")
    with pytest.raises(ValueError, match="broken"):
        called_by_wsgi(config.make_wsgi_app(), "/fail")
    (span,) = recorder.wait(1)
    assert (span["exception"], span["name"]) == ("ValueError: broken", "GET /fail")


def test_a_subrequest_is_part_of_the_request(recorder, instrument):
    """Route and view are those of the view that makes it."""

    instrument("pyramid")

    def outer(request):
        return request.invoke_subrequest(Request.blank("/inner/7"))

    config = Configurator()
    for name, view, path in (("outer", outer, "/outer"), ("inner", lambda request: Response("inner"), "/inner/{id}")):
        config.add_route(name, path)
        config.add_view(view, route_name=name)
    assert called_by_wsgi(config.make_wsgi_app(), "/outer") == (200, "inner")
    (span,) = recorder.wait(1)
    assert span["name"] == "GET /outer"
    assert span["attributes"]["code.function.name"].endswith(".outer")


def answering(handler, _registry):
    """Make a tween that asks for the exception view itself, as those of transactions do."""

    def tween(request):
        try:
            return handler(request)
        except ValueError:
            return request.invoke_exception_view()

    return tween


def test_a_tween_that_asks_for_the_exception_view(recorder, instrument):
    """What it makes a 500 of is told."""
    instrument("pyramid")
    config = Configurator()
    config.add_route("fail", "/fail")
    config.add_view(fail, route_name="fail")
    config.add_view(lambda request: Response("sorry", status=500), context=ValueError)
    config.add_tween(f"{__name__}.answering", under="pyramid.tweens.excview_tween_factory")
    assert called_by_wsgi(config.make_wsgi_app(), "/fail") == (500, "sorry")
    (span,) = recorder.wait(1)
    assert (span["name"], span["status"], span["exception"]) == ("GET /fail", "ERROR", "ValueError: broken")
