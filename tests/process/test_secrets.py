"""No secret is in any byte that leaves the process, by default: looked for in the bytes themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autotrace.testing.collecting import collecting

APP = Path(__file__).with_name("secrets_app.py")


@pytest.mark.timeout(300)
def test_a_run_full_of_secrets_leaves_none(machine, redis_server, kafka_broker):
    """URLs, headers, cookies, bodies, literals, parameters, values of Redis, messages, and exceptions that quote them."""
    with collecting() as collector:
        done = machine.python(
            str(APP),
            str(redis_server.port),
            kafka_broker.bootstrap,
            environ={"AUTOTRACE_EXPORTERS": "inbox,otlp", "AUTOTRACE_ENDPOINT": collector.url},
            timeout=200,
        )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 100
    stored = b"".join(file.read_bytes() for file in (machine.data / "inbox").iterdir())
    for kept in (b"".join(collector.heads + collector.bodies), stored):
        # All families were at work, and their failures were told.
        for sign in (b"REDACTED", b"kept=1", b"people", b"INCRBY ?", b"secrets", b"IntegrityError", b"ResponseError"):
            assert sign in kept
        for scope in b"requests httpx urllib3 http_client aiohttp_client aiohttp_server werkzeug uvicorn kafka".split():
            assert b"autotrace." + scope in kept
        leaks = {match.decode("latin-1") for match in re.findall(rb"[ -~]{0,60}(?i:hush)[ -~]{0,40}", kept)}
        assert not leaks
