"""The shop's API by Django REST framework."""

from __future__ import annotations

from rest_framework import routers, serializers, viewsets
from rest_framework.decorators import api_view
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import APIView, exception_handler

from django_shop.models import Book


class BookSerializer(serializers.ModelSerializer):
    """A book."""

    class Meta:
        """Of what, and what of it."""

        model = Book
        fields = ("id", "title")


class BookViewSet(viewsets.ModelViewSet):
    """Books."""

    queryset = Book.objects.order_by("pk")
    serializer_class = BookSerializer


class Unavailable(APIException):
    """What a view raises to answer."""

    status_code = 503


class Broken(APIView):
    """A view that fails in a way that it is asked for."""

    def get(self, request, way):
        """Raise."""
        raise {"refuse": Unavailable(), "answered": KeyError("answered"), "fail": ValueError("broken")}[way]


@api_view(["GET"])
def hello(request):
    """Answer."""
    return Response("hello")


def answer(error, context):
    """Answer an exception as programs do that have a handler of their own."""
    return Response("that went wrong", status=500) if isinstance(error, KeyError) else exception_handler(error, context)


router = routers.SimpleRouter()
router.register("books", BookViewSet)
