"""Talking to the person at the terminal: questions on standard error, so that standard output stays an answer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import termios
from typing import TYPE_CHECKING, Final

from vasya_server.cli import EX_NEEDS_HUMAN
from vasya_server.errors import VasyaError

if TYPE_CHECKING:
    from collections.abc import Iterator

_STDIN: Final = 0
_MAX_LINE_BYTES: Final = 16 * 1024
# What was typed, or piped, beyond the line that was asked for.
_typed_ahead = bytearray()


class NobodyAnswers(VasyaError):
    """A question met the end of standard input."""

    code = "nobody_answers"
    detail = "Standard input ended where an answer was needed."
    exit_code = EX_NEEDS_HUMAN


def plain(text: str | None) -> str:
    """Return *text* without what could move the cursor, recolour the screen or turn the reading direction."""
    return "".join(c for c in text or "" if c.isprintable())


async def ask(question: str, *, is_secret: bool = False) -> str:
    """Ask and return the answer without surrounding blanks; the event loop, and Ctrl-C, go on meanwhile.

    Raises:
        NobodyAnswers: Standard input has ended.
    """
    print(question, end="", file=sys.stderr, flush=True)
    with _hidden() if is_secret and os.isatty(_STDIN) else contextlib.nullcontext():
        line = await _read_line()
    return line.decode("utf-8", "replace").strip()


async def confirm(question: str, *, is_given: bool) -> bool:
    """Return whether the person agrees; without a terminal only the flag (*is_given*) counts.

    Raises:
        NobodyAnswers: There is no terminal and no flag.
    """
    if is_given:
        return True
    if not os.isatty(_STDIN):
        raise NobodyAnswers(
            "This needs a yes, and there is no terminal to ask at.", remedy="Add --yes."
        )
    return (await ask(f"{question} [y/N] ")).lower() in {"y", "yes"}


@contextlib.contextmanager
def _hidden() -> Iterator[None]:
    before = termios.tcgetattr(_STDIN)
    quiet = [*before]
    quiet[3] &= ~termios.ECHO
    termios.tcsetattr(_STDIN, termios.TCSAFLUSH, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(_STDIN, termios.TCSAFLUSH, before)
        print(file=sys.stderr)


async def _read_line() -> bytes:
    while b"\n" not in _typed_ahead and len(_typed_ahead) < _MAX_LINE_BYTES:
        await _until_readable()
        if not (chunk := os.read(_STDIN, 4096)):
            if not _typed_ahead:
                raise NobodyAnswers
            break
        _typed_ahead.extend(chunk)
    line, _, rest = bytes(_typed_ahead).partition(b"\n")
    _typed_ahead[:] = rest
    return line


async def _until_readable() -> None:
    loop = asyncio.get_running_loop()
    is_readable = asyncio.Event()
    try:
        loop.add_reader(_STDIN, is_readable.set)
    except PermissionError:  # a regular file is always readable, and epoll refuses it
        return
    try:
        await is_readable.wait()
    finally:
        loop.remove_reader(_STDIN)
