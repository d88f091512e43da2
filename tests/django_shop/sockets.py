"""The shop with its websockets, by channels."""

from __future__ import annotations

from django.core.asgi import get_asgi_application

pages = get_asgi_application()

from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import path, re_path  # noqa: E402

from django_shop.views import title  # noqa: E402


class Echo(AsyncWebsocketConsumer):
    """Says what it is told."""

    async def receive(self, text_data=None, bytes_data=None):
        """Say it."""
        await self.send(text_data=text_data)


class Titles(WebsocketConsumer):
    """Answers by one query, in a thread."""

    def receive(self, text_data=None, bytes_data=None):
        """Say the title of a book, or fail."""
        self.send(text_data=title(pk=int(text_data)))


routes = [
    path("echo/", Echo.as_asgi()),
    path("shelf/<int:shelf>/", URLRouter([path("nothing/", Echo.as_asgi()), re_path(r"^titles/$", Titles.as_asgi())])),
    path("shelf/<int:shelf>/other/", Echo.as_asgi()),
]
application = ProtocolTypeRouter({"http": pages, "websocket": URLRouter(routes)})
