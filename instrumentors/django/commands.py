"""Django's management commands: one span for each, with its queries beneath it.

Not for servers, shells and workers, which run until they are stopped: what they do is not done for them.  What is asked
about migrations when a server starts makes no spans.
"""

from __future__ import annotations

import os
import sys

from autotrace.families import console, suppression
from autotrace.patching import Args, Instrumentor, Kwargs, Patch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Django's own, and those that are well known.
_ENDLESS = (
    "runserver testserver shell dbshell test runserver_plus shell_plus runworker celery rqworker rqscheduler qcluster "
    "run_huey rundramatiq process_tasks db_worker livereload"
)
_endless = frozenset(_ENDLESS.split())


def _command(args: Args, _kwargs: Kwargs) -> tuple[str, str, Any] | None:
    command = args[0]
    name = type(command).__module__.rpartition(".")[2]
    if name in _endless:
        return None
    typed = getattr(command, "_called_from_command_line", False)
    program = os.path.basename(sys.argv[0]) if typed else ""
    return program.replace("__main__.py", "django"), name, type(command)


INSTRUMENTOR = Instrumentor(
    "django_commands",
    Patch("django.core.management.base:BaseCommand.execute", console.command(_command)),
    Patch("django.core.management.base:BaseCommand.check_migrations", suppression.suppressed()),
)
