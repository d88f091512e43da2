"""The shop's API by django-ninja."""

from __future__ import annotations

from django.http import Http404
from ninja import NinjaAPI, Router
from ninja.errors import HttpError

from django_shop.views import title

api = NinjaAPI(docs_url=None, openapi_url=None)
asynchronous = Router()


@api.get("/books/{int:number}")
def book(request, number: int):
    """Answer by one query."""
    return title(pk=number)


@api.get("/broken/{way}")
def broken(request, way: str):
    """Fail in a way that it is asked for."""
    raise {"refuse": HttpError(503, "closed"), "lost": Http404("lost"), "answered": KeyError("answered")}.get(
        way, ValueError("broken")
    )


@api.exception_handler(KeyError)
def answer(request, error):
    """Answer an exception as programs do that have a handler of their own."""
    return api.create_response(request, "that went wrong", status=500)


@asynchronous.get("/hello")
async def hello(request):
    """Answer."""
    return "hello"


@asynchronous.post("/hello")
def hello_too(request):
    """Answer, for one of two methods of one path."""
    return "hello too"


api.add_router("/async", asynchronous)
