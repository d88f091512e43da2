"""Which Python a command starts, and what surely keeps us out of it.

Nothing is started to find out.  Understood are a Python's own name, a script whose first line names one, ``env`` there, and
the two-line beginning that installers write where the path is long.  Any other command may start a Python later, and is
none of this module's business.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HINDERING = {
    "I": "python -I looks neither at the environment nor at the user's packages",
    "E": "python -E does not look at the environment",
    "S": "python -S runs no sitecustomize",
}
# Commands that start another command, which stands in their own: what keeps us out of that, if anything does.
_WRAPPERS = {
    "ddtrace-run": "",
    "env": "",
    "nice": "",
    "nohup": "",
    "opentelemetry-instrument": "opentelemetry-instrument puts a sitecustomize of its own before the one of autotrace; "
    "'opentelemetry-instrument autotrace-run COMMAND' has both",
    "setsid": "",
    "timeout": "",
}
_WITH_VALUE = "WX"
_PROGRAMS = (".py", ".pyw", ".pyc", ".pyz")
_ENDING = "cm"  # what follows is the program's


class Python:
    """A Python that a command starts.

    Attributes:
        path: of its executable.
        flags: the letters of its options without a value, such as ``"IB"``.
        before: the words of the commands that start it.
    """

    __slots__ = ("before", "flags", "path")

    def __init__(self, path: str, flags: str, before: tuple[str, ...] = ()) -> None:
        self.path = path
        self.flags = flags
        self.before = before


def resolved(name: str, environ: Mapping[str, str]) -> str:
    """Return the file that a command's name means, or an empty string."""
    if os.path.dirname(name):
        return name if os.path.isfile(name) else ""
    for directory in os.get_exec_path(dict(environ)):
        file = os.path.join(directory, name)
        if os.path.isfile(file) and os.access(file, os.X_OK):
            return file
    return ""


def python_of(command: Sequence[str], environ: Mapping[str, str]) -> Python | None:
    """Return the Python that a command starts at once; None where it starts something else, or nothing."""
    file = resolved(command[0], environ)
    if not file:
        return None
    if os.path.basename(file) in _WRAPPERS:
        return _wrapped(command, environ)
    if _is_python(file):
        return Python(file, _flags(command[1:]))
    words = _first_line(file)
    if words and os.path.basename(words[0]) == "env":
        words = [word for word in words[1:] if word != "-S" and "=" not in word]
    if not words or not _is_python(words[0]):
        return None
    path = resolved(words[0], environ)
    return Python(path, _flags(words[1:])) if path else None


def _wrapped(command: Sequence[str], environ: Mapping[str, str]) -> Python | None:
    """Return the Python that the command in a command starts: the first word that is a command for one."""
    for at in range(1, len(command)):
        found = None if command[at].startswith("-") else python_of(command[at:], environ)
        if found is not None:
            return Python(found.path, found.flags, (*command[:at], *found.before))
    return None


def meant(command: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """Return the command that was most likely meant by one that cannot be started, or an empty list.

    A program for Python is started by Python, and one of the working directory by its path.
    """
    name = command[0]
    if name == "-m" or _is_program(name):
        python = next((one for one in ("python", "python3") if resolved(one, environ)), "python")
        return [python, *command]
    if os.path.isfile(name) and os.access(name, os.X_OK) and not os.path.dirname(name):
        return [os.path.join(os.curdir, name), *command[1:]]
    return []


def _is_program(name: str) -> bool:
    """Tell whether a file or directory is what a Python runs: by its name, its first line, or its ``__main__.py``."""
    if os.path.isdir(name):
        return os.path.isfile(os.path.join(name, "__main__.py"))
    if not os.path.isfile(name):
        return False
    if name.lower().endswith(_PROGRAMS):
        return True
    words = _first_line(name)
    return any(_is_python(word) for word in words[:3])


def prevented(python: Python) -> str:
    """Return why a Python will surely not be traced by ``autotrace-run``, or an empty string."""
    for letter, reason in _HINDERING.items():
        if letter in python.flags:
            return reason
    for word in python.before:
        if _WRAPPERS.get(os.path.basename(word)):
            return _WRAPPERS[os.path.basename(word)]
    if _is_without_us(python.path):
        return f"autotrace is not installed in the environment of {python.path}"
    return ""


def _is_python(file: str) -> bool:
    """Tell whether a file is called as Pythons are: ``python3.13t``, ``pypy3``, ``python.exe``."""
    name = os.path.basename(file).lower().removesuffix(".exe")
    for start in ("python", "pypy"):
        if name.startswith(start):
            return len(name[len(start) :].strip("0123456789.")) <= 1
    return False


def _flags(words: Sequence[str]) -> str:
    """Return the letters of Python's own options, up to the program."""
    found = ""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word.startswith("--") and word != "--":
            if "=" not in word and word == "--check-hash-based-pycs" and rest:
                rest.pop(0)
            continue
        if not word.startswith("-") or word in ("-", "--"):
            break
        for at, letter in enumerate(word[1:], 2):
            if letter in _ENDING:
                return found
            if letter in _WITH_VALUE:
                if at == len(word) and rest:
                    rest.pop(0)
                break
            found += letter
    return found


def _first_line(file: str) -> list[str]:
    """Return the words of the line that names a script's interpreter."""
    try:
        with open(file, "rb") as script:
            start = script.read(1024)
    except OSError:
        return []
    if not start.startswith(b"#!"):
        return []
    first, _, rest = start[2:].decode("utf-8", "replace").partition("\n")
    second = rest.partition("\n")[0]
    if first.strip() == "/bin/sh" and second.startswith("'''exec' "):
        first = second[len("'''exec' ") :]
    if '"' not in first:
        return first.split()
    import shlex  # costs more than all else here

    try:
        return shlex.split(first)
    except ValueError:
        return []


def _is_without_us(path: str) -> bool:
    """Tell whether a Python is one of a virtual environment that surely cannot import autotrace."""
    home = os.path.dirname(os.path.dirname(os.path.abspath(path)))
    try:
        with open(os.path.join(home, "pyvenv.cfg"), encoding="utf-8", errors="replace") as lines:
            settings = lines.read().lower().replace(" ", "")
    except OSError:
        return False  # no virtual environment: its packages may lie anywhere
    if "include-system-site-packages=true" in settings:
        return False
    packages = [os.path.join(home, "Lib", "site-packages")]
    for lib in ("lib", "lib64"):
        try:
            names = os.listdir(os.path.join(home, lib))
        except OSError:
            continue
        packages += [os.path.join(home, lib, name, "site-packages") for name in names]
    found = [directory for directory in packages if os.path.isdir(directory)]
    return bool(found) and not any(_has_us(directory) for directory in found)


def _has_us(packages: str) -> bool:
    """Tell whether autotrace may be imported from a directory, an editable install included."""
    return any("autotrace" in name.lower() or _points_elsewhere(packages, name) for name in os.listdir(packages))


def _points_elsewhere(packages: str, name: str) -> bool:
    """Tell whether a ``.pth`` file adds a directory in which autotrace is."""
    if not name.endswith(".pth"):
        return False
    try:
        with open(os.path.join(packages, name), encoding="utf-8", errors="replace") as lines:
            return any(
                os.path.isdir(os.path.join(packages, line.strip(), "autotrace")) for line in lines if line.strip()
            )
    except (OSError, ValueError):
        return True  # it cannot be told
