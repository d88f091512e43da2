"""A Python that was started to be asked: one question, one answer, each in bounded time.

Its standard output is ours, but whatever runs there may write to it, too: an answer is what stands behind a mark that
nobody can know.  What it says on standard error is kept for the case that it does not answer at all.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from queue import Empty, Queue
from threading import Thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


_CLOSING = 1.0  # s for a pipe to be at its end, after whatever held it has ended


class NoAnswerError(Exception):
    """There was no answer: the process has ended; the text says how, such as `ended its process with exit code 3`."""


class SlowError(NoAnswerError):
    """There was no answer in time: `did not answer within 30 s`."""


class Child:
    """A process that answers.

    Args:
        command: what starts it; the mark is added as its last argument.
        environ: its environment.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self._mark = f"autotrace-{os.urandom(16).hex()} "
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 closed with the process
        self._answers: Queue[Any] = Queue()
        self._process = subprocess.Popen(  # noqa: S603 - the program's own Python
            [*command, self._mark],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # so that what a library starts while it is imported can be ended as well
        )
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def ask(self, question: str, patience: float) -> Any:
        """Return the answer to a question.

        Args:
            question: on one line.
            patience: s.

        Raises:
            NoAnswerError: there was none.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{question}\n")
            self._process.stdin.flush()
        except (OSError, ValueError):  # it has ended, or was; so the answers have, too
            pass
        return self.answer(patience)

    def answer(self, patience: float) -> Any:
        """Return the next answer.

        Args:
            patience: s.

        Raises:
            NoAnswerError: there was none.
        """
        try:
            answer = self._answers.get(timeout=patience)
        except Empty:
            raise SlowError(f"did not answer within {patience:.0f} s") from None
        if answer is None:
            self._answers.put(None)
            raise NoAnswerError(_ended(self._process.wait()))
        return answer

    def last_words(self) -> str:
        """Return the last line that it said on standard error."""
        self._said.seek(0)
        return self._said.read().decode(errors="replace").strip().rpartition("\n")[2]

    def end(self) -> None:
        """End it at once, with all that it has started; it has nothing left to do."""
        if self._process.poll() is None:
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
            self._process.wait()
        self._reader.join(_CLOSING)
        pipes = [self._said, self._process.stdin, *([] if self._reader.is_alive() else [self._process.stdout])]
        for pipe in pipes:
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:  # a question that nobody took
                pass

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            _, mark, answer = line.partition(self._mark)
            if mark:
                self._answers.put(json.loads(answer))
        self._answers.put(None)


def _ended(code: int) -> str:
    """Tell how a process has ended."""
    if code >= 0:
        return f"ended its process with exit code {code}"
    try:
        return f"ended its process by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended its process by signal {-code}"
