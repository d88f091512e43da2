"""A program that is full of secrets, in every place where a family could see one; what it does goes well, and fails.

The secrets are made of two pieces, so that a source line in a stack holds none of them.  Arguments: an address of Redis
and one of Kafka, each empty where there is none.
"""

import asyncio
import contextlib
import http.client
import http.server
import sqlite3
import sys
import threading
import urllib.request

import aiohttp
import flask
import httpx
import kafka
import redis
import redis.asyncio
import requests
import sqlalchemy
import urllib3
import uvicorn
from aiohttp import web
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from werkzeug.serving import make_server

REDIS, KAFKA = sys.argv[1:]
used = []


def secret(name):
    """Return a secret; the test looks for its first letters."""
    used.append(name)
    return "hu" + "sh" + name


def query(place):
    """Return a query of well-known secrets."""
    keys = (
        "token access_token password api_key client_secret sig signature Signature AWSAccessKeyId X-Amz-Signature "
        "X-Amz-Credential X-Amz-Security-Token X-Goog-Signature auth secret refresh_token id_token pwd pass jwt session code "
        "key authorization auth_token X-Goog-Credential"
    )
    return "&".join(f"{key}={secret(f'{place}{key.lower()}')}" for key in keys.split()) + "&kept=1"


def headers(place):
    """Return headers with credentials."""
    return {
        "Authorization": f"Bearer {secret(place + 'bearer')}",
        "Cookie": f"session={secret(place + 'cookie')}",
        "Proxy-Authorization": f"Basic {secret(place + 'proxy')}",
        "X-Api-Key": secret(place + "apikey"),
    }


def quietly(call, *args, **kwargs):
    """Call something that may fail."""
    with contextlib.suppress(Exception):
        return call(*args, **kwargs)


class Origin(http.server.BaseHTTPRequestHandler):
    """Answers well, badly, elsewhere, or not at all."""

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status = {"/moved": 302, "/broken": 500, "/gone": 0}.get(self.path.partition("?")[0], 200)
        if not status:
            return
        self.send_response(status)
        if status == 302:
            self.send_header("Location", f"/ok?{query('location')}")
        self.send_header("Set-Cookie", secret("setcookie"))
        self.end_headers()
        self.wfile.write(secret("answer").encode())

    do_POST = do_GET

    def log_message(self, *_):
        pass


def clients(port):
    """All HTTP clients, with secrets in URL, headers and body."""
    for path in ("ok", "moved", "broken", "gone"):
        for target, refused in ((port, False), (9, True)):
            if refused and path != "ok":
                continue

            def url(place, path=path, target=target):
                return (
                    f"http://{secret(place + 'user')}:{secret(place + 'pass')}@127.0.0.1:{target}/{path}?{query(place)}"
                )

            body = secret("body").encode()
            quietly(requests.post, url("requests"), headers=headers("requests"), data=body, timeout=20)
            quietly(httpx.post, url("httpx"), headers=headers("httpx"), content=body, follow_redirects=True)
            pool = urllib3.PoolManager(retries=1)
            quietly(pool.request, "POST", url("urllib3"), headers=headers("urllib3"), body=body)
            request = urllib.request.Request(url("urllib").replace("@", "%40", 0), body, headers("urllib"))
            quietly(urllib.request.urlopen, request, timeout=20)
            connection = http.client.HTTPConnection("127.0.0.1", target, timeout=20)
            quietly(connection.request, "POST", f"/{path}?{query('steps')}", body, headers("steps"))
            quietly(connection.getresponse)
            connection.close()
            asyncio.run(aiohttp_client(url("aiohttp"), body))
    quietly(requests.get, f"nosuch://{secret('scheme')}:{secret('schemepass')}@h/?{query('scheme')}")
    quietly(httpx.get, f"http://h:{secret('badport')}/?{query('badport')}")


async def aiohttp_client(url, body):
    """The same with aiohttp."""
    given = headers("aiohttp")
    del given["Authorization"]  # it refuses to have both
    for more in ({}, {"Authorization": f"Bearer {secret('aiohttp')}"}):
        async with aiohttp.ClientSession(headers={**given, **more}) as session:
            with contextlib.suppress(aiohttp.ClientError, ValueError):
                await session.post(url, data=body)


def servers():
    """All server families: a request with secrets, and handlers that fail and quote them in URLs."""
    app = flask.Flask("shop")
    app.logger.disabled = True

    def fail():
        raise RuntimeError(f"cannot reach http://{secret('inner')}:{secret('innerpass')}@h/?{query('inner')}")

    @app.post("/flask")
    def flask_view():
        flask.request.get_data()
        response = flask.Response(secret("flaskanswer"))
        response.set_cookie("session", secret("flasksetcookie"))
        return response

    @app.post("/flask/broken")
    def flask_broken():
        fail()

    server = make_server("127.0.0.1", 0, app)
    server.log = lambda *_, **__: None
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    for path in ("flask", "flask/broken"):
        call(server.port, path)
    server.shutdown()
    thread.join()
    server.server_close()
    asyncio.run(asgi(fail))
    asyncio.run(aiohttp_server(fail))


def call(port, path):
    """Send a request from a client that is not traced."""
    import socket

    lines = [f"POST /{path}?{query('server')} HTTP/1.1", f"Host: {secret('hostuser')}@127.0.0.1", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers("server").items()]
    lines += [f"baggage: user={secret('baggage')}", "Content-Length: 8"]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + secret("four")[:8].encode())
        while connection.recv(4096):
            pass


async def asgi(fail):
    """Starlette under uvicorn."""

    async def view(request):
        await request.body()
        if request.url.path.endswith("broken"):
            fail()
        return PlainTextResponse(secret("asgianswer"))

    app = Starlette(routes=[Route("/asgi", view, methods=["POST"]), Route("/asgi/broken", view, methods=["POST"])])
    config = uvicorn.Config(app, port=0, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    serving = asyncio.ensure_future(server.serve())
    while not server.started:  # noqa: ASYNC110 - it has no event to wait for
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    for path in ("asgi", "asgi/broken"):
        await asyncio.to_thread(call, port, path) if hasattr(asyncio, "to_thread") else call(port, path)
    server.should_exit = True
    await serving


async def aiohttp_server(fail):
    """aiohttp's own."""

    async def view(request):
        await request.read()
        if request.path.endswith("broken"):
            fail()
        return web.Response(text=secret("aiohttpanswer"))

    app = web.Application()
    app.add_routes([web.post("/aiohttp", view), web.post("/aiohttp/broken", view)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    for path in ("aiohttp", "aiohttp/broken"):
        await asyncio.get_running_loop().run_in_executor(None, call, port, path)
    await runner.cleanup()


def databases():
    """Literals, parameters and rows, in statements that go well and that fail."""
    plain = sqlite3.connect(":memory:")
    plain.execute("CREATE TABLE people (name TEXT UNIQUE, pin INTEGER CHECK (pin > 0))")
    name = secret("literal")
    plain.execute(f"INSERT INTO people VALUES ('{name}', 1)")
    plain.execute(f"SELECT * FROM people WHERE name = '{name}' -- {secret('comment')}")
    plain.execute("SELECT * FROM people WHERE name = ?", (secret("parameter"),)).fetchall()
    plain.executemany("INSERT INTO people VALUES (?, ?)", [(secret("many"), 1), (secret("more"), 2)])
    plain.executescript(f"INSERT INTO people VALUES ('{secret('script')}', 1); SELECT 1")
    for broken in (
        f"INSERT INTO people VALUES ('{name}', 1)",
        f"SELECT * FROM people WHERE name = '{secret('open')}",
        f"SELECT '{secret('near')}' '{secret('near2')}' FROMM '{secret('near3')}'",
        f'SELECT "{secret("column")}" FROM people WHERE nothing = 1',
    ):
        quietly(plain.execute, broken)
    engine = sqlalchemy.create_engine("sqlite://")
    text = sqlalchemy.text
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE people (name TEXT UNIQUE)"))
        connection.execute(text("INSERT INTO people VALUES (:name)"), {"name": secret("orm")})
        connection.execute(text(f"SELECT * FROM people WHERE name = '{secret('ormliteral')}'"))
    for statement, parameters in (
        ("INSERT INTO people VALUES (:name)", {"name": "hu" + "shorm"}),
        (f"SELECT '{secret('ormnear')}' FROMM people", {}),
        ("SELECT * FROM people WHERE name = :name", {"name": object}),
        ("SELECT * FROM people WHERE name = :name", {"other": secret("ormother")}),
    ):
        with contextlib.suppress(Exception), engine.connect() as connection:
            connection.execute(text(statement), parameters)


def commands(port):
    """Keys, values and errors that quote them, sync and asyncio."""
    client = redis.Redis(port=port)
    client.set(secret("key"), secret("value"))
    client.get(secret("key"))
    client.mset({secret("mkey"): secret("mvalue")})
    quietly(client.incr, secret("key"))
    quietly(client.execute_command, "NOSUCH", secret("unknown"), secret("unknown2"))
    quietly(client.execute_command, f"SET {secret('inline')} {secret('inlinevalue')} {secret('wrong')}")
    quietly(client.eval, f"return redis.call('NOSUCH', '{secret('lua')}')", 1, secret("luakey"), secret("luavalue"))
    quietly(client.auth, secret("auth"))
    for transaction in (False, True):
        pipeline = client.pipeline(transaction=transaction)
        pipeline.set(secret("pkey"), secret("pvalue")).incr("hu" + "shpkey").execute_command("NO", secret("punknown"))
        quietly(pipeline.execute)
    client.close()
    asyncio.run(waiting(port))


async def waiting(port):
    """The same with asyncio."""
    client = redis.asyncio.Redis(port=port)
    await client.set(secret("akey"), secret("avalue"))
    with contextlib.suppress(redis.RedisError):
        await client.incr("hu" + "shakey")
    pipeline = client.pipeline()
    pipeline.set(secret("apkey"), secret("apvalue")).incr("hu" + "shapkey")
    with contextlib.suppress(redis.RedisError):
        await pipeline.execute()
    await (getattr(client, "aclose", None) or client.close)()


def messages(bootstrap):
    """Bodies and headers of messages, and handlers that fail."""
    producer = kafka.KafkaProducer(bootstrap_servers=bootstrap)
    producer.send("secrets", secret("message").encode(), headers=[("authorization", secret("header").encode())]).get(30)
    quietly(lambda: producer.send("secrets", secret("long").encode() * 500_000).get(30))
    producer.close()
    place = kafka.TopicPartition("secrets", 0)
    consumer = kafka.KafkaConsumer(bootstrap_servers=bootstrap, consumer_timeout_ms=20_000)
    consumer.assign([place])
    consumer.seek_to_beginning(place)
    message = next(iter(consumer))
    assert message.value.startswith(b"hu"), message
    consumer.close()


origin = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
origin.daemon_threads = True
threading.Thread(target=origin.serve_forever, daemon=True).start()
clients(origin.server_address[1])
servers()
databases()
if REDIS:
    commands(int(REDIS))
if KAFKA:
    messages(KAFKA)
print(len(set(used)))
