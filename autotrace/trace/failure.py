"""An exception, reduced to what may be kept: names, numbers and strings.

An exception pins its frames and all their locals, so it is never kept.  What is taken here is cheap (no source line is
read); the text of the stack is put together on the export thread.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, TracebackType

    # file name, line number, function name
    Frame = tuple[str, int, str]

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_PYTHONS = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_MAX_FRAMES = 64
_MAX_CALLERS = 100  # frames, those of ours among them, in which the program's is looked for
_MAX_CHAIN = 8
_MAX_MESSAGE = 32_768  # characters
_quoting: tuple[type, ...] = ()


class Failure:
    """An exception's type, message, frames (outermost first) and the exception that led to it.

    Attributes:
        type: the qualified name; built-in exceptions without their module (semantic conventions, ``exception.type``).
        message: what ``str()`` gave.
        frames: outermost first; only the innermost are kept of a very deep stack.
        cause: the exception that led to this one, or None.
        explicit: whether ``raise ... from`` named the cause.
        repeated: whether a span within already recorded it, so that it is told once.
    """

    __slots__ = ("cause", "explicit", "frames", "message", "repeated", "type")

    def __init__(
        self,
        type_: str,
        message: str,
        frames: tuple[Frame, ...] = (),
        cause: Failure | None = None,
        explicit: bool = False,
    ) -> None:
        self.type = type_
        self.message = message
        self.frames = frames
        self.cause = cause
        self.explicit = explicit
        self.repeated = False


def conceal(*kinds: type) -> None:
    """Name exceptions whose messages quote data, as those of databases do: of these the values are not kept."""
    global _quoting
    _quoting += tuple(kind for kind in kinds if not issubclass(kind, _quoting))


def _unquoted(message: str) -> str:
    """Return the first line of a message with a question mark for all that is quoted in it.

    Further lines hold statements, parameters and rows.  An apostrophe within a word is none that quotes; one without an
    end quotes the rest.  A command of a batch is quoted in parentheses.  A word that a parser did not understand stays: it
    is none of the statement's values, which would be a number or have quotes of its own.  Of an argument that a driver
    refuses, whatever it says is hidden, and of a cast the value.
    """
    import re

    line = message.partition("\n")[0]
    line = re.sub(r"\(.*\)(?= of pipeline\b)", "(?)", line)
    line = re.sub(r"(?<=\bwith value )\S+", "?", line)
    line = re.sub(r"(?<=\bquery argument \$)(\d+[^:]*: ).*", r"\1?", line)
    quoted = r"""(near "[^\W\d]\w*")|(?<!\w)(['"])(?:\\.|(?!\2).|\2\2)*(?:\2|$)"""
    return re.sub(quoted, lambda found: found[1] or "?", line)


def type_name(kind: type) -> str:
    """Return ``module.qualname``, without the module for built-in exceptions."""
    module = kind.__module__
    return kind.__qualname__ if module in ("builtins", "__main__") else f"{module}.{kind.__qualname__}"


def failure_of(error: BaseException, depth: int = 0, quoting: bool = False) -> Failure:
    """Reduce an exception to strings; never raises, whatever its ``__str__`` does.

    Args:
        error: the exception.
        depth: how many exceptions it has led to that are told with it.
        quoting: one of those quotes data, so this one may be where it has it from.
    """
    try:
        message = str(error)[:_MAX_MESSAGE]
    except Exception:
        message = ""
    quoting = quoting or isinstance(error, _quoting)
    if message and quoting:
        if message[:2] == "('" and len(error.args) == 2 and isinstance(error.args[1], str):
            message = error.args[1][:_MAX_MESSAGE]  # a code and a text, as a tuple is written
        message = _unquoted(message)
    cause = error.__cause__
    explicit = cause is not None
    if cause is None and not error.__suppress_context__:
        cause = error.__context__
    led = failure_of(cause, depth + 1, quoting) if cause is not None and depth < _MAX_CHAIN else None
    return Failure(type_name(type(error)), message, _frames(error.__traceback__), led, explicit)


def called_from() -> tuple[Frame, ...]:
    """Return the frames from the program's nearest one to the caller, without ours; none where none is the program's.

    For an exception that has not passed through them yet.  What is installed, and what is Python's own, is no program.
    Python 3.9 does not know whom a coroutine awaits that an exception is thrown into (bpo-29590): there are none.
    """
    frames = []
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - there is no other way to callers
    for _ in range(_MAX_CALLERS):
        if frame is None:
            break
        name = frame.f_code.co_filename
        if not name.startswith(_OURS):
            frames.append((name, frame.f_lineno, frame.f_code.co_name))
            if not (name.startswith(("<", _PYTHONS)) or "site-packages" in name or "dist-packages" in name):
                return tuple(frames[::-1])
        frame = frame.f_back
    return ()


def _frames(traceback: TracebackType | None) -> tuple[Frame, ...]:
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not code.co_filename.startswith(_OURS):
            frames.append((code.co_filename, traceback.tb_lineno, code.co_name))
        traceback = traceback.tb_next
    return tuple(frames[-_MAX_FRAMES:])


if sys.version_info >= (3, 11):
    _with_traceback = BaseException.with_traceback

    def hide_frame(error: BaseException) -> None:
        """Take the calling frame out of an exception that it is about to re-raise with a bare ``raise``.

        A bare ``raise`` adds no entry for its own frame, so the program's traceback reads as if we were not there.
        Never raises: an exception may refuse to be changed (a frozen dataclass), and is asked by the base class's method.
        """
        try:
            traceback = error.__traceback__
            if traceback is not None:
                _with_traceback(error, traceback.tb_next)
        except Exception:
            return

else:

    def hide_frame(error: BaseException) -> None:
        """Do nothing: before Python 3.11 a bare ``raise`` brings the frame back, and no Python code can prevent it."""
