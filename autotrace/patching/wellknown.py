"""Well-known libraries that do work which deserves a span and that no instrumentor traces yet.

The one table of them: `autotrace doctor` names those that are installed, and an empty list of traces those that a program
had.  A library leaves it when its instrumentor comes; one whose calls are all seen through another (an ORM over a driver
that is traced, an SDK over an HTTP client) is not in it.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_ROWS = """
web framework: robyn
web framework: python-socketio=socketio websockets websocket-client=websocket
database: pg8000
database: snowflake-connector-python=snowflake.connector trino
database: google-cloud-bigquery=google.cloud.bigquery cassandra-driver=cassandra neo4j couchbase
document store: pymongo motor google-cloud-firestore=google.cloud.firestore azure-cosmos=azure.cosmos
search: elasticsearch opensearch-py=opensearchpy qdrant-client=qdrant_client weaviate-client=weaviate
AWS: boto3 aiobotocore
RPC: grpcio=grpc grpclib thrift zeep
GraphQL: graphql-core=graphql
messages: paho-mqtt=paho.mqtt nats-py=nats pulsar-client=pulsar stomp.py=stomp faststream pyzmq=zmq
messages: google-cloud-pubsub=google.cloud.pubsub azure-servicebus=azure.servicebus azure-eventhub=azure.eventhub
tasks: huey dramatiq arq taskiq APScheduler=apscheduler temporalio prefect dagster apache-airflow=airflow ray distributed
AI: openai anthropic litellm langchain-core=langchain_core langgraph google-genai=google.genai mcp fastmcp
AI: pydantic-ai=pydantic_ai openai-agents=agents
"""


class WellKnown:
    """A library that is not supported.

    Attributes:
        distribution: as it is installed.
        module: as it is imported.
        kind: what it is.
    """

    __slots__ = ("distribution", "kind", "module")

    def __init__(self, distribution: str, module: str, kind: str) -> None:
        self.distribution = distribution
        self.module = module
        self.kind = kind


def well_known() -> list[WellKnown]:
    """Return the table."""
    found = []
    for line in _ROWS.strip().splitlines():
        kind, _, names = line.partition(": ")
        for name in names.split():
            distribution, _, module = name.partition("=")
            found.append(WellKnown(distribution, module or distribution, kind))
    return found


def imported() -> list[str]:
    """Return the modules of the table that this process has imported."""
    words = (word for line in _ROWS.splitlines() for word in line.partition(": ")[2].split())
    return list(dict.fromkeys(name for name in (word.rpartition("=")[2] for word in words) if name in sys.modules))


def versions_in(directories: Iterable[str]) -> dict[str, str]:
    """Return the versions of what is installed in some directories, by normalized name, from names of metadata alone."""
    from autotrace.patching.versions import normalized

    found: dict[str, str] = {}
    for directory in directories:
        try:
            entries = os.listdir(directory or ".")
        except OSError:
            continue
        for entry in entries:
            stem, ending = os.path.splitext(entry)
            if ending in (".dist-info", ".egg-info"):
                name, _, version = stem.partition("-")
                found.setdefault(normalized(name), version.partition("-py")[0])
    return found


def unsupported(versions: dict[str, str]) -> list[dict[str, str]]:
    """Return name, version, kind and module of what is installed and in the table; each module once."""
    from autotrace.patching.versions import normalized

    found: dict[str, dict[str, str]] = {}
    for one in well_known():
        version = versions.get(normalized(one.distribution))
        if version is not None:
            row = {"name": one.distribution, "version": version, "kind": one.kind, "module": one.module}
            found.setdefault(one.module, row)
    return list(found.values())
