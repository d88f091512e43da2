"""Programs that are started find their parent in the environment, and traced ones are beneath it."""

from __future__ import annotations

import json
import sys

import pytest

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = {"TRACEPARENT": f"00-{TRACE}-{PARENT}-01"}
CHILD = "import autotrace\nwith autotrace.span('child'): pass\n"
HEAD = f"""
import asyncio, os, subprocess, sys
import autotrace
COMMAND = [sys.executable, "-c", {CHILD!r}]
"""
SHOW = """
import json, os
print(json.dumps({name: os.environ.get(name) for name in ("TRACEPARENT", "TRACESTATE", "BAGGAGE")}))
"""


def run(machine, code, **more):
    """Run a program that must succeed silently on stderr; return what it printed."""
    done = machine.python("-c", HEAD + code, **more)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


@pytest.mark.parametrize(
    "way",
    [
        "subprocess.run(COMMAND, check=True)",
        "subprocess.check_output(COMMAND)",
        "subprocess.call(COMMAND, env=dict(os.environ))",
        "subprocess.run(COMMAND, env={**os.environ, 'PYTHONHASHSEED': '0'}, close_fds=False, check=True)",
        "subprocess.run(' '.join(map(__import__('shlex').quote, COMMAND)), shell=True, check=True)",
        "subprocess.Popen(COMMAND).wait()",
        "os.popen(' '.join(map(__import__('shlex').quote, COMMAND))).read()",
        "asyncio.run(main())",
        "asyncio.run(shell())",
        "uvloop_run(main())",
        "uvloop_run(shell())",
    ],
)
def test_a_program_that_is_started_is_beneath(machine, way):
    """Through every function of subprocess, with an environment of its own or without, and through asyncio."""
    code = """
async def main():
    process = await asyncio.create_subprocess_exec(*COMMAND)
    await process.wait()
async def shell():
    process = await asyncio.create_subprocess_shell(' '.join(map(__import__('shlex').quote, COMMAND)))
    await process.wait()
def uvloop_run(coroutine):
    import uvloop
    loop = uvloop.new_event_loop()
    loop.run_until_complete(coroutine)
    loop.close()
"""
    run(machine, f"{code}\nwith autotrace.span('asking'):\n    {way}\n")
    assert machine.parents() == [("asking", ""), ("child", "asking")]


def test_where_nothing_is_current_nothing_is_handed_on(machine):
    """The child begins a trace of its own, also after one that had a parent."""
    run(
        machine,
        "with autotrace.span('asking'):\n    subprocess.run(COMMAND, check=True)\nsubprocess.run(COMMAND, check=True)\n",
    )
    assert machine.parents() == [("asking", ""), ("child", ""), ("child", "asking")]


def test_a_process_is_beneath_what_its_environment_says(machine):
    """Each root of it is, in the main thread and in others; trace, tracestate and baggage go on to its own children."""
    code = f"""
import threading
thread = threading.Thread(target=lambda: autotrace.span("in a thread").__enter__().__exit__(None, None, None))
thread.start()
thread.join()
with autotrace.span("asking"):
    print(subprocess.check_output([sys.executable, "-c", {SHOW!r}]).decode())
"""
    shown = json.loads(run(machine, code, environ={**GIVEN, "TRACESTATE": "a=1", "BAGGAGE": "user=7"}))
    spans = {span.name: span for span in machine.spans()}
    assert machine.parents() == [("asking", PARENT), ("in a thread", PARENT)]
    assert {span.trace_id.hex() for span in spans.values()} == {TRACE}
    assert {span.trace_state for span in spans.values()} == {"a=1"}
    asking = spans["asking"].span_id.hex()
    assert shown == {"TRACEPARENT": f"00-{TRACE}-{asking}-01", "TRACESTATE": "a=1", "BAGGAGE": "user=7"}


def test_where_only_baggage_came_it_goes_on(machine):
    """The roots begin traces of their own, with that baggage."""
    code = f"""
with autotrace.span("asking"):
    print(subprocess.check_output([sys.executable, "-c", {SHOW!r}]).decode())
"""
    shown = json.loads(run(machine, code, environ={"BAGGAGE": "user=7"}))
    (span,) = machine.spans()
    assert machine.parents() == [("asking", "")]
    expected = f"00-{span.trace_id.hex()}-{span.span_id.hex()}-03"
    assert shown == {"TRACEPARENT": expected, "TRACESTATE": None, "BAGGAGE": "user=7"}


def test_an_environment_that_says_not_sampled_is_obeyed(machine):
    """Nothing is recorded, and the children are told."""
    code = f"""
with autotrace.span("asking"):
    print(subprocess.check_output([sys.executable, "-c", {SHOW!r}]).decode())
"""
    shown = json.loads(run(machine, code, environ={"TRACEPARENT": f"00-{TRACE}-{PARENT}-00"}))
    assert machine.parents() == []
    assert shown["TRACEPARENT"].startswith(f"00-{TRACE}-")
    assert shown["TRACEPARENT"].endswith("-00")


@pytest.mark.parametrize("environ", [{}, GIVEN])
def test_what_the_program_put_into_the_environment_stays(machine, environ):
    """A context of its own is the program's affair; what the process itself was started with is not its own."""
    own = f"00-{'c' * 32}-{'d' * 16}-01"
    code = f"""
with autotrace.span("asking"):
    for env in (dict(os.environ, TRACEPARENT={own!r}), {{b"TRACEPARENT": {own.encode()!r}}}, dict(os.environ)):
        before = dict(env)
        print(subprocess.check_output([sys.executable, "-c", {SHOW!r}], env=env).decode().strip())
        assert env == before
"""
    shown = [json.loads(line)["TRACEPARENT"] for line in run(machine, code, environ=environ).splitlines()]
    (span,) = machine.spans()
    flags = "01" if environ else "03"  # the id of a trace that begins here is random
    assert shown == [own, own, f"00-{span.trace_id.hex()}-{span.span_id.hex()}-{flags}"]


def test_both_directions_can_be_switched_off(machine):
    """``parent_from_environment`` is for what comes in, the instrumentor ``subprocess`` for what goes out."""
    code = "with autotrace.span('asking'):\n    subprocess.run(COMMAND, check=True)\n"
    run(machine, code, environ={"AUTOTRACE_PARENT_FROM_ENVIRONMENT": "false"})
    assert machine.parents() == [("asking", ""), ("child", "")]
    run(machine, code, environ={"AUTOTRACE_INSTRUMENTORS_OFF": "subprocess"})
    assert machine.parents() == [("asking", ""), ("asking", ""), ("child", ""), ("child", "")]


def test_a_server_is_not_beneath_whoever_started_it(machine):
    """A request without a caller is a root, whatever the environment says; what it does is beneath it."""
    code = """
import threading, urllib.request
from wsgiref.simple_server import WSGIRequestHandler, make_server
class Silent(WSGIRequestHandler):
    def log_message(self, *args):
        pass
def application(environ, start_response):
    with autotrace.span("in the request"):
        start_response("200 OK", [])
        return [b"ok"]
server = make_server("127.0.0.1", 0, application, handler_class=Silent)
thread = threading.Thread(target=server.handle_request)
thread.start()
import socket
with socket.create_connection(server.server_address) as client:
    client.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
    while client.recv(1000):
        pass
thread.join()
server.server_close()
with autotrace.span("of the process"):
    pass
"""
    run(machine, code, environ=GIVEN)
    assert machine.parents() == [("GET", ""), ("in the request", "GET"), ("of the process", PARENT)]


@pytest.mark.parametrize(
    "arguments",
    [
        "5",
        "[sys.executable], env=5",
        "[], env={}",
        "[sys.executable], env={1: 2}",
        "[sys.executable, '-c', ''], env=[('A', '1')]",
        "[sys.executable, '-c', ''], env=(('A', '1'),)",
        "[sys.executable, '-c', ''], env=iter([('A', '1')])",
        "[sys.executable, '-c', ''], env=[]",
        "[sys.executable, '-c', ''], env=''",
        "[sys.executable, '-c', ''], env=0",
    ],
)
def test_calls_that_fail_fail_as_without_us(machine, arguments):
    """The same exception, the same text; what is no mapping is not made one by us."""
    code = f"""
import subprocess, sys, contextlib
try:
    import autotrace
    span = autotrace.span("asking")
except ImportError:
    span = contextlib.nullcontext()
with span:
    try:
        subprocess.run({arguments})
    except Exception as error:
        print(type(error).__name__, error)
"""
    traced, bare = machine.python("-c", code), machine.run(sys.executable, "-c", code)
    assert (traced.stdout, traced.stderr) == (bare.stdout, bare.stderr)
    assert traced.stdout


@pytest.mark.parametrize("env", ["[('A', '1')]", "()", "''"])
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_an_environment_that_a_loop_refuses_is_refused(machine, loop, env):
    """As by ``subprocess``, which both loops come to in ways of their own."""
    code = f"""
import asyncio, contextlib, sys, {loop}
try:
    import autotrace
    span = autotrace.span("asking")
except ImportError:
    span = contextlib.nullcontext()
async def main():
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "", env={env})
    return await process.wait()
loop = {loop}.new_event_loop()
with span:
    try:
        print(loop.run_until_complete(main()))
    except Exception as error:
        print(type(error).__name__, error)
loop.close()
"""
    traced, bare = machine.python("-c", code), machine.run(sys.executable, "-c", code)
    assert traced.stdout == bare.stdout
    assert traced.stdout
