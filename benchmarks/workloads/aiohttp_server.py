"""A server of aiohttp; its requests come from outside, over one connection."""

import socket

from aiohttp import web


async def menu(request: web.Request) -> web.Response:
    return web.Response(text=request.match_info["name"])


app = web.Application()
app.router.add_get("/menu/{name}", menu)
listening = socket.socket()
listening.bind(("127.0.0.1", 0))
listening.listen()
print(f"ready {listening.getsockname()[1]}", flush=True)
web.run_app(app, sock=listening, print=None, access_log=None)
