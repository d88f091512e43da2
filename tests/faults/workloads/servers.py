"""Servers of HTTP."""

from __future__ import annotations

import asyncio
import inspect
import io
import logging
from contextlib import contextmanager

from .common import INCOMING, NOBODY, outcome, stable


@contextmanager
def aiohttp_():
    """Client and server in one loop: routes, errors, streams, redirects, nobody there."""
    import aiohttp
    from aiohttp import web

    async def plain(request):
        return web.Response(text=f"{request.match_info['name']} {await request.text()}")

    async def broken(request):
        raise RuntimeError("broken oven")

    async def moved(request):
        raise web.HTTPFound("/pizza/moved")

    async def stream(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(3):
            await response.write(b"slice")
        return response

    async def all_of_it():
        app = web.Application()
        app.add_routes(
            [
                web.route("*", "/pizza/{name}", plain),
                web.get("/broken", broken),
                web.get("/moved", moved),
                web.get("/stream", stream),
            ]
        )
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        base = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        made = []
        async with aiohttp.ClientSession() as session:
            for path in ("/pizza/diavola", "/moved", "/stream", "/missing", "/broken"):
                async with session.get(base + path) as answer:
                    made.append((answer.status, await answer.text()))
            async with session.post(
                base + "/pizza/body", data=b"cheese", headers={"traceparent": "nonsense"}
            ) as answer:
                made.append(await answer.text())
            try:
                await session.get(NOBODY)
            except aiohttp.ClientError as error:
                made.append(stable(error))
        await runner.cleanup()
        return made

    logging.getLogger("aiohttp.server").propagate = False
    yield lambda: asyncio.run(all_of_it())


@contextmanager
def wsgi():
    """Flask under wsgiref's handler: lists, generators, errors, unread bodies, and an application of its own."""
    from wsgiref.handlers import SimpleHandler

    import flask

    app = flask.Flask("shop")

    @app.get("/plain/<name>")
    def plain(name):
        return name

    @app.get("/stream")
    def stream():
        return iter(["a", "b", "c"])

    @app.get("/broken")
    def broken():
        raise RuntimeError("broken oven")

    def bare(environ, start_response):
        write = start_response("200 OK", [("content-type", "text/plain")])
        write(b"written")
        yield b"yielded"
        if environ["PATH_INFO"] == "/tears":
            raise ValueError("torn")

    def serve(application, path):
        out, errors = io.BytesIO(), io.StringIO()
        environ = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "q=1",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
        }
        environ.update({f"HTTP_{name.upper().replace('-', '_')}": value for name, value in INCOMING.items()})
        handler = SimpleHandler(io.BytesIO(), out, errors, environ)
        handler.http_version = "1.0"
        handler.origin_server = False
        handler.run(application)
        return out.getvalue(), errors.getvalue().rpartition("\n")[0].rpartition("\n")[2]

    app.logger.disabled = True

    def run():
        made = [outcome(serve, app, path) for path in ("/plain/diavola", "/stream", "/broken", "/missing")]
        made += [outcome(serve, bare, path) for path in ("/", "/tears")]
        with app.test_client() as client:
            made.append(client.get("/plain/tested").data)
        return made

    yield run


@contextmanager
def asgi():
    """FastAPI with a mounted Starlette as uvicorn calls it: answers, streams, background, errors, websockets."""
    import uvicorn
    from fastapi import FastAPI
    from starlette.applications import Starlette
    from starlette.background import BackgroundTask
    from starlette.responses import PlainTextResponse, StreamingResponse
    from starlette.routing import Route
    from uvicorn.protocols.http.h11_impl import H11Protocol
    from uvicorn.server import ServerState

    done = []
    app = FastAPI()

    @app.get("/plain/{name}")
    async def plain(name):
        return name

    @app.get("/sync/{name}")
    def sync(name):
        return name

    @app.get("/stream")
    async def stream():
        async def slices():
            for _ in range(3):
                yield "slice"

        return StreamingResponse(slices())

    @app.get("/later")
    async def later():
        return PlainTextResponse("now", background=BackgroundTask(done.append, "later"))

    @app.get("/broken")
    async def broken():
        raise RuntimeError("broken oven")

    @app.websocket("/socket")
    async def talk(websocket):
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text())
        await websocket.close()

    async def inner(request):
        return PlainTextResponse("inner")

    app.mount("/mounted", Starlette(routes=[Route("/{name}", inner)]))
    config = uvicorn.Config(app, log_config=None, lifespan="off")
    settings = {"config": config, "server_state": ServerState()}
    if "app_state" in inspect.signature(H11Protocol).parameters:
        settings["app_state"] = {}
    headers = [(name.encode(), value.encode()) for name, value in INCOMING.items()]

    async def serve(path, kind="http"):
        sent = []
        waiting = [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]
        if kind == "websocket":
            waiting = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "hello"}]

        async def receive():
            if waiting:
                return waiting.pop(0)
            return await asyncio.get_running_loop().create_future()

        async def send(message):
            sent.append(message)

        scope = {
            "type": kind,
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"q=1",
            "headers": headers,
            "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 1),
            "subprotocols": [],
            "state": {},
        }
        try:
            await H11Protocol(**settings).app(scope, receive, send)
        except Exception as error:
            sent.append(repr(error))
        return sent

    async def all_of_it():
        made = [
            await serve(path)
            for path in (
                "/plain/a",
                "/sync/b",
                "/stream",
                "/later",
                "/broken",
                "/missing",
                "/mounted/c",
                "/mounted/c/d",
            )
        ]
        return [*made, await serve("/socket", "websocket"), list(done[-1:])]

    yield lambda: asyncio.run(all_of_it())
