"""A request to an application of one of many frameworks, called as a server calls it: ``python frameworks.py FRAMEWORK``."""

from __future__ import annotations

import asyncio
import sys
from itertools import islice

import asgi
import wsgi
from chunks import numbers, serve, serve_async

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PATH = "/menu/<name>"


def bottle() -> Any:
    from bottle import Bottle

    app = Bottle()
    app.route(_PATH, callback=lambda name: name)
    return app


def falcon() -> Any:
    from falcon import App

    class Menu:
        def on_get(self, _request: Any, response: Any, name: str) -> None:
            response.text = name

    app = App()
    app.add_route("/menu/{name}", Menu())
    return app


def pyramid() -> Any:
    from pyramid.config import Configurator
    from pyramid.response import Response

    with Configurator() as config:
        config.add_route("menu", "/menu/{name}")
        config.add_view(lambda request: Response(request.matchdict["name"]), route_name="menu")
        return config.make_wsgi_app()


def cherrypy() -> Any:
    import cherrypy

    class Root:
        @cherrypy.expose
        def menu(self, name: str, size: str) -> str:
            assert size
            return name

    cherrypy.config.update({"environment": "embedded", "log.screen": False})
    return cherrypy.Application(Root())


def starlette() -> Any:
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def menu(request: Any) -> Any:
        return PlainTextResponse(request.path_params["name"])

    return Starlette(routes=[Route("/menu/{name}", menu)])


def litestar() -> Any:
    from litestar import Litestar, get

    @get("/menu/{name:str}")
    async def menu(name: str) -> str:
        return name

    return Litestar([menu], openapi_config=None, logging_config=None)


def quart() -> Any:
    from quart import Quart

    app = Quart("pizzeria")

    @app.route(_PATH)
    async def menu(name: str) -> str:
        return name

    return app


def sanic() -> Any:
    from sanic import Sanic
    from sanic.response import text

    app = Sanic("pizzeria", configure_logging=False)

    @app.get(_PATH)
    async def menu(_request: Any, name: str) -> Any:
        return text(name)

    return app


_WSGI = {"bottle": bottle, "cherrypy": cherrypy, "falcon": falcon, "pyramid": pyramid}
_ASGI = {"litestar": litestar, "quart": quart, "sanic": sanic, "starlette": starlette}
_NUMBERS = numbers()


async def _serve_async(app: Any) -> None:
    async def run(count: int) -> None:
        for number in islice(_NUMBERS, count):
            await asgi.ask(app, number)

    await asgi.start(app)
    await serve_async(run)


def _serve(app: Any) -> None:
    def run(count: int) -> None:
        for number in islice(_NUMBERS, count):
            wsgi.ask(app, number)

    serve(run)


if sys.argv[1] in _ASGI:
    asyncio.run(_serve_async(_ASGI[sys.argv[1]]()))
else:
    _serve(_WSGI[sys.argv[1]]())
