"""Runs a command with services at hand: ``python -m tests.services [--install] [SERVICE...] -- CMD ARGS...``.

What CMD starts may ask for any service, which is started then and stopped when CMD has ended. Those that are named are
started before CMD, which finds their addresses in AUTOTRACE_TEST_CLICKHOUSE, AUTOTRACE_TEST_KAFKA, AUTOTRACE_TEST_MARIADB,
AUTOTRACE_TEST_POSTGRESQL and AUTOTRACE_TEST_RABBITMQ. With ``--install`` a program that is missing is installed, after one line that says so. The
exit code is CMD's; 1 where CI=true and a service that is named cannot be had.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from . import clickhouse, kafka, mariadb, packages, postgresql, rabbitmq
from .errors import ServiceUnavailable
from .shared import KINDS, VARIABLE, Server, Services

ADDRESSES = {
    "clickhouse": clickhouse.ADDRESS_VARIABLE,
    "kafka": kafka.ADDRESS_VARIABLE,
    "mariadb": mariadb.ADDRESS_VARIABLE,
    "postgresql": postgresql.ADDRESS_VARIABLE,
    "rabbitmq": rabbitmq.ADDRESS_VARIABLE,
}
USAGE = f"usage: python -m tests.services [--install] [{'|'.join(ADDRESSES)}...] -- CMD ARGS..."


def main(arguments: list[str]) -> int:
    """Run the command and return the exit code."""
    if "--" not in arguments[:-1]:
        print(USAGE, file=sys.stderr)
        return 2
    split = arguments.index("--")
    options, command = arguments[:split], arguments[split + 1 :]
    names = [option for option in options if option != "--install"]
    if not ADDRESSES.keys() >= set(names):
        print(USAGE, file=sys.stderr)
        return 2
    packages.allowed = "--install" in options
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    with Services(KINDS) as services, Server(services) as path:
        environment = {**os.environ, VARIABLE: path}
        services.expect(*names)
        for name in names:
            try:
                environment[ADDRESSES[name]] = services.address(name)
            except ServiceUnavailable as error:
                print(f"services: {error}", file=sys.stderr)
                if os.environ.get("CI") == "true":
                    return 1
        return _run(command, environment)


def _run(command: list[str], environment: dict[str, str]) -> int:
    """Run a command and return its exit code as a shell would."""
    try:
        code = subprocess.call(command, env=environment)
    except OSError as error:
        print(f"services: {command[0]} does not run: {error}", file=sys.stderr)
        return 127
    except KeyboardInterrupt:
        return 130
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
