"""A request to a Django application, called as a WSGI server calls it, whose view asks sqlite, in memory."""

from itertools import islice

import django
from chunks import numbers, serve
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path
from wsgi import ask

django.setup(set_prefix=False)
NUMBERS = numbers()


def menu(_request: HttpRequest, number: int) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM pizza WHERE id = %s", [number])
        return HttpResponse(str(number))


urlpatterns = [path("menu/<int:number>", menu)]
app = get_wsgi_application()
with connection.cursor() as made:
    made.execute("CREATE TABLE pizza (id INTEGER PRIMARY KEY)")


def run(count: int) -> None:
    for number in islice(NUMBERS, count):
        ask(app, number)


serve(run)
