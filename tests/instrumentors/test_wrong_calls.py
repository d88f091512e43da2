"""What is called as nobody should call it says what it says without us."""

from __future__ import annotations

import importlib
import inspect
import sqlite3
import sys
import warnings

import pytest

from autotrace.faults import faults
from autotrace.patching.catalog import SETTLED, parts

# Those of greenlets change the whole process when they are imported.
NAMES = [part.name for part in parts() if not part.name.startswith(("eventlet", "gevent"))]
KNOWN = {part.name: part for part in parts()}
WRONG = [((), {}), ((), {"nonsense": 1}), ((5,), {}), ((5,), {"nonsense": 1}), ((5,) * 30, {})]
# Servers call these; as it must be seen at once that an argument is missing, ours have arguments of their own.
SERVED = ("ASGIWrapper.__call__", "WSGIWrapper.__call__", "Starlette.__call__")


def found(target):
    """Return what stands at a target, or None."""
    module, _, path = target.partition(":")
    place = sys.modules.get(module)
    for name in path.split("."):
        place = getattr(place, name, None)
    return place


def refused(function, arguments, named):
    """Tell whether a call cannot be right, by the signature; what has none is not called."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return False
    try:
        signature.bind(*arguments, **named)
    except TypeError:
        return not isinstance(function, type)
    return False


def outcome(function, arguments, named):
    """Return type and text of what a call raises; what is called by awaiting or iterating is awaited and iterated."""
    try:
        result = function(*arguments, **named)
        if inspect.iscoroutine(result):
            result.send(None)
        elif inspect.isgenerator(result):
            next(result)
    except Exception as error:
        return type(error), str(error)
    return None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", NAMES)
def test_a_call_that_is_wrong_raises_what_it_raises_without_us(name, recorder, instrument):
    """Without arguments, with too many, with names that there are not: one exception, of the same type and text."""
    part = KNOWN[name]
    if part.library in SETTLED:
        from contracts.django import set_up

        set_up()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(part.trigger)
    except Exception as error:
        missing = error if isinstance(error, ModuleNotFoundError) else error.__cause__  # Django has a word of its own
        if not isinstance(missing, ModuleNotFoundError):
            raise
        pytest.skip(f"the version for this Python has no {missing.name}")
    patches = part.instrumentor().patches
    targets = {patch.target: found(patch.target) for patch in patches}
    calls = [(target, call) for target, function in targets.items() for call in WRONG if refused(function, *call)]
    before = [outcome(targets[target], *call) for target, call in calls]
    instrument(name)
    for (target, call), expected in zip(calls, before):
        got = outcome(found(target), *call)
        whole = not target.endswith(SERVED)
        assert (got if whole else got[0]) == (expected if whole else expected[0]), (target, call)
    faults.clear()  # what is looked at is not there


def database(function):
    """Return what a function raises with a database."""
    connection = sqlite3.connect(":memory:")
    try:
        function(connection)
    except Exception as error:
        return type(error), str(error)
    finally:
        connection.close()
    return None


# What is written in C has no signature.
DATABASE = [
    lambda connection: connection.execute(),
    lambda connection: connection.execute(5),
    lambda connection: connection.execute("SELECT 1", nonsense=1),
    lambda connection: connection.execute("SELECT 1", (), 5),
    lambda connection: connection.executemany("SELECT 1"),
    lambda connection: connection.executescript(),
    lambda connection: connection.cursor(5),
    lambda connection: connection.cursor(1, 2, 3),
    lambda connection: connection.cursor(nonsense=1),
    lambda connection: connection.cursor().execute(),
    lambda connection: connection.cursor().executemany(),
    lambda connection: sqlite3.connect(),
    lambda connection: sqlite3.connect(nonsense=1),
    lambda connection: sqlite3.connect(":memory:", factory=5),
    lambda connection: sqlite3.connect(*[5] * 30),
]


def test_a_database_says_what_it_says_without_us(recorder, instrument):
    """The same as above, of types that are written in C; names of functions differ by the way they were called before 3.11."""
    before = [database(function) for function in DATABASE]
    instrument("sqlite3")
    after = [database(function) for function in DATABASE]
    if sys.version_info < (3, 11):
        before, after = ([outcome[0] for outcome in outcomes] for outcomes in (before, after))
    assert after == before


@pytest.mark.parametrize(
    "call", [lambda kind: kind(), lambda kind: kind(5), lambda kind: kind(None), lambda kind: kind({}, 5)]
)
def test_a_client_of_kafka_without_a_configuration_is_refused(call, recorder, instrument):
    """The type of ours says what the library's says, also where no argument at all is given."""
    import confluent_kafka

    instrument("confluent_kafka")
    for kind in (confluent_kafka.Producer, confluent_kafka.Consumer):
        original = kind.__mro__[1]
        assert original.__name__ == kind.__name__
        expected = outcome(call, (original,), {})
        assert expected is not None
        assert outcome(call, (kind,), {}) == expected
    faults.clear()
