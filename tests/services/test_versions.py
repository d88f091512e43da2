"""docs/instrumentors.md names the versions of the services that ran, where they are those of the system that it speaks of."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pika
import psycopg2
import pymemcache
import pymysql
import pyodbc
import pytest
import redis

from contracts.clickhouse import ask
from pages import generator
from services.kafka_jars import KAFKA_VERSION

THINGS = generator().TRIED["things"]
RELEASE = Path("/etc/os-release")
DEBIAN_12 = "VERSION_CODENAME=bookworm" in (RELEASE.read_text(encoding="utf-8") if RELEASE.exists() else "")
debian = pytest.mark.skipif(not DEBIAN_12, reason="the page has the versions of Debian 12")


def of_clickhouse(server):
    """Ask for its version."""
    return ask(server, "SELECT version()")


def of_mariadb(server):
    """Ask for its version."""
    with closing(pymysql.connect(host=server.host, port=server.port, user=server.user)) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT VERSION()")
        return cursor.fetchone()[0].partition("-")[0]


def of_memcached(server):
    """Ask for its version."""
    with closing(pymemcache.Client((server.host, server.port))) as client:
        return client.version().decode()


def of_odbc(drivers):
    """Ask the driver what it is a driver of."""
    with closing(pyodbc.connect(f"Driver={drivers}/libsqlite3odbc.so;Database=:memory:")) as connection:
        return connection.getinfo(pyodbc.SQL_DBMS_NAME)


def of_postgresql(server):
    """Ask for its version."""
    with closing(psycopg2.connect(server.dsn())) as connection:
        return str(connection.server_version // 10000)


def of_rabbitmq(server):
    """Ask for its version."""
    with closing(pika.BlockingConnection(pika.URLParameters(server.url))) as connection:
        return connection._impl.server_properties["version"]


def of_redis(server):
    """Ask for its version."""
    with closing(redis.Redis(host=server.host, port=server.port)) as client:
        return client.info()["redis_version"]


SAY = {
    "clickhouse": of_clickhouse,
    "mariadb": of_mariadb,
    "memcached_server": of_memcached,
    "odbc": of_odbc,
    "postgresql": of_postgresql,
    "rabbitmq": of_rabbitmq,
    "redis_server": of_redis,
}


@debian
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.needs(name)) for name in SAY])
def test_a_service_has_the_version_that_the_page_names(request, name):
    """As the server itself says it."""
    version = re.search(r"[\d.]*\d", THINGS[name])
    said = SAY[name](request.getfixturevalue(name))
    assert f"{said}.".startswith(f"{version[0]}.") if version else said in THINGS[name]


def test_kafka_has_the_version_that_the_page_names():
    """It is fetched at this version, whatever the system."""
    assert f"Kafka {KAFKA_VERSION}".startswith(f"{THINGS['kafka_broker']}.")
