"""The text of a stack, as Python itself would have printed it, from what was kept of an exception.

Notes, carets and the members of exception groups are not kept, so they are not here either.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autotrace.trace.failure import Failure, Frame

_CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"
_REPEATS = 3  # as many equal frames as Python prints before it only counts them


def stack_text(failure: Failure) -> str:
    """Return what ``traceback.format_exception`` gives, joined: the first cause first, source lines where readable."""
    from linecache import getline

    chain = [failure]
    while chain[-1].cause is not None:
        chain.append(chain[-1].cause)
    pieces: list[str] = []
    led: Failure | None = None
    for link in reversed(chain):
        if led is not None:
            pieces.append(_CAUSE if link.explicit else _CONTEXT)
        pieces += _lines(link, getline)
        led = link
    return "".join(pieces)


def _lines(failure: Failure, getline: Callable[[str, int], str]) -> Iterator[str]:
    if failure.frames:
        yield "Traceback (most recent call last):\n"
    last: Frame | None = None
    count = 0
    for frame in failure.frames:
        if frame != last:
            yield from _repeated(count)
            last, count = frame, 0
        count += 1
        if count <= _REPEATS:
            yield _frame(frame, getline)
    yield from _repeated(count)
    yield f"{failure.type}: {failure.message}\n" if failure.message else f"{failure.type}\n"


def _frame(frame: Frame, getline: Callable[[str, int], str]) -> str:
    filename, line, function = frame
    try:
        source = getline(filename, line).strip()
    except Exception:  # a file that is no text, a loader that is gone
        source = ""
    text = f'  File "{filename}", line {line}, in {function}\n'
    return f"{text}    {source}\n" if source else text


def _repeated(count: int) -> Iterator[str]:
    more = count - _REPEATS
    if more > 0:
        yield f"  [Previous line repeated {more} more time{'s' if more > 1 else ''}]\n"
