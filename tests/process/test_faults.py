"""An instrumentor that fails again and again, in a whole process."""

from __future__ import annotations

import json

BROKEN = """\
import json, sqlite3
kept = sqlite3.connect(":memory:")
kept.execute("SELECT 1")
from autotrace import bootstrap, diagnostics
from autotrace import faults as wall
from autotrace.families.db import query

def broken(given):
    raise RuntimeError("broken")

healthy, query.text = query.text, broken
rows = [kept.execute("SELECT 2").fetchall() for _ in range(10)]
fresh = sqlite3.connect(":memory:")
query.text = healthy
fresh.execute("SELECT 3")
kept.execute("SELECT 4")
agent = bootstrap._agent
print(json.dumps({
    "rows": rows, "faults": wall.faults, "off": sorted(wall.off), "fresh": type(fresh) is sqlite3.Connection,
    "skipped": agent.skipped.get("sqlite3"), "applied": "sqlite3" in agent.applied,
    "told": len([line for line in diagnostics.messages if "sqlite3: switched off" in line]),
}))
"""


def test_it_switches_itself_off(machine):
    """After the number of faults of the setting nothing of it runs any more, on old connections either; results stay."""
    done = machine.python(machine.write("app.py", BROKEN), environ={"AUTOTRACE_FAULT_LIMIT": "3"})
    assert (done.returncode, done.stderr) == (0, b"")
    told = json.loads(done.stdout)
    assert told == {
        "rows": [[[2]]] * 10,
        "faults": {"sqlite3": 3},
        "off": ["sqlite3"],
        "fresh": True,
        "skipped": "switched off: it failed again and again",
        "applied": False,
        "told": 1,
    }
    assert machine.names() == ["SELECT"]


SERVED = """\
from autotrace import faults as wall
from autotrace.families.http import {module} as family
import io, sys

{run}

assert call() == call() == b"pizza"
healthy, family.http_server.begin = family.http_server.begin, None  # it cannot be called
assert [call() for _ in range(5)] == [b"pizza"] * 5
family.http_server.begin = healthy
assert call() == b"pizza"
print(wall.faults, sorted(wall.off))
"""
WSGI = """\
from werkzeug.serving import make_server
def app(environ, start_response):
    start_response("200 OK", [])
    return [b"pizza"]
server = make_server("127.0.0.1", 0, app)
def call():
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_NAME": "x", "SERVER_PORT": "1"}
    return b"".join(server.app(environ, lambda *args: None))
"""
ASGI = """\
import asyncio, inspect, uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"pizza"})
settings = {"config": uvicorn.Config(app), "server_state": ServerState()}
if "app_state" in inspect.signature(H11Protocol).parameters:
    settings["app_state"] = {}
loop = asyncio.new_event_loop()
protocol = H11Protocol(**settings, _loop=loop)
def call():
    sent = []
    async def send(message):
        sent.append(message)
    asked = {"type": "http", "method": "GET", "path": "/", "headers": [], "asgi": {}}
    loop.run_until_complete(protocol.app(asked, None, send))
    return sent[-1]["body"]
"""


def test_an_application_that_a_server_keeps_is_left_alone_too(machine):
    """Its wrapper was made before; it only calls the application from then on."""
    for module, run, name in (("wsgi", WSGI, "werkzeug"), ("asgi", ASGI, "uvicorn")):
        script = machine.write("app.py", SERVED.format(module=module, run=run))
        done = machine.python(script, environ={"AUTOTRACE_FAULT_LIMIT": "2"})
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.decode() == f"{{'{name}': 2}} ['{name}']\n"
    assert machine.names() == ["GET"] * 4
