"""A request to an API on Django, called as a WSGI server calls it: ``python django_api.py FRAMEWORK``."""

import sys
from itertools import islice

import django
from chunks import numbers, serve
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest
from django.urls import path
from wsgi import ask

django.setup(set_prefix=False)
if sys.argv[1] == "django-ninja":
    from ninja import NinjaAPI

    api = NinjaAPI(openapi_url=None)

    @api.get("/menu/{number}")
    def menu(request: HttpRequest, number: int) -> int:  # noqa: ARG001 - it takes no name with a line before it
        return number

    urlpatterns = [path("", api.urls)]
else:
    from rest_framework.decorators import api_view
    from rest_framework.response import Response

    @api_view(["GET"])
    def menu(_request: HttpRequest, number: int) -> Response:
        return Response(number)

    urlpatterns = [path("menu/<int:number>", menu)]
NUMBERS = numbers()
app = get_wsgi_application()


def run(count: int) -> None:
    for number in islice(NUMBERS, count):
        ask(app, number)


serve(run)
