"""What a program can see of each target of each instrumentor is the same bare and traced."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from autotrace.patching.catalog import parts
from machine import Machine

# What differs on purpose: look, or target and look.
_OF_C = {"names", "annotations", "hints", "predicates", "class", "attributes", "own dictionary"}
_KINDS_OF_C = "method_descriptor", "cython_function", "cyfunction", "nanobind", "instancemethod"
# A type of C cannot be patched: a subclass of the same name stands in its place, which is one of Python.
_IN_PLACE = {"signature", "parameters", "annotations", "attributes", "own dictionary"}
_ALLOWED = {
    ("threading:_start_new_thread", "pickle"),  # it is pickled as `_thread.start_new_thread`, which stays what it is
    ("threading:_start_joinable_thread", "pickle"),
    *(
        (f"{module}:{name}", look)
        for module in ("confluent_kafka.cimpl", "confluent_kafka")
        for name in ("Producer", "Consumer")
        for look in _IN_PLACE
    ),
    *((f"pycurl:{name}", look) for name in ("Curl", "CurlMulti") for look in _IN_PLACE),
    *(("pycurl.async_multi:CurlMulti", look) for look in _IN_PLACE),
    # A generator function of its own is made for each request that is served.
    ("django.test.client:closing_iterator_wrapper", "predicates"),
    ("django.test.client:aclosing_iterator_wrapper", "predicates"),
    # It is another module's function under this module's name, and stays what it is there.
    ("django.contrib.staticfiles.handlers:serve", "pickle"),
    # Its base is such a subclass.
    ("confluent_kafka.deserializing_consumer:DeserializingConsumer.poll", "owner"),
}
TARGETS = str(Path(__file__).with_name("targets.py"))


NAMES = [part.name for part in parts()]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What is seen of every instrumentor's targets, bare and traced: by name, each from one process that has them all."""
    machine = Machine(tmp_path_factory.mktemp("targets"))
    machine.environ["PYTHONHASHSEED"] = "0"  # sets in signatures
    order = sorted(NAMES, key=lambda name: name.startswith("eventlet"))  # it imports some of the others once more
    bare = machine.run(sys.executable, TARGETS, *order)
    traced = machine.python(TARGETS, *order)
    assert (bare.returncode, traced.returncode) == (0, 0), (bare.stderr, traced.stderr)
    return json.loads(bare.stdout), json.loads(traced.stdout)


@pytest.mark.parametrize("name", NAMES)
def test_a_target_looks_as_without_us(seen, name):
    """Signature, names, documentation, hints, predicates, identity, pickling, copying, source, attributes, subclassing."""
    without, with_us = (side[name] for side in seen)
    if not with_us["applied"] and not without["seen"]:
        broken = without.get("broken")
        pytest.skip(f"cannot be imported here: {broken}" if broken else "this version of the library has none of it")
    assert with_us["applied"]
    assert without["seen"]
    assert with_us["seen"].keys() == without["seen"].keys()
    different = [
        f"{target}: {look}: {seen!r} became {with_us['seen'][target][look]!r}"
        for target, looks in without["seen"].items()
        for look, seen in looks.items()
        if with_us["seen"][target][look] != seen and not allowed(target, look, looks)
    ]
    assert different == []


def allowed(target, look, bare):
    """Tell what may differ: an inherited method becomes the class's own, a method of C one of Python."""
    if bare["inherited"] == "True" and look in ("inherited", "names"):
        return True
    if look == "override" and bare["stored as"].startswith("([<class 'classmethod'>]") and sys.version_info < (3, 10):
        return True  # `inspect.signature` loses the binding of a wrapped class method there, whoever wrapped it
    if look == "hints" and sys.version_info < (3, 11) and ("Optional" in bare[look] or "None" in bare[look]):
        return True  # a default of None counts as a hint there, and the one in its stead has no defaults
    of_c = any(kind in bare["class"] for kind in _KINDS_OF_C)
    if of_c and (bare[look].startswith("raises ") or look == "coroutine function"):
        return True  # one in its stead can be pickled, hashed, and told to be a coroutine function
    return (target, look) in _ALLOWED or (of_c and look in _OF_C)
