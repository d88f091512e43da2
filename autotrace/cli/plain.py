"""Reads a command line that is written plainly, as nearly all are, without click, whose import costs more than all else.

It understands an option of the table with its value, and one argument.  Whatever is not exactly so (help, a mistake,
letters in one word, `--`) it leaves to click, which reads the same table and knows how to speak about it.
"""

from __future__ import annotations

from autotrace.cli.table import COMMANDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from autotrace.cli.table import Command, Option


def read(arguments: Sequence[str]) -> tuple[Command, dict[str, Any]] | None:
    """Return the command and the values of its options, or None where the line is not plain.

    Args:
        arguments: without the program's name.
    """
    command = next((one for one in COMMANDS if [one.name] == list(arguments[:1]) and not one.passed_on), None)
    if command is None:
        return None
    values = {option.name: option.default for option in command.options}
    if command.argument is not None:
        values[command.argument[0]] = command.argument[1]
    try:
        values.update(_given(command, iter(arguments[1:])))
    except ValueError:
        return None
    return command, values


def _given(command: Command, words: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """Yield what is written there; raises ValueError where that is not plain."""
    options = {flag: option for option in command.options for flag in option.flags}
    argument = command.argument and command.argument[0]
    for word in words:
        flag, equals, text = word.partition("=") if word.startswith("--") else (word, "", "")
        option = options.get(flag)
        if option is None:
            if argument is None or not word or word.startswith("-"):
                raise ValueError(word)
            yield argument, word
            argument = None
        elif option.read is None:
            if equals:
                raise ValueError(word)
            yield option.name, True
        else:
            yield option.name, _value(option, text if equals else next(words, ""))


def _value(option: Option, text: str) -> Any:
    if option.read is None or not text or text.startswith("-"):
        raise ValueError(text)
    value = option.read(text)
    if (option.least is not None and value < option.least) or (option.most is not None and value > option.most):
        raise ValueError(text)
    return value
