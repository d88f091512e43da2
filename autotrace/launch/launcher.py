"""``autotrace-run``: sets the environment, then becomes the command.

Same process id, same signals, same exit code: it execs.  Whatever Python starts there, at once or from a shell script
later, finds our ``sitecustomize`` first on ``PYTHONPATH``; where that Python cannot import autotrace, nothing happens.

Not reached, and said in one line: a Python that is told to look at no environment (``-I``, ``-E``) or to load no site
(``-S``), and one of a virtual environment in which autotrace is not installed.
"""

from __future__ import annotations

import os
import sys

from autotrace import hidden

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

USAGE = """\
usage: autotrace-run [options] COMMAND [ARGUMENTS...]

Run COMMAND and trace every Python program in it.

options (each has its environment variable):
  -s, --service-name NAME  the service's name               AUTOTRACE_SERVICE_NAME
  -e, --endpoint URL       send to an OTLP receiver         AUTOTRACE_ENDPOINT
  -c, --config FILE        read the settings from FILE      AUTOTRACE_CONFIG
      --off NAMES          switch instrumentors off         AUTOTRACE_INSTRUMENTORS_OFF
      --sample RATIO       keep this share of the traces    AUTOTRACE_SAMPLE_RATIO
      --data-dir DIR       keep traces in DIR               AUTOTRACE_DATA_DIR
  -v, --verbose            say on stderr what is patched    AUTOTRACE_VERBOSE
      --set NAME=VALUE     any other setting                AUTOTRACE_<NAME>
  -h, --help               show this text
      --version            show the version
"""

_VALUED = {
    "-s": "SERVICE_NAME",
    "--service-name": "SERVICE_NAME",
    "-e": "ENDPOINT",
    "--endpoint": "ENDPOINT",
    "-c": "CONFIG",
    "--config": "CONFIG",
    "--off": "INSTRUMENTORS_OFF",
    "--sample": "SAMPLE_RATIO",
    "--data-dir": "DATA_DIR",
}
_PATHS = ("CONFIG", "DATA_DIR", "CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE")
_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
_USAGE_ERROR, _NOT_EXECUTABLE, _NOT_FOUND = 2, 126, 127  # as shells and env(1) use them

SITE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "site")


class UsageError(Exception):
    """The command line cannot be understood; the text says what to write instead."""


def main(arguments: list[str] | None = None) -> int:
    """Replace this process by the command.

    Args:
        arguments: the command line behind the program's name.

    Returns:
        An exit code where nothing could be started: 2 (usage), 126 (not executable), 127 (not found); 0 after help.
    """
    hidden.look()
    given = sys.argv[1:] if arguments is None else arguments
    options: dict[str, str] = {}
    try:
        variables, command = parse(given, options)
    except UsageError as error:
        sys.stderr.write(f"autotrace-run: {error}\n")
        return _USAGE_ERROR
    if command in (["--help"], ["--version"]):
        sys.stdout.write(USAGE if command == ["--help"] else f"autotrace {_version()}\n")
        return 0
    environ = os.environ
    _restore()
    environ.update(variables)
    environ["PYTHONPATH"] = search_path(environ.get("PYTHONPATH", ""))
    _settle(environ)
    _warn(command, options)
    return _become(command, " ..." if len(command) < len(given) else "")


def parse(arguments: list[str], options: dict[str, str] | None = None) -> tuple[dict[str, str], list[str]]:
    """Return the environment variables that the options stand for, and the command with its arguments.

    Args:
        arguments: the command line behind the program's name.
        options: takes up what each variable was called there.

    Raises:
        UsageError: an option is unknown or lacks its value, or there is no command.
    """
    variables: dict[str, str] = {}
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        option, equals, value = rest.pop(0).partition("=")
        if option == "--" and not equals:
            break
        if option in ("-h", "--help"):
            return {}, ["--help"]
        if option == "--version":
            return {}, ["--version"]
        if option in ("-v", "--verbose"):
            variables["AUTOTRACE_VERBOSE"] = "true"
            continue
        if option not in _VALUED and option != "--set":
            likely = _likely([option, *rest], " ..." if len(rest) + 1 < len(arguments) else "") or _similar(option)
            raise UsageError(f"there is no option {option}; {likely}")
        if not equals:
            if not rest:
                raise UsageError(f"{option} needs a value")
            value = rest.pop(0)
        name = _VALUED.get(option)
        if name is None:
            name, equals, value = value.partition("=")
            if not equals:
                raise UsageError("--set needs NAME=VALUE")
            option = f"--set {name.strip()}"
            name = name.strip().upper().replace("-", "_")
        variables[f"AUTOTRACE_{name}"] = value
        if options is not None:
            options[f"AUTOTRACE_{name}"] = option
    if not rest:
        raise UsageError(
            "there is no command to run; write it behind the options, such as 'autotrace-run python app.py'"
        )
    return variables, rest


def search_path(path: str) -> str:
    """Return a search path with our directory first, once; an empty entry would mean the working directory."""
    others = [entry for entry in path.split(os.pathsep) if entry != SITE] if path else []
    return os.pathsep.join([SITE, *others])


def _restore() -> None:
    """Make the environment the one that this process was given.

    This is a Python like any other: a ``sitecustomize`` of the user's has run here, and what it put into the environment it
    would find there when it runs in the program.  Only Linux tells what was there before.
    """
    try:
        with open("/proc/self/environ", "rb") as given:
            pairs = [pair.partition(b"=") for pair in given.read().split(b"\0") if b"=" in pair]
    except OSError:
        return
    if pairs:
        os.environ.clear()
        os.environ.update({os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs})


def _settle(environ: MutableMapping[str, str]) -> None:
    """Make our paths absolute: they were said here, and are read wherever a program is by then."""
    from autotrace.config.paths import located

    for name in _PATHS:
        variable = f"AUTOTRACE_{name}"
        try:
            if environ.get(variable, "").strip():
                environ[variable] = located(environ[variable].strip())
        except (OSError, ValueError):  # said where it is read
            continue


def _warn(command: list[str], options: Mapping[str, str]) -> None:
    """Say here, once, what is wrong with the settings and what cannot be traced: the program's output is its own."""
    from autotrace.launch.commands import prevented, python_of

    try:
        from autotrace.launch.checks import checked

        loaded, warnings = checked()
        for warning in warnings:
            sys.stderr.write(f"autotrace-run: {_called(warning, options)}\n")
        python = python_of(command, os.environ)
        reason = prevented(python) if python is not None and loaded.enabled else ""
    except Exception:  # a look at somebody's files; the command has to start
        return
    if reason:
        sys.stderr.write(f"autotrace-run: {reason}: it runs, and is not traced\n")


def _called(warning: str, options: Mapping[str, str]) -> str:
    """Name an option where the warning names the variable that it stands for."""
    variable = warning[: len(warning) - len(warning.lstrip(_CAPITALS))]
    return options.get(variable, variable) + warning[len(variable) :]


def _become(command: list[str], options: str) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvp(command[0], command)  # noqa: S606 - that is its whole purpose
    except OSError as error:
        code, reason = _reason(command[0], error)
        likely = _likely(command, options)
        sys.stderr.write(f"autotrace-run: {command[0]}: {reason}{likely and '; '}{likely}\n")
        return code


def _reason(name: str, error: OSError) -> tuple[int, str]:
    if isinstance(error, FileNotFoundError):
        if os.path.dirname(name) and os.path.exists(name):
            return _NOT_EXECUTABLE, "the interpreter named in its first line does not exist"
        return _NOT_FOUND, "command not found"
    if os.path.isdir(name):
        return _NOT_EXECUTABLE, "is a directory"
    return _NOT_EXECUTABLE, (error.strerror or str(error)).lower()


def _likely(command: list[str], options: str) -> str:
    """Return the words that ask whether another command was meant, or an empty string.

    Args:
        command: what cannot be started.
        options: what stands for our own options, which may hold secrets.
    """
    from shlex import quote

    from autotrace.launch.commands import meant

    words = meant(command, os.environ)
    return f"did you mean: autotrace-run{options} {' '.join(map(quote, words))}" if words else ""


def _similar(option: str) -> str:
    """Return the words that name the option which is most like one that is unknown, or where to find them all."""
    from difflib import get_close_matches

    for found in get_close_matches(option, [*_VALUED, "--set", "--verbose", "--version", "--help"], 1):
        return f"did you mean: {found}"
    return "'autotrace-run --help' lists them"


def _version() -> str:
    from autotrace import __version__

    return __version__


if __name__ == "__main__":
    sys.exit(main())
