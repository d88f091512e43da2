"""Programs that tests start by themselves, looked for (and installed, where ``make`` allows it) before they do."""

from __future__ import annotations

import glob
import shutil
from typing import TYPE_CHECKING

from .errors import ServiceUnavailable
from .packages import apt_install

if TYPE_CHECKING:
    from collections.abc import Callable


class Program:
    """A program with the manners of a service: to start it is to find it, its address is its path.

    Args:
        find: returns the path, or raises ServiceUnavailable.
    """

    def __init__(self, find: Callable[[], str]) -> None:
        self.address = ""
        self._find = find

    def start(self) -> None:
        """Find the program.

        Raises:
            ServiceUnavailable: It is not there and cannot be installed.
        """
        self.address = self._find()

    def stop(self) -> None:
        """Leave it where it is."""


def find_valgrind() -> str:
    """Return the path of valgrind, installing it where that is possible.

    Raises:
        ServiceUnavailable: It is not there and cannot be installed.
    """
    need = "counting instructions needs valgrind, which is not on PATH"
    if shutil.which("valgrind") is None:
        apt_install("valgrind", need)
    if path := shutil.which("valgrind"):
        return path
    raise ServiceUnavailable(f"{need}, and its package did not bring it")


def find_odbc() -> str:
    """Return the directory of the drivers of ODBC for SQLite and PostgreSQL, installing them where that is possible.

    Raises:
        ServiceUnavailable: They are not there and cannot be installed.
    """
    for package, file in (("libsqliteodbc", "libsqlite3odbc.so"), ("odbc-postgresql", "psqlodbcw.so")):
        need = f"pyodbc needs a driver, {file}, which is not here"
        for tried in (False, True):
            found = glob.glob(f"/usr/lib/*/odbc/{file}")
            if found:
                break
            if tried:
                raise ServiceUnavailable(f"{need}, and its package did not bring it")
            apt_install(package, need)
    return found[0].rpartition("/")[0]
