"""One view of each kind."""

from __future__ import annotations

import functools

from asgiref.sync import sync_to_async
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.views import View

from django_shop.models import Book


def title(**of):
    """Return the title of a book, by one query."""
    return Book.objects.values_list("title", flat=True).get(**of)


def sync(request, number):
    """Answer by one query."""
    return HttpResponse(title(pk=number))


async def asynchronous(request, number):
    """Answer by one query in another thread."""
    return HttpResponse(await sync_to_async(title)(pk=number))


class Classy(View):
    """A view that is a class."""

    def get(self, request, number):
        """Answer by one query."""
        return HttpResponse(title(pk=number))


def streaming(request):
    """Answer with two queries, each while the response is sent."""
    return StreamingHttpResponse(title(pk=number) for number in (1, 2))


def raising(request):
    """Fail after one query."""
    raise ValueError(f"no {title(pk=1)}")


async def raising_async(request):
    """Fail."""
    raise ValueError("no")


def missing(request, number):
    """Answer that there is no such book, which one query says."""
    return HttpResponse(get_object_or_404(Book, pk=number).title)


def broken_stream(request):
    """Fail while the response is sent."""

    def steps():
        yield title(pk=1)
        raise ValueError("torn")

    return StreamingHttpResponse(steps())


ANSWERS = {
    "lost": Http404("lost"),
    "forbidden": PermissionDenied("you"),
    "bad": BadRequest("what"),
    "suspicious": SuspiciousOperation("hm"),
    "lookup": LookupError("looked"),
}


def refusing(request, way):
    """Raise what is an answer, or what a middleware answers."""
    raise ANSWERS[way]


def decorated(function):
    """Decorate as programs do."""

    @functools.wraps(function)
    def inner(request):
        return function(request)

    return inner


@decorated
def wrapped(request):
    """Answer."""
    return HttpResponse("wrapped")


class Callable:
    """A view that is an object."""

    def __call__(self, request, **_):
        """Answer."""
        return HttpResponse("object")
