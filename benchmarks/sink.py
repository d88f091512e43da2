"""A sink that takes everything, answers properly, and counts the spans that arrived.

It speaks OTLP over HTTP (protobuf), the trace endpoints of Datadog's agent (v0.3 to v0.5) and what goes with them, and it
reads inboxes of autotrace.  Each traced process gets a target of its own: a port, or an inbox's directory.  It is a
process of its own, in an environment of its own; ``services.py`` talks to it:

    GET /port               opens a port: {"target": "4711", "port": 4711}
    GET /inbox?path=DIR     watches an inbox: {"target": DIR}
    GET /count?target=...   {"spans": 12, "requests": 1, "bytes": 345, "names": {"GET": 12}, "odd": []}

``odd`` names requests that nobody expected or that could not be read.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgpack
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from autotrace.store.inbox import SUFFIX, read_chunk

_PROTOBUF = "application/x-protobuf"
_INFO = {
    "version": "7.60.0",
    "endpoints": ["/v0.3/traces", "/v0.4/traces", "/v0.5/traces", "/telemetry/proxy/"],
    "client_drop_p0s": False,
    "config": {"default_env": "none"},
}
_CHUNK = 64 << 20  # bytes of an inbox read at once
_OK = ("/telemetry/", "/v0.7/config", "/v0.6/stats", "/v1/metrics", "/v1/logs", "/evp_proxy/", "/dogstatsd/")


@dataclass
class Target:
    """What arrived for one process."""

    inbox: str = ""
    requests: int = 0
    bytes: int = 0
    names: Counter[str] = field(default_factory=Counter)
    odd: set[str] = field(default_factory=set)
    offsets: dict[str, int] = field(default_factory=dict)

    def otlp(self, payload: bytes) -> None:
        """Count the spans of an OTLP request."""
        request = ExportTraceServiceRequest.FromString(payload)
        self.requests += 1
        self.bytes += len(payload)
        for resource_spans in request.resource_spans:
            for scope_spans in resource_spans.scope_spans:
                self.names.update(span.name for span in scope_spans.spans)

    def datadog(self, payload: bytes, version: str) -> None:
        """Count the spans of a request to Datadog's agent."""
        self.requests += 1
        self.bytes += len(payload)
        content = msgpack.unpackb(payload, raw=False, strict_map_key=False, unicode_errors="replace")
        if version == "v0.5":
            texts, traces = content
            for trace in traces:
                self.names.update(texts[span[1]] for span in trace)
        else:
            for trace in content:
                self.names.update(span["name"] for span in trace)

    def read_inbox(self) -> None:
        """Count what was appended to the inbox since the last time."""
        if not os.path.isdir(self.inbox):
            return
        for name in sorted(os.listdir(self.inbox)):
            if not name.endswith(SUFFIX):
                continue
            with open(os.path.join(self.inbox, name), "rb") as file:
                chunk = read_chunk(file, self.offsets.get(name, 0), _CHUNK)
            self.offsets[name] = chunk.offset
            if chunk.lost:
                self.odd.add(f"{chunk.lost} bytes of {name} are lost")
            for payload in chunk.payloads:
                self.otlp(payload)

    def told(self) -> dict[str, Any]:
        """Return what the runner wants to know."""
        return {
            "spans": sum(self.names.values()),
            "requests": self.requests,
            "bytes": self.bytes,
            "names": dict(self.names.most_common(20)),
            "odd": sorted(self.odd),
        }


class Sink:
    """The targets, and the two applications: one for the traced processes, one for the runner."""

    def __init__(self) -> None:
        self._targets: dict[str, Target] = {}
        self._taking: web.AppRunner | None = None

    async def start(self) -> int:
        """Listen for the runner.

        Returns:
            the port.
        """
        taking = web.Application(client_max_size=1 << 30)
        taking.router.add_route("*", "/{path:.*}", self._take)
        self._taking = web.AppRunner(taking, access_log=None)
        await self._taking.setup()
        control = web.Application()
        control.router.add_get("/port", self._port)
        control.router.add_get("/inbox", self._inbox)
        control.router.add_get("/count", self._count)
        controlling = web.AppRunner(control, access_log=None)
        await controlling.setup()
        return await _listen(controlling)

    async def _port(self, _request: web.Request) -> web.Response:
        assert self._taking is not None
        port = await _listen(self._taking)
        self._targets[str(port)] = Target()
        return web.json_response({"target": str(port), "port": port})

    async def _inbox(self, request: web.Request) -> web.Response:
        path = request.query["path"]
        self._targets[path] = Target(inbox=path)
        return web.json_response({"target": path})

    async def _count(self, request: web.Request) -> web.Response:
        target = self._targets[request.query["target"]]
        if target.inbox:
            target.read_inbox()
        return web.json_response(target.told())

    async def _take(self, request: web.Request) -> web.Response:
        target = self._targets[str(request.transport.get_extra_info("sockname")[1])]
        payload = await request.read()  # aiohttp has undone a Content-Encoding
        path = request.path
        try:
            if path == "/v1/traces" and request.content_type == _PROTOBUF:
                target.otlp(payload)
                return web.Response(content_type=_PROTOBUF)
            version = path.strip("/").partition("/")[0]
            if path in ("/v0.3/traces", "/v0.4/traces", "/v0.5/traces"):
                target.datadog(payload, version)
                return web.json_response({"rate_by_service": {"service:,env:": 1}})
        except Exception as error:
            target.odd.add(f"{path}: {error!r}")
            return web.Response(status=400)
        if path == "/info":
            return web.json_response(_INFO)
        if not path.startswith(_OK):
            target.odd.add(f"{request.method} {path} {request.content_type}")
        return web.json_response({})


async def _listen(runner: web.AppRunner) -> int:
    """Open a port of the system's choice."""
    before = set(runner.addresses)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    (address,) = set(runner.addresses) - before
    return address[1]


async def _main() -> None:
    port = await Sink().start()
    print(f"ready {port}", flush=True)
    # The runner holds the other end of the input: when it goes, so do we.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(_main())
