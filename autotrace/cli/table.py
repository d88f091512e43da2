"""Every command with its options: the one table that the command line is read by, and that its help is made of.

It names where a command is, so that none is imported but the one that runs.
"""

from __future__ import annotations

from autotrace.store.units import parse_duration, parse_status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MOST_READ = 2000
"""So many traces `insights` and `map` read, where nobody says how many."""


class Option:
    """An option of a command.

    Attributes:
        name: of the command's parameter.
        flags: how it is written, such as ``("--attributes", "-a")``.
        help: one sentence.
        read: turns the text behind it into its value, and raises ValueError; None for a switch, which has no text.
        default: what holds without it.
        metavar: what stands for its value in the help, where that is not its type.
        least: of a whole number, the smallest; for those `read` is `int`.
        most: of a whole number, the largest, if there is one.
    """

    __slots__ = ("default", "flags", "help", "least", "metavar", "most", "name", "read")

    def __init__(
        self,
        name: str,
        flags: tuple[str, ...],
        help_: str,
        *,
        read: Callable[[str], Any] | None = None,
        default: Any = None,
        metavar: str | None = None,
        least: int | None = None,
        most: int | None = None,
    ) -> None:
        self.name, self.flags, self.help = name, flags, help_
        self.read, self.metavar = read, metavar
        self.default = False if read is None else default
        self.least, self.most = least, most


class Command:
    """A command.

    Attributes:
        name: as it is written.
        help: one sentence.
        function: where it is, as ``module:function``; it is called with the options by name.
        options: in the order of the help.
        argument: the name of the one argument and its default.
        passed_on: whether everything behind the name is passed on as it is, as ``arguments``.
    """

    __slots__ = ("argument", "function", "help", "name", "options", "passed_on")

    def __init__(
        self,
        name: str,
        help_: str,
        function: str,
        options: tuple[Option, ...] = (),
        *,
        argument: tuple[str, str] | None = None,
        passed_on: str = "",
    ) -> None:
        self.name, self.help, self.function = name, help_, function
        self.options, self.argument, self.passed_on = options, argument, passed_on


def _limit(help_: str, default: int) -> Option:
    return Option("limit", ("--limit",), help_, read=int, default=default, least=1, most=10**9)


_SERVICE = Option("service", ("--service",), "Only traces in which this service took part.", read=str)
_SINCE = Option(
    "since", ("--since",), "Only traces begun within that time, such as 10m.", read=parse_duration, metavar="TIME"
)
_JSON = Option("as_json", ("--json",), "Print JSON and nothing else.")
_CONDITIONS = (_SERVICE, _SINCE, _limit("Traces to read.", MOST_READ), _JSON)

COMMANDS = (
    Command(
        "run",
        "Start a program with tracing; the same as autotrace-run.",
        "autotrace.__main__:run",
        passed_on="command",
    ),
    Command(
        "doctor",
        "Say what is traced, and what keeps spans from being there.",
        "autotrace.doctor.command:main",
        passed_on="arguments",
    ),
    Command(
        "traces",
        "List traces, the newest first.",
        "autotrace.cli.traces:traces",
        (
            _SERVICE,
            Option(
                "route",
                ("--route",),
                "Only traces through this route (the path where none is known), such as /orders/{id}; * is anything.",
                read=str,
            ),
            Option(
                "status",
                ("--status",),
                "Only failed ones (error), faultless ones (ok), or an HTTP status code.",
                read=parse_status,
            ),
            Option(
                "min_duration",
                ("--min-duration",),
                "Only traces at least so long, such as 250ms.",
                read=parse_duration,
                metavar="TIME",
            ),
            _SINCE,
            Option("noise", ("--noise",), "Health checks, static files and their like, too."),
            _limit("How many at most.", 20),
            _JSON,
        ),
    ),
    Command(
        "show",
        "Draw one TRACE: the first digits of its id, or `last` (the default).",
        "autotrace.cli.show:show",
        (
            Option("everything", ("--all",), "Show each of many alike spans instead of folding them."),
            Option("attributes", ("--attributes", "-a"), "Print all attributes, events and links."),
            _JSON,
        ),
        argument=("trace", "last"),
    ),
    Command(
        "insights",
        "Say what is wrong with the traces, the worst first.",
        "autotrace.cli.insights:insights",
        _CONDITIONS,
    ),
    Command(
        "map",
        "Say who talks to whom: calls, failures and latency of each edge.",
        "autotrace.cli.insights:service_map",
        _CONDITIONS,
    ),
    Command(
        "web",
        "Serve a page with findings, traces and the map to this machine, until Ctrl-C.",
        "autotrace.cli.web:web",
        (
            Option(
                "port",
                ("--port",),
                "Where to listen; a free port by default.",
                read=int,
                default=0,
                least=0,
                most=65535,
            ),
            Option("open_it", ("--open",), "Open it in a browser."),
        ),
    ),
)
