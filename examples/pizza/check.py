"""Reads the traces of the demo through the command line of autotrace and says what is wrong with them.

It uses nothing but ``autotrace traces --json`` and ``autotrace show TRACE --json``, as a script of yours could.
"""

from __future__ import annotations

import json
import subprocess

from processes import DemoError

SERVICES = {"ordering", "payment", "kitchen", "delivery"}
TOPICS = ("orders", "deliveries")
TACO_STOP_NS = 1_500_000_000


class Reader:
    """The command `autotrace`, looking at one data directory (given in `env`)."""

    def __init__(self, command, env):
        self._command = str(command)
        self._env = env

    def show(self, *arguments):
        """Run a command and let it write to our own output."""
        print(f"\n$ autotrace {' '.join(arguments)}", flush=True)
        subprocess.run([self._command, *arguments], env=self._env, check=True, timeout=60)

    def load(self, *arguments):
        """Run a command with --json and return what it says."""
        command = [self._command, *arguments, "--json"]
        done = subprocess.run(command, env=self._env, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode != 0:
            raise DemoError(f"`autotrace {' '.join(command[1:])}` ended with {done.returncode}: {done.stderr.strip()}")
        return json.loads(done.stdout)


def message_keys(trace):
    """The Kafka keys in a trace: the shop uses the order's id."""
    return {span["attributes"].get("messaging.kafka.message.key") for span in trace["spans"]} - {None}


def traces_of_orders(reader):
    """Map the id of each order to the list of (summary, trace) that deal with it."""
    found = {}
    for summary in reader.load("traces", "--service", "kitchen", "--limit", "100"):
        if SERVICES & set(summary["services"]) and "/deliveries" not in json.dumps(summary["root"]):
            trace = reader.load("show", summary["trace_id"])
            for key in message_keys(trace):
                found.setdefault(key, []).append((summary, trace))
    return found


def problems_of_shape(trace, maps_port):
    """What is wrong with the shape of one order's trace: one tree through four services and two topics."""
    spans = trace["spans"]
    ids = {span["span_id"] for span in spans}
    parents = {span["parent_id"] for span in spans if span["parent_id"]}
    roots = [span for span in spans if not span["parent_id"]]
    if [(span["service"], span["kind"]) for span in roots] != [("ordering", "SERVER")]:
        yield f"the roots are {[(span['service'], span['name']) for span in roots]}, not one server span of ordering"
    services = {span["service"] for span in spans}
    if services != SERVICES or set(trace["services"]) != SERVICES:
        yield f"the services are {sorted(services)}"
    if trace["missing_parents"] or parents - ids:
        yield f"parents are missing: {trace['missing_parents'] or sorted(parents - ids)}"
    for topic in TOPICS:
        kinds = {span["kind"] for span in spans if span["attributes"].get("messaging.destination.name") == topic}
        for kind in sorted({"PRODUCER", "CONSUMER"} - kinds):
            yield f"topic {topic} has no {kind} span"
    maps = [span for span in spans if span["kind"] == "CLIENT" and span["attributes"].get("server.port") == maps_port]
    if not maps or {span["service"] for span in maps} != {"delivery"}:
        yield f"{len(maps)} client spans go to maps, and they should come from delivery"
    if parents & {span["span_id"] for span in maps}:
        yield "something hangs below the untraced service maps"


def problems_of_story(summary, order):
    """What a person should see at a glance, and would not: the burnt pizza and the stop for tacos."""
    if order.burns and not summary["errors"]:
        yield "the pizza burnt, but the trace shows no error"
    if not order.burns and summary["errors"]:
        yield f"nothing went wrong, but the trace shows {summary['errors']} errors"
    if order.tacos and summary["duration_ns"] < TACO_STOP_NS:
        yield f"the driver stopped for tacos, but the trace lasts only {summary['duration_ns'] / 1e9:.2f} s"


def problems_of(order, found, maps_port):
    """All that is wrong with the trace of one order, given what `traces_of_orders` found."""
    mine = found.get(order.id, [])
    if len(mine) != 1:
        return [f"{order}: it has {len(mine)} traces, not one"]
    ((summary, trace),) = mine
    problems = [*problems_of_shape(trace, maps_port), *problems_of_story(summary, order)]
    return [f"{order}: {problem}" for problem in problems]
