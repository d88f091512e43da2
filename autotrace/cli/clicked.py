"""The commands of the table as click knows them: help, mistakes, completion, and every way to write an option.

It is imported only where a command line is not plain; then click reads it, and what it read is run as any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from autotrace import __version__
from autotrace.cli.table import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from autotrace.cli.table import Command, Option


def read(arguments: list[str]) -> tuple[Command, dict[str, Any]] | int:
    """Return the command and the values of its options, or the exit code where everything has been said already."""
    try:
        asked: tuple[Command, dict[str, Any]] | int = _group().main(
            args=arguments, prog_name="autotrace", standalone_mode=False
        )
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return 130
    return asked or 0


def _group() -> click.Group:
    @click.group(context_settings={"help_option_names": ["-h", "--help"]})
    @click.version_option(__version__, message="autotrace %(version)s")
    def commands() -> None:
        """Look at the traces that autotrace-run has collected on this machine."""

    for command in COMMANDS:
        commands.add_command(_command(command))
    return commands


def _command(command: Command) -> click.Command:
    parameters: list[click.Parameter] = [_option(option) for option in command.options]
    settings: dict[str, Any] = {}
    if command.argument is not None:
        name, default = command.argument
        parameters.insert(0, click.Argument([name], default=default))
    if command.passed_on:
        parameters.append(click.Argument([command.passed_on], nargs=-1, type=click.UNPROCESSED))
        settings = {"ignore_unknown_options": True, "help_option_names": []}
    return click.Command(
        command.name,
        params=parameters,
        help=command.help,
        callback=lambda **values: (command, values),
        context_settings=settings,
    )


def _option(option: Option) -> click.Option:
    names = [option.name, *option.flags]
    if option.read is None:
        return click.Option(names, is_flag=True, help=option.help)
    if option.read is int:
        kind = click.IntRange(option.least, option.most)
        return click.Option(
            names, type=kind, default=option.default, show_default=bool(option.default), help=option.help
        )
    return click.Option(names, metavar=option.metavar, callback=_reading(option), help=option.help)


def _reading(option: Option) -> Callable[[click.Context, click.Parameter, str | None], Any]:
    """Return what reads an option's text; click says what was wrong with it, and exits with 2."""

    def reading(_context: click.Context, _option: click.Parameter, text: str | None) -> Any:
        try:
            return text if text is None or option.read is None else option.read(text)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    return reading
