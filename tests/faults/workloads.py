"""What is run with our functions failing: for each family, what its instrumentors see, and nothing that differs by itself.

A workload is a context manager; within it, what it gave is called again and again and returns the same each time.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import http.client
import http.server
import io
import logging
import sqlite3
import threading
import urllib.request
from contextlib import closing, contextmanager


def outcome(call, *args, **kwargs):
    """Return what a call returns, or its exception's type and text, with those that led to it."""
    try:
        return call(*args, **kwargs)
    except Exception as error:
        chain, told = error, []
        while chain is not None:
            told.append(f"{type(chain).__name__}: {_stable(chain)}")
            chain = chain.__cause__ or chain.__context__
        return told


def _stable(error):
    import re

    return re.sub(r"0x[0-9a-f]+", "0x", str(error))


class Origin(http.server.BaseHTTPRequestHandler):
    """Answers by the path."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Answer with a status, a redirect, or nothing."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/gone":
            self.close_connection = True
            return
        status = int(self.path[1:4])
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/200")
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"pizza")

    do_POST = do_GET

    def log_message(self, *_):
        """Say nothing."""


@contextmanager
def origin():
    """Run a server that is not traced; yields its base URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


NOBODY = "http://127.0.0.1:9/"


@contextmanager
def requests_():
    """Answers of all kinds, a body, a redirect, a server that hangs up, nobody there."""
    import requests

    with origin() as base:

        def run():
            with requests.Session() as session:
                made = [outcome(lambda path=path: session.get(base + path).text) for path in ("/200", "/404", "/302")]
                made.append(outcome(lambda: session.post(base + "/500", data=b"x" * 10).status_code))
                made.append(outcome(lambda: type(session.get(NOBODY))))
                made.append(outcome(lambda: session.get(base + "/gone")))
            return made

        yield run


@contextmanager
def plain_clients():
    """urllib3, urllib and http.client."""
    import urllib3

    with origin() as base:
        address = base.partition("://")[2]

        def steps():
            with closing(http.client.HTTPConnection(address)) as connection:
                connection.request("POST", "/200", b"body", {"x-own": "1"})
                return connection.getresponse().read()

        def gone():
            with closing(http.client.HTTPConnection(address)) as connection:
                connection.request("GET", "/gone")
                return connection.getresponse().read()

        def never_read():
            connection = http.client.HTTPConnection(address)
            connection.request("GET", "/200")
            connection.close()

        def opened(path):
            with urllib.request.urlopen(base + path) as answer:
                return answer.read()

        def run():
            with urllib3.PoolManager(retries=False) as pool:
                made = [outcome(lambda path=path: pool.request("GET", base + path).data) for path in ("/200", "/503")]
                made.append(outcome(lambda: pool.request("GET", NOBODY)))
            return [*made, outcome(steps), outcome(gone), never_read(), opened("/302"), outcome(opened, "/404")]

        yield run


@contextmanager
def httpx_():
    """Sync and async."""
    import httpx

    with origin() as base:

        async def waiting():
            async with httpx.AsyncClient() as client:
                return [(await client.get(base + path)).status_code for path in ("/200", "/404")]

        async def refused():
            async with httpx.AsyncClient() as client:
                await client.get(NOBODY)

        def run():
            with httpx.Client(follow_redirects=True) as client:
                made = [outcome(lambda path=path: client.get(base + path).text) for path in ("/200", "/404", "/302")]
                made.append(outcome(lambda: client.get(NOBODY)))
            return [*made, asyncio.run(waiting()), outcome(asyncio.run, refused())]

        yield run


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
                made.append(_stable(error))
        await runner.cleanup()
        return made

    logging.getLogger("aiohttp.server").propagate = False
    yield lambda: asyncio.run(all_of_it())


INCOMING = {
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate": "vendor=1",
    "baggage": "tenant=acme;private",
    "x-forwarded-for": "10.0.0.1, 10.0.0.2",
    "user-agent": "tests",
}


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
    config.load()
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
            await config.loaded_app(scope, receive, send)
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


@contextmanager
def sqlite():
    """Queries, batches, scripts, factories, errors, callbacks."""

    class Own(sqlite3.Connection):
        def cursor(self, *args, **kwargs):
            return super().cursor(*args, **kwargs)

    def run():
        with (
            closing(sqlite3.connect(":memory:")) as connection,
            closing(sqlite3.connect(":memory:", factory=Own)) as own,
        ):
            connection.create_function("twice", 1, lambda number: 2 * number)
            connection.executescript("CREATE TABLE pizzas (name TEXT UNIQUE); CREATE TABLE orders (id INTEGER)")
            made = [connection.executemany("INSERT INTO pizzas VALUES (?)", [("a",), ("b",)]).rowcount]
            made.append(connection.execute("SELECT twice(21), 'secret'").fetchall())
            made.append(connection.cursor().execute("SELECT name FROM pizzas ORDER BY name").fetchall())
            made.append(outcome(connection.execute, "INSERT INTO pizzas VALUES ('a')"))
            made.append(outcome(connection.execute, "SELEKT"))
            made.append(outcome(connection.execute, 7))
            made.append(own.execute("SELECT 1").fetchall())
            made.append(own.cursor().execute("SELECT 2").fetchone())
        return made

    yield run


@contextmanager
def sqlalchemy_():
    """Core and ORM-like use, batches, errors, over sqlite3."""
    from sqlalchemy import create_engine, text

    def run():
        engine = create_engine("sqlite://")
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE pizzas (name TEXT UNIQUE)"))
            connection.execute(text("INSERT INTO pizzas VALUES (:name)"), [{"name": "a"}, {"name": "b"}])
            made = [list(map(tuple, connection.execute(text("SELECT * FROM pizzas ORDER BY name"))))]
            made.append(connection.exec_driver_sql("SELECT 1").scalar())
            made.append(outcome(connection.execute, text("INSERT INTO pizzas VALUES ('a')")))
        engine.dispose()
        return made

    yield run


@contextmanager
def redis_(port):
    """Commands, pipelines, transactions and their errors, sync and async."""
    import redis
    import redis.asyncio

    with closing(redis.Redis(port=int(port))) as client:

        async def waiting():
            async with redis.asyncio.Redis(port=int(port)) as other:
                made = [await other.set("faults", "1"), await other.get("faults")]
                async with other.pipeline() as pipeline:
                    pipeline.set("faults", "2").get("faults")
                    made.append(await pipeline.execute())
                try:
                    await other.lpush("faults", "x")
                except redis.ResponseError as error:
                    made.append(str(error))
            return made

        def run():
            made = [client.set("faults", "text"), client.get("faults"), outcome(client.incr, "faults")]
            made.append(client.pipeline(transaction=False).set("faults", "3").get("faults").execute())
            made.append(outcome(client.pipeline().set("faults", "t").incr("faults").execute))
            return [*made, asyncio.run(waiting())]

        yield run


@contextmanager
def kafka_(bootstrap):
    """Messages sent, with and without headers of the program's, too large, and pulled in each way."""
    import uuid

    from kafka import KafkaConsumer, KafkaProducer, TopicPartition
    from kafka.errors import KafkaError

    logging.getLogger("kafka").propagate = False
    topic = f"faults-{uuid.uuid4().hex[:8]}"
    with closing(KafkaProducer(bootstrap_servers=bootstrap)) as producer:
        producer.send(topic, b"first").get(30)

        def pulled(wanted):
            place = TopicPartition(topic, 0)
            consumer = KafkaConsumer(bootstrap_servers=bootstrap, consumer_timeout_ms=20_000, enable_auto_commit=False)
            with closing(consumer):
                consumer.assign([place])
                consumer.seek(place, max(consumer.end_offsets([place])[place] - wanted, 0))
                made = [next(consumer).value for _ in range(wanted - 2)]
                consumer.seek(place, consumer.end_offsets([place])[place] - 2)
                batches = []
                while not batches:
                    batches = [list(batch) for batch in consumer.poll(1000).values()]
                return made, sorted(message.value for batch in batches for message in batch)[-1:]

        def run():
            futures = [
                producer.send(topic, b"plain"),
                producer.send(topic, b"headed", headers=[("own", b"1")]),
                producer.send(topic, b"keyed", key=b"k", headers=[("traceparent", INCOMING["traceparent"].encode())]),
            ]
            made = [future.get(30).topic == topic for future in futures]
            made.append(outcome(lambda: producer.send(topic, b"x" * 2_000_000).get(30))[0][:20])
            return [*made, pulled(3), KafkaError.__name__]

        yield run


@contextmanager
def threads():
    """Threads, timers, pools, tasks in executors."""

    class Own(threading.Thread):
        def run(self):
            made.append("own")

    made = []

    def broken():
        raise ValueError("broken")

    async def waiting():
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, lambda: "executor")

    def run():
        made.clear()
        for thread in (threading.Thread(target=made.append, args=(1,)), threading.Timer(0, made.append, (2,)), Own()):
            thread.start()
            thread.join()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            made.append(pool.submit(pow, 2, 10).result())
            made.append(list(pool.map(abs, [-1, -2])))
            made.append(outcome(pool.submit(broken).result))
        return [*made, asyncio.run(waiting())]

    yield run


@contextmanager
def by_hand():
    """The public functions: blocks, decorators, generators, attributes, exceptions."""
    import autotrace

    @autotrace.span("function")
    def function(number):
        autotrace.set_attribute("number", number)
        return number

    @autotrace.span("broken")
    def broken():
        raise ValueError("broken")

    @autotrace.span("generator")
    def generator():
        got = yield 1
        yield got

    @autotrace.span("coroutine")
    async def coroutine():
        return 3

    @autotrace.span("async generator")
    async def async_generator():
        yield 4
        yield 5

    async def waiting():
        return [await coroutine(), [item async for item in async_generator()]]

    def run():
        with autotrace.span("block", size=1):
            made = [function(1), outcome(broken)]
            steps = generator()
            made += [next(steps), steps.send(2), next(steps, None)]
            left = generator()
            made.append(next(left))
            left.close()
            try:
                raise KeyError("caught")
            except KeyError as error:
                autotrace.record_exception(error)
            made.append(autotrace.current_span() is None and "none")
        return [*made[:-1], asyncio.run(waiting())]

    yield run


ALL = {
    "requests": (("requests", "urllib3", "http_client"), requests_),
    "plain_clients": (("urllib3", "http_client"), plain_clients),
    "httpx": (("httpx",), httpx_),
    "aiohttp": (("aiohttp_client", "aiohttp_server"), aiohttp_),
    "wsgi": (("flask", "wsgiref"), wsgi),
    "asgi": (("uvicorn", "starlette", "fastapi", "futures"), asgi),
    "sqlite": (("sqlite3",), sqlite),
    "sqlalchemy": (("sqlalchemy", "sqlite3"), sqlalchemy_),
    "redis": (("redis", "redis_asyncio"), redis_),
    "kafka": (("kafka", "threads"), kafka_),
    "threads": (("threads", "futures"), threads),
    "by_hand": ((), by_hand),
}
