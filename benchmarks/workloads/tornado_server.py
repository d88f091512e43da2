"""A server of Tornado; its requests come from outside, over one connection."""

import asyncio
import signal
import socket

from tornado import httpserver, web


class Menu(web.RequestHandler):
    def get(self, name: str) -> None:
        self.write(name)


async def main() -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    server = httpserver.HTTPServer(web.Application([(r"/menu/([^/]+)", Menu)], log_function=lambda _handler: None))
    server.add_socket(listening)
    print(f"ready {listening.getsockname()[1]}", flush=True)
    await ended.wait()


ended = asyncio.Event()
listening = socket.socket()
listening.bind(("127.0.0.1", 0))
listening.listen()
listening.setblocking(False)
asyncio.run(main())
