"""A Python in which our own functions fail on request: ``python injection.py WORKLOAD [ADDRESS]``.

The modules of autotrace are loaded with one more statement in each function, which raises when it is told to.

Where it stands is the whole rule of what may fail. It is the first statement of the function; where that is a ``try`` of
a wall (``except Exception``), it is the first one within, because what comes before (constants) cannot fail. There are functions that
cannot be behind a wall, because the program would be the one to catch: those that somebody else called (the program, a
library, Python itself), and those that call the program's function bare (they name it ``original``, or let its exceptions
pass with ``except BaseException`` or a ``with`` of a ``HidingFrame``). These only fail within such a ``try``; what they do outside of it is calling others of
ours, and these do fail. Lambdas and comprehensions belong to the function that they stand in. On the worker's own thread
nothing fails. Each fault must be counted, except where the ``try`` says by its handler that it is no fault.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.machinery
import json
import logging
import os
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

POINT = "_autotrace_fault_point"
HIDING = {
    "hiding_frame",
    "response",
    "self._response",
    "exchange",
    "running",
    "copying",
}  # what a HidingFrame is called
PACKAGE = os.path.dirname(find_spec("autotrace").origin) + os.sep


class InjectedError(Exception):
    """What our functions raise here; nothing of ours expects it."""


class Injector:
    """Decides which function raises."""

    def __init__(self):
        self.reached = {}  # the functions that could be made to raise, in order
        self.armed = ""
        self.every = False
        self.raised = 0
        self.spared = 0  # the worker's thread
        self.lock = threading.Lock()

    def point(self, key, walled, counted):
        """Raise if it is this function's turn."""
        if threading.get_ident() == self.spared:
            return
        if not walled:
            caller = sys._getframe(1).f_back
            if caller is None or not caller.f_code.co_filename.startswith(PACKAGE):
                return
        if not self.armed:
            self.reached[key] = counted
        elif key == self.armed:
            with self.lock:
                if self.raised and not self.every:
                    return
                self.raised += 1
            raise InjectedError(key)


class Insertion(ast.NodeTransformer):
    """Puts the statement into each function."""

    def __init__(self, module):
        self.path = [module]

    def visit_ClassDef(self, node):
        """Go on with the methods."""
        self.path.append(node.name)
        self.generic_visit(node)
        self.path.pop()
        return node

    def visit_FunctionDef(self, node):
        """Insert the statement where the rule says."""
        self.visit_ClassDef(node)
        key = ".".join([*self.path, node.name])
        at = 0
        while at < len(node.body) - 1 and (
            isinstance(node.body[at], (ast.Global, ast.Nonlocal))
            or (isinstance(node.body[at], ast.Assign) and isinstance(node.body[at].value, ast.Constant))
            or (isinstance(node.body[at], ast.Expr) and isinstance(node.body[at].value, ast.Constant))
        ):
            at += 1
        body, walled, counted = node.body, False, True
        if isinstance(body[at], ast.Expr) and isinstance(body[at].value, ast.Constant):
            return node  # nothing but a docstring
        if isinstance(body[at], ast.Try) and any(_catches(handler, "Exception") for handler in body[at].handlers):
            counted = any("fault" in ast.unparse(handler) for handler in body[at].handlers)
            body, at, walled = body[at].body, 0, True
        elif _calls_theirs(node):
            return node
        arguments = [ast.Constant(key), ast.Constant(walled), ast.Constant(counted)]
        body.insert(at, ast.Expr(ast.Call(ast.Name(POINT, ast.Load()), arguments, [])))
        return node

    visit_AsyncFunctionDef = visit_FunctionDef


def _catches(handler, kind):
    return isinstance(handler.type, ast.Name) and handler.type.id == kind


def _calls_theirs(node):
    """Tell whether a function calls the program's function itself."""
    for part in _own(node):
        if isinstance(part, ast.ExceptHandler) and _catches(part, "BaseException"):
            return True
        if isinstance(part, ast.With) and any(ast.unparse(item.context_expr) in HIDING for item in part.items):
            return True
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id == "original":
            return True
    return False


def _own(node):
    """Go through a function without those within it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield child
            yield from _own(child)


class Loader(importlib.machinery.SourceFileLoader):
    """Compiles from the source, with the statements in it."""

    def get_code(self, name):
        """Return the changed code."""
        tree = Insertion(name).visit(ast.parse(Path(self.path).read_text(encoding="utf-8")))
        return compile(ast.fix_missing_locations(tree), self.path, "exec", dont_inherit=True)


class Finder:
    """Finds the modules of autotrace, for the loader."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """Return a module's spec with our loader."""
        if name.partition(".")[0] != "autotrace":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = Loader(name, spec.origin)
        return spec


class Noise(logging.Handler):
    """Collects what is said although nobody was asked: exceptions that had nowhere to go."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.heard = []

    def listen(self):
        """Begin."""
        logging.getLogger().addHandler(self)
        sys.unraisablehook = lambda hook: self.heard.append(f"unraisable: {hook.exc_value!r} in {hook.object!r}")
        threading.excepthook = lambda hook: self.heard.append(f"thread: {hook.exc_value!r}")

    def emit(self, record):
        """Keep a message, with its exception."""
        self.heard.append(f"{record.name}: {record.getMessage()} {record.exc_info and record.exc_info[1]!r}")


def trace(names, injector):
    """Wire everything as in a traced process, with a worker whose sink takes all; return spans, worker and counts."""
    from autotrace import faults as wall
    from autotrace import propagation
    from autotrace.export import DELIVERED
    from autotrace.patching.apply import apply
    from autotrace.patching.catalog import parts
    from autotrace.pipeline.spans import SpanQueue
    from autotrace.pipeline.worker import Worker
    from autotrace.signals import TRACES
    from autotrace.trace.tracer import tracer

    class Sink:
        def export(self, signal, payload, deadline):
            return DELIVERED

        def hasten(self, deadline):
            pass

        close = forget = lambda self: None

    spans = []

    def encode(some):
        injector.spared = threading.get_ident()
        spans.extend(some)
        return [b"payload"]

    queue = SpanQueue(TRACES, encode, 1000, 100)
    worker = Worker([queue], [Sink()], 0.001)
    wall.limit = 0
    tracer.active = True
    tracer.submit = queue.submit
    propagation.configure(("tracecontext", "baggage", "b3", "jaeger", "xray", "datadog"))
    known = {one.name: one for one in parts()}
    for name in names:
        importlib.import_module(known[name].trigger)
        apply(known[name].instrumentor())
        forget(known[name].trigger)
    return spans, worker, wall.faults


def forget(module):
    """Let a program import anew what stands on the classes of an extension module: it does so after they were patched."""
    if isinstance(sys.modules[module].__loader__, importlib.machinery.ExtensionFileLoader):
        for name in list(sys.modules):
            if name != module and name.partition(".")[0] == module.partition(".")[0]:
                del sys.modules[name]


def main(name, *address):
    """Run a workload bare, then with each function failing once and always; print what differed."""
    injector, noise = Injector(), Noise()
    setattr(builtins, POINT, injector.point)
    sys.meta_path.insert(0, Finder)
    noise.listen()
    import workloads

    instrumentors, make = workloads.ALL[name][:2]
    with make(*address) as run:
        run()
        expected = run()
    assert not noise.heard, noise.heard
    spans, worker, faults = trace(instrumentors, injector)
    from autotrace.trace.context import get_current, set_current

    problems = []

    def look(what):
        set_current(None)
        faults.clear()
        got = workloads.outcome(run)
        if got != expected:
            problems.append([what, "outcome", repr(got), repr(expected)])
        if noise.heard:
            problems.append([what, "noise", *noise.heard])
            noise.heard.clear()
        if get_current() is not None:
            problems.append([what, "current span left", repr(get_current().operation.family)])

    with make(*address) as run:
        look("warm")
        worker.flush(10)
        injector.reached.clear()
        look("without faults")
        if faults:
            problems.append(["without faults", "fault", dict(faults)])
        worker.flush(10)
        usual = len(spans)
        for key in list(injector.reached):
            for every in (False, True):
                injector.every, injector.raised, injector.armed = every, 0, key
                what = f"{key} {'always' if every else 'once'}"
                look(what)
                injector.armed = ""
                if injector.raised and injector.reached[key] and not faults:
                    problems.append([what, "not counted", injector.raised])
        look("afterwards")
        worker.flush(10)
        print(
            json.dumps({"problems": problems, "functions": list(injector.reached), "usual": usual, "spans": len(spans)})
        )
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
