"""Two hundred operations of all kinds, each the same in every run: no network, no clock, no names of this machine.

Each group is a function that does its operations one after the other; the libraries that it needs are in its name's row.
"""

from __future__ import annotations

import asyncio
import http.client
import io
import sqlite3
from types import SimpleNamespace
from wsgiref.handlers import SimpleHandler

import httpx
import redis
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

import autotrace
from autotrace.families.messaging.stream import Messaging

SONGS = "CREATE TABLE songs (id INTEGER PRIMARY KEY, title TEXT, singer TEXT, plays INTEGER DEFAULT 0)"
STATEMENTS = [
    (SONGS,),
    ("CREATE INDEX by_singer ON songs (singer)",),
    ("INSERT INTO songs (title, singer) VALUES (?, ?)", ("Blue", "Joni")),
    ("INSERT INTO songs (title, singer) VALUES ('Both Sides Now', 'Joni')",),
    ("INSERT INTO songs (title, singer) VALUES (:title, :singer)", {"title": "River", "singer": "Joni"}),
    ("INSERT OR REPLACE INTO songs (id, title) VALUES (1, 'Blue')",),
    ("REPLACE INTO songs (id, title) VALUES (99, 'It''s')",),
    *((f"SELECT title FROM songs WHERE id = {number}",) for number in (1, 22, 333)),
    *(
        (f"SELECT * FROM songs WHERE singer = '{name}' AND plays > {len(name)}",)
        for name in ("Joni", "O''Hara", "x -- y")
    ),
    ("SELECT title FROM songs WHERE id IN (1, 2, 3, 4)",),
    ("SELECT title FROM songs WHERE id IN (?, ?)", (1, 2)),
    ("select count(*) from songs",),
    ("SELECT s.title, t.title FROM songs AS s JOIN songs AS t ON s.singer = t.singer",),
    ("SELECT title FROM songs WHERE id = (SELECT max(id) FROM songs)",),
    ("WITH best AS (SELECT * FROM songs ORDER BY plays LIMIT 3) SELECT title FROM best",),
    ("SELECT title FROM songs UNION SELECT singer FROM songs",),
    ('SELECT "title", [singer], `plays` FROM "songs"',),
    ("SELECT 1",),
    ("SELECT -1.5e10, 0x1F, 'a' || 'b', x'00ff', NULL",),
    ("/* which */ SELECT title -- the first\nFROM songs LIMIT 1",),
    ("   \n\tSELECT title\n\n  FROM songs   WHERE id   =   7",),
    ("UPDATE songs SET plays = plays + 1 WHERE title = 'Blue'",),
    ("UPDATE songs SET title = ? WHERE id = ?", ("Carey", 2)),
    ("DELETE FROM songs WHERE id = 99",),
    ("DELETE FROM songs WHERE singer IS NULL AND plays BETWEEN 3 AND 5",),
    ("PRAGMA table_info(songs)",),
    ("EXPLAIN QUERY PLAN SELECT * FROM songs",),
    ("VALUES (1, 'a'), (2, 'b')",),
    ("CREATE TEMP TABLE tmp AS SELECT * FROM songs",),
    ("DROP TABLE tmp",),
    ("CREATE VIEW plain AS SELECT title FROM songs",),
    ("SELECT * FROM plain WHERE title LIKE '%u%' ESCAPE '\\'",),
    ("ALTER TABLE songs ADD COLUMN year INTEGER",),
    ("SAVEPOINT one",),
    ("RELEASE one",),
    ("SELECT '" + "long " * 50 + "'",),
    ("SELECT " + ", ".join(f"{number} AS n{number}" for number in range(60)),),
    ("SELECT nothing FROM songs",),
    ("SELEC",),
    ("INSERT INTO songs (id) VALUES (1)",),
    ("SELECT * FROM missing WHERE secret = 'hush'",),
]


def queries():
    """sqlite3: statements of every kind, with and without literals, and what fails."""
    database = sqlite3.connect(":memory:", isolation_level=None)
    for statement in STATEMENTS:
        try:
            database.execute(*statement).fetchall()
        except sqlite3.Error:
            continue
    database.executemany("INSERT INTO songs (title) VALUES (?)", [("a",), ("b",), ("c",)])
    database.executemany("INSERT INTO songs (title) VALUES (?)", [("one",)])
    database.executescript("CREATE TABLE a (x); CREATE TABLE b (y);")
    with autotrace.span("order"):
        for number in range(3):
            database.execute(f"SELECT title FROM songs WHERE plays = {number}")
    database.close()


URLS = [
    "http://shop.example/",
    "http://shop.example/orders/17",
    "http://shop.example/orders/18?page=2&size=10",
    "https://shop.example/orders",
    "https://shop.example:8443/orders?Signature=hush&AWSAccessKeyId=hush&kept=1",
    "http://user:hush@shop.example:8080/a%20b?q=%C3%A9",
    "http://[2001:db8::1]:9000/six",
    "http://127.0.0.1/four?sig=hush",
    "http://SHOP.example:80/UPPER",
    "https://shop.example:443/",
    "http://shop.example/deep/" + "long/" * 30,
    "http://shop.example?only=query",
    "http://shop.example/#fragment",
    "http://xn--bcher-kva.example/",
]


def requests():
    """httpx: URLs, methods and answers of every kind, redirects, and what fails."""

    def answer(request):
        path = request.url.path
        if path.startswith("/status/"):
            return httpx.Response(int(path.rpartition("/")[2]))
        if path == "/away":
            return httpx.Response(302, headers={"Location": "/status/200"})
        if path == "/refused":
            raise httpx.ConnectError("refused", request=request)
        if path == "/slow":
            raise httpx.ReadTimeout("slow", request=request)
        return httpx.Response(200, text="fine")

    with httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=True) as client:
        for url in URLS:
            client.get(url)
        for method in ("POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "QUERY", "PURGE", "get"):
            client.request(method, "http://shop.example/methods")
        for number in range(5):
            client.get(f"http://shop.example/pizzas/{number}", params={"page": number, "token": "hush"})
        for status in (201, 204, 304, 400, 401, 404, 429, 500, 503):
            client.get(f"http://shop.example/status/{status}")
        client.get("http://shop.example/away")
        for path in ("/refused", "/slow"):
            try:
                client.get(f"http://shop.example{path}")
            except httpx.TransportError:
                continue
        with autotrace.span("checkout"):
            client.get("http://shop.example/within/1")
            client.get("http://shop.example/within/2")


class Wire:
    """What http.client takes for a socket: answers what it was made with."""

    def __init__(self, answer):
        self._answer = answer

    def sendall(self, data):
        """Take the request."""

    def makefile(self, _mode, *_more):
        """Return the answer."""
        return io.BytesIO(self._answer)

    def close(self):
        """Do nothing."""


def connections():
    """http.client: what is sent by hand over a connection."""
    for host, port, path, status in (
        ("shop.example", 80, "/", 200),
        ("shop.example", 8080, "/orders/1", 200),
        ("shop.example", 8080, "/orders/2?token=hush&kept=2", 404),
        ("2001:db8::1", 80, "/six", 500),
        ("shop.example", 80, "", 204),
    ):
        connection = http.client.HTTPConnection(host, port)
        connection.sock = Wire(b"HTTP/1.1 %d Said\r\nContent-Length: 0\r\n\r\n" % status)
        connection.request("GET", path)
        connection.getresponse().read()
    for answer in (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", b"", b"nonsense\r\n\r\n"):
        connection = http.client.HTTPConnection("shop.example")
        connection.sock = Wire(answer)
        connection.request("POST", "/made", body=b"x")
        try:
            connection.getresponse()
        except http.client.HTTPException:
            continue


ENVIRONS = [
    {},
    {"PATH_INFO": "/orders/17"},
    {"PATH_INFO": "/orders/18", "QUERY_STRING": "page=2&size=10"},
    {"PATH_INFO": "/orders/19", "QUERY_STRING": "sig=hush&kept=1"},
    {"PATH_INFO": "/caf\xc3\xa9", "SCRIPT_NAME": "/shop"},
    {"REQUEST_METHOD": "POST", "PATH_INFO": "/orders"},
    {"REQUEST_METHOD": "QUERY", "PATH_INFO": "/find"},
    {"REQUEST_METHOD": "ODD", "PATH_INFO": "/odd"},
    {"HTTP_HOST": "shop.example:8443", "wsgi.url_scheme": "https"},
    {"HTTP_HOST": "[2001:db8::1]:80"},
    {"HTTP_HOST": "[::1"},
    {"HTTP_X_FORWARDED_FOR": "198.51.100.7, 10.0.0.1", "HTTP_X_FORWARDED_PROTO": "https"},
    {"HTTP_USER_AGENT": "Mozilla/5.0 (test)", "REMOTE_ADDR": "198.51.100.9", "REMOTE_PORT": "4711"},
    {"HTTP_TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "HTTP_TRACESTATE": "vendor=1"},
    {"HTTP_TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "HTTP_BAGGAGE": "user=7"},
    {"SERVER_PROTOCOL": "HTTP/1.0"},
    {"PATH_INFO": "/status/404"},
    {"PATH_INFO": "/status/500"},
    {"PATH_INFO": "/broken"},
    {"PATH_INFO": "/parts"},
]


class Handler(SimpleHandler):
    """Says nothing of what fails."""

    def log_exception(self, exc_info):
        """Be silent."""


def wsgi():
    """A WSGI application under a handler: environments of every kind, and what it may answer."""

    def application(environ, start_response):
        path = environ.get("PATH_INFO", "")
        if path == "/broken":
            raise ValueError("burnt")
        status = path.rpartition("/")[2] if path.startswith("/status/") else "200"
        start_response(f"{status} Said", [("Content-Type", "text/plain"), ("Content-Length", "2")])
        return [b"o", b"k"] if path == "/parts" else [b"ok"]

    for given in ENVIRONS:
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/",
            "QUERY_STRING": "",
            "SERVER_NAME": "here.example",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http",
            "SCRIPT_NAME": "",
            **given,
        }
        handler = Handler(io.BytesIO(), io.BytesIO(), io.StringIO(), environ, multithread=False, multiprocess=False)
        handler.os_environ = {}
        handler.http_version = "1.1"
        handler.run(application)


def asgi():
    """Starlette: routes, mounts, parameters, what is not found, not allowed, or fails."""

    async def index(request):
        return PlainTextResponse("ok", status_code=int(request.path_params.get("status", 200)))

    async def broken(_request):
        raise ValueError("burnt")

    inner = [Route("/pizzas/{name}", index)]
    routes = [Route("/", index), Route("/orders/{order:int}", index), Route("/status/{status}", index)]
    application = Starlette(routes=[*routes, Route("/broken", broken), Mount("/menu", routes=inner)])

    async def ask(method, path, query, headers, version):
        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(_message):
            return None

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query,
            "root_path": "",
            "scheme": "http",
            "http_version": version,
            "headers": headers,
            "client": ("198.51.100.9", 4711),
            "server": ("here.example", 8000),
            "asgi": {"version": "3.0"},
        }
        try:
            await application(scope, receive, send)
        except ValueError:
            return

    async def everything():
        host = [(b"host", b"shop.example:8443"), (b"user-agent", b"tester")]
        parent = [(b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
        for path in ("/", "/orders/1", "/orders/2", "/orders/x", "/menu/pizzas/funghi", "/menu/other", "/nowhere"):
            await ask("GET", path, b"", host, "1.1")
        for status in (204, 404, 500):
            await ask("GET", f"/status/{status}", b"a=1&sig=hush", host, "2")
        await ask("POST", "/", b"", host, "1.1")
        await ask("GET", "/broken", b"", host, "1.1")
        await ask("GET", "/", b"", parent, "1.0")

    asyncio.run(everything())


class Answered:
    """A future that has succeeded or failed."""

    def __init__(self, answer):
        self.answer = answer


class Reader:
    """Whoever pulls messages."""


SHOP = Messaging("acme")
SENDER = "sender", "[2001:db8::1]:9092", None
READER = "reader", "workers", "broker.example:9092", "reader-1", ("orders", "menu")
CONTEXT = ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")


def messages():
    """A message library of this test's own: sending, pulling one and several, committing, transactions."""

    def message(args, kwargs):
        topic, key, partition = args[1:4]
        return topic, partition, key, None, SENDER, kwargs.get("headers") or []

    def watch(future, succeeded, failed):
        (failed if isinstance(future.answer, Exception) else succeeded)(future.answer)

    send = SHOP.send(message, (4, "headers"), watch, lambda answer: answer)(lambda *_a, **_k: _a[0].answer, "acme")
    for number, key in enumerate((None, "key", b"k\xc3\xa9y", b"\xff", 17, "k" * 300)):
        producer = SimpleNamespace(answer=Answered((number, 1000 + number, number == 5)))
        send(producer, "orders", key, None, headers=[])
    send(SimpleNamespace(answer=Answered(ConnectionError("nobody there"))), "orders", None, 3, headers=[])
    send(SimpleNamespace(answer=Answered((None, None, None))), "menu", None, -1, headers=[CONTEXT])

    def received(one):
        return one.topic, 0, one.offset, one.key, one.offset == 3, -1, one.headers

    def made(offset, *headers):
        return SimpleNamespace(topic="orders", offset=offset, key=f"key-{offset}", headers=list(headers))

    reader = Reader()
    one = SHOP.one(received, lambda _consumer: READER)
    pulled = one(lambda _consumer, brought: brought, "acme")
    for offset in range(4):
        pulled(reader, made(offset, *([CONTEXT] if offset % 2 else [])))
        with autotrace.span("bake"):
            pass
    with autotrace.span("worker"):
        pulled(reader, made(4, CONTEXT))
        pulled(reader, None)
    several = SHOP.batches(received, lambda _consumer: READER)(lambda _consumer, brought: brought, "acme")
    for taken in several(reader, [made(5, CONTEXT), made(6), made(7, CONTEXT)]):
        with autotrace.span(f"bake {taken.offset}"):
            pass
    several(reader, [])
    commit = SHOP.commit(lambda args, _kwargs: args[1], lambda _consumer: READER)(lambda *_args: None, "acme")
    for places in ([], [("orders", 0)], [("orders", 0), ("orders", 1)], [("orders", 0), ("menu", 0)]):
        commit(reader, places)
    end = SHOP.transaction("commit_transaction", lambda _producer: ("sender", "broker.example:9092", "orders-1"))
    end(lambda _producer: None, "acme")(reader)


class Offline(redis.Connection):
    """A connection whose server answers what it was told to."""

    answers = []  # noqa: RUF012 - of all of them

    def connect(self):
        """Be connected."""

    def send_command(self, *_args, **_kwargs):
        """Take a command."""

    def send_packed_command(self, *_args, **_kwargs):
        """Take commands."""

    def read_response(self, *_args, **_kwargs):
        """Return or raise the next answer."""
        answer = self.answers.pop(0) if self.answers else b"OK"
        if isinstance(answer, Exception):
            raise answer
        return answer

    def can_read(self, *_args, **_kwargs):
        """Have nothing to read."""
        return False


def commands():
    """redis: commands, pipelines and failures."""
    pool = redis.ConnectionPool(connection_class=Offline, host="db.example", port=6380, db=2)
    client = redis.Redis(connection_pool=pool, retry=None)
    client.response_callbacks.clear()  # nobody reads the answers
    client.execute_command("SET", "pizza:1", "hush")
    for number in range(3):
        client.execute_command("GET", f"pizza:{number}")
    client.execute_command("get", b"a")
    for name in ("HSET", "LPUSH", "EXPIRE", "ZADD", "PUBLISH"):
        client.execute_command(name, f"{name}:1", 2, 3)
    client.execute_command("CONFIG GET", "maxmemory")
    client.execute_command("FCALL", "bake", 0)
    client.execute_command("EVALSHA", "a" * 40, 0)
    client.execute_command("MSET", *(text for number in range(30) for text in (f"k{number}", "v")))
    for error in (redis.ResponseError("ERR wrong"), redis.exceptions.NoScriptError("NOSCRIPT none")):
        Offline.answers.append(error)
        try:
            client.execute_command("EVAL", "return 1", 0)
        except redis.ResponseError:
            continue
    Offline.answers.clear()


def spans():
    """What a program names itself: values of every kind, events, failures."""
    values = [1, -1, 2**70, 1.5, True, None, "text", "é" * 10, ["a", "b"], [1, 2], b"bytes", {"a": 1}, (1.5, 2.5)]
    for number, value in enumerate(values):
        with autotrace.span("work", number=number, value=value):
            pass
    with autotrace.span("outer"):
        with autotrace.span("inner", depth=2):
            autotrace.set_attribute("found", "late")
        try:
            raise KeyError("kept")
        except KeyError as error:
            autotrace.record_exception(error)
    for error in (ValueError("burnt"), KeyError("nothing"), RuntimeError(""), OSError(2, "No such file")):
        try:
            with autotrace.span("failing", kind=type(error).__name__):
                raise error
        except Exception:
            continue


GROUPS = {
    "queries": ("sqlite3",),
    "requests": ("httpx",),
    "connections": ("http_client",),
    "wsgi": ("wsgiref",),
    "asgi": ("starlette",),
    "messages": (),
    "commands": ("redis",),
    "spans": (),
}
"""The instrumentors that each group needs."""
