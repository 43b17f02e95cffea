"""Standard input, output and error where they are closed, full, or read by nobody."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Final

from vasya_server.errors import VasyaError

if TYPE_CHECKING:
    from collections.abc import Iterator

_STDOUT: Final = 1
_STDERR: Final = 2


class OutputFailed(VasyaError):
    """The answer cannot be written."""

    code = "output_failed"
    detail = "Standard output is closed."


class ReaderGone(OutputFailed):
    """Whoever read the answer has enough of it."""


@contextlib.contextmanager
def usable() -> Iterator[None]:
    """Have all three inside the block; what was printed there past `answer`, such as help, is written at its end.

    Raises:
        OutputFailed: Standard output is closed, or what it leads to does not take what was printed.
    """
    _fill_closed()
    try:
        yield
    finally:
        answer("", end="")


def answer(text: str, end: str = "\n") -> None:
    """Print to standard output, at once.

    Raises:
        OutputFailed: What it leads to is full, or gone.
    """
    try:
        print(text, end=end, flush=True)
    except OSError as error:
        _give_up(_STDOUT)
        if isinstance(error, BrokenPipeError):
            raise ReaderGone from error
        raise OutputFailed(f"Standard output cannot be written: {error.strerror}.") from error


def say(text: str) -> None:
    """Tell the person something that is not the command's answer; where nobody is left to be told, the work goes on."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        _give_up(_STDERR)


def _give_up(descriptor: int) -> None:
    """Lead it to nothing: what is left in its buffer would be tried again, and complained of, when Python exits."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, descriptor)
    os.close(nothing)


def _fill_closed() -> None:
    """Put nothing in the place of closed ones: the next file that is opened would stand there, and be printed into."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        pass
    os.close(descriptor)
    if sys.stderr is None:
        sys.stderr = open(_STDERR, "w", closefd=False)  # noqa: SIM115 — for good
    if sys.stdout is None:
        raise OutputFailed(remedy="Redirect it to /dev/null where it is not wanted.")
