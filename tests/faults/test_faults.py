"""Each of our own functions on the program's side fails in turn: the program must not notice (``injection`` has the rule)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.confluent import need_asyncio

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import workloads  # noqa: E402

# How many functions of ours each one passes at least: a workload that is not traced proves nothing.
FEWEST = {"threads": 3}
ADDRESS = {
    "redis_server": lambda server: str(server.port),
    "kafka_broker": lambda broker: broker.bootstrap,
    "mariadb": lambda server: f"{server.host}:{server.port}",
    "postgresql": lambda server: server.dsn(),
    "rabbitmq": lambda broker: broker.url,
}


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.needs(*told[2:])) for name, told in workloads.ALL.items()]
)
def test_the_program_does_not_notice(name, request):
    """Results, exceptions, what is said and what is current are the bare run's; each fault is counted; spans go on."""
    if name == "confluent_kafka_aio":
        need_asyncio()
    if name == "mysqldb":
        pytest.importorskip("MySQLdb", reason="mysqlclient could not be built: see noxfile.py", exc_type=ImportError)
    address = [ADDRESS[fixture](request.getfixturevalue(fixture)) for fixture in workloads.ALL[name][2:]]
    done = subprocess.run(
        [sys.executable, str(HERE / "injection.py"), name, *address], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["problems"] == []
    assert len(told["functions"]) >= FEWEST.get(name, 20), told["functions"]
    if name != "threads":  # which makes no spans
        assert told["spans"] > told["usual"] > 0


def test_a_wall_with_a_hole_is_noticed():
    """The injection itself: a function outside of any wall, one behind a wall, and one that Python calls."""
    import ast

    import injection

    code = """
def border(original):
    try:
        prepare()
    except Exception:
        fault("scope")
    leave()
    return original()

def prepare(): pass

def leave(): pass

def fault(scope): pass
"""
    tree = ast.fix_missing_locations(injection.Insertion("m").visit(ast.parse(code)))
    injector = injection.Injector()
    space = {injection.POINT: injector.point}
    exec(compile(tree, injection.PACKAGE + "m.py", "exec"), space)
    assert space["border"](lambda: 1) == 1
    assert set(injector.reached) == {"m.border", "m.prepare", "m.leave"}
    for name, passes in (("m.border", True), ("m.prepare", True), ("m.leave", False)):
        injector.armed, injector.raised, injector.every = name, 0, True
        if passes:
            assert space["border"](lambda: 1) == 1
        else:
            with pytest.raises(injection.InjectedError):
                space["border"](lambda: 1)
        assert injector.raised == 1
