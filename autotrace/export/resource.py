"""What this process is: the attributes that all its spans share.

To be called late, on the worker thread, and again in a forked child: by then the program's own name is known (at the
start, ``sys.argv`` of ``python -m package`` is only ``-m``), and so is the child's process id.

The service's name, where nobody chose one, is the program's: ``app`` for ``python app.py``, ``tool`` for the command
``tool`` and for ``python -m tool``, the directory's or archive's name for one that holds a ``__main__.py``, and
``python`` for ``-c``, standard input and the interactive interpreter; what runs somebody's application is called after that
(``application``).  The specification's ``unknown_service:python`` would put all of a user's services into one.
"""

from __future__ import annotations

import os
import sys

from autotrace import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Protocol

    Better = Callable[[str, Sequence[str], Mapping[str, str], str], str]

    class ResourceSettings(Protocol):
        """What is read of the settings; ``Settings`` is one of these."""

        service_name: str
        resource_attributes: Mapping[str, str]


_PYTHON = "python"
_SYSTEMS = {"linux": "linux", "darwin": "darwin", "win32": "windows", "cygwin": "windows", "sunos5": "solaris"}
_ENDINGS = (".py", ".pyw", ".pyc", ".pyz", ".pex", ".exe")


def resource_attributes(settings: ResourceSettings, better: Better | None = None) -> dict[str, Any]:
    """Return the resource of this process.

    Args:
        settings: what was chosen.
        better: returns a better name than the program's own, or an empty string; see ``application.named``.

    What the settings say in ``resource_attributes`` wins over what is found out here, and loses only to an explicit
    ``service_name`` (OpenTelemetry specification, "Environment variables": OTEL_SERVICE_NAME takes precedence).
    """
    found: dict[str, Any] = {
        "service.name": settings.service_name or service_name(better),
        "service.instance.id": _uuid4(),
        "telemetry.sdk.name": "autotrace",
        "telemetry.sdk.language": _PYTHON,
        "telemetry.sdk.version": __version__,
        "process.pid": os.getpid(),
        "process.executable.name": os.path.basename(sys.executable or "") or _PYTHON,
        "process.runtime.name": sys.implementation.name,
        "process.runtime.version": ".".join(map(str, sys.version_info[:3])),
        "host.name": os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", ""),
        "os.type": next((kind for name, kind in _SYSTEMS.items() if sys.platform.startswith(name)), sys.platform),
    }
    found.update(settings.resource_attributes)
    if settings.service_name:
        found["service.name"] = settings.service_name
    return {key: value for key, value in found.items() if value != ""}


def service_name(better: Better | None = None) -> str:
    """Return the program's name, as the module says; never empty, never raises."""
    try:
        argv = getattr(sys, "argv", None) or [""]
        script = argv[0] if isinstance(argv[0], str) else ""
        name = _named(script, _main(script), getattr(sys, "orig_argv", ()))
    except Exception:  # a program may put anything into sys
        return _PYTHON
    try:
        return (better(name, argv[1:], os.environ, os.getcwd()) if better is not None else "") or name
    except Exception:  # nor need there be a working directory
        return name


def _main(script: str) -> str | None:
    """Return the name of the module that runs as ``__main__``; it may have an answer to every name, and is not asked.

    None where ``sys.argv`` names another file: a worker of a pool, or a profiler, puts the program's own arguments there.
    """
    main = sys.modules.get("__main__")
    if not issubclass(type(main), type(sys)):
        return None
    spec = vars(type(sys))["__dict__"].__get__(main).get("__spec__")
    if type(spec) is not type(__spec__) or (script != spec.origin and os.path.isfile(script)):
        return None
    return spec.name


def _named(script: str, module: str | None, command: Sequence[str]) -> str:
    if module and module != "__main__":
        return module.removesuffix(".__main__")
    if script == "-m":  # the module has not been looked for yet
        return _module(command) or _PYTHON
    if script in ("", "-", "-c"):
        return _PYTHON
    directory, name = os.path.split(os.path.abspath(script))
    if name == "__main__.py":
        name = os.path.basename(directory)
    stem, ending = os.path.splitext(name)
    return (stem if ending.lower() in _ENDINGS else name) or _PYTHON


def _module(command: Sequence[str]) -> str:
    """Return what follows ``-m`` on the interpreter's command line, which may be glued to it and to other options."""
    arguments = iter(command[1:])
    for argument in arguments:
        if argument == "--check-hash-based-pycs":
            next(arguments, "")
            continue
        if not argument.startswith("-") or argument.startswith("--"):
            continue
        for position, letter in enumerate(argument[1:], 2):
            if letter == "m":
                return argument[position:] or next(arguments, "")
            if letter in "WX":
                if not argument[position:]:
                    next(arguments, "")
                break
    return ""


def _uuid4() -> str:
    """Return a random UUID's text (RFC 9562, version 4); the ``uuid`` module would be a heavy import."""
    raw = bytearray(os.urandom(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
