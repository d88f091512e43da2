"""pymssql: what is patched of the real package; there is no server of its that a package could install."""

from __future__ import annotations

import sys

import pymssql
import pytest

from autotrace.testing import frames
from autotrace.testing.contracts.db_client import Work
from autotrace.trace.failure import type_name
from services.ports import LOOPBACK, free_port


@pytest.fixture
def traced(recorder, instrument):
    """pymssql, patched."""
    instrument("pymssql")
    return recorder


def test_a_connection_that_is_refused_has_failed(traced):
    """The span tells where it was to be to, and nobody else."""
    port = free_port()
    with pytest.raises(pymssql.OperationalError):
        pymssql.connect(f"{LOOPBACK}:{port}", "me", "hunter2", login_timeout=1)
    with Work() as work, pytest.raises(pymssql.OperationalError) as caught:
        pymssql.connect(server=LOOPBACK, port=port, user="me", password="hunter2", database="shop", login_timeout=1)
    failed, _ = traced.wait(2)
    message = failed.pop("message")
    kind = type_name(pymssql.OperationalError)
    assert failed.pop("exception") == f"{kind}: {message}"
    assert failed == {
        "name": "connect",
        "kind": "CLIENT",
        "scope": "pymssql",
        "trace_id": failed["trace_id"],
        "span_id": failed["span_id"],
        "parent_id": work.span_id,
        "attributes": {
            "db.system.name": "microsoft.sql_server",
            "db.namespace": "shop",
            "server.address": LOOPBACK,
            "server.port": port,
            "error.type": kind,
        },
        "status": "ERROR",
    }
    assert "hunter2" not in repr(failed) + message
    if sys.version_info >= (3, 11):
        assert not frames.ours(caught.value)


def test_wrong_calls_fail_as_without_us(traced):
    """The error is the library's."""
    with pytest.raises(TypeError):
        pymssql.connect(nonsense=1)
    assert traced.finished() == []
