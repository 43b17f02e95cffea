"""Logs: JSON lines on standard error that cannot carry what a person said, is called, or keeps secret (D-12.1)."""

from __future__ import annotations

import logging
import os
import queue
import re
import select
import threading
import time
import traceback
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.errors import VasyaError

if TYPE_CHECKING:
    from collections.abc import Callable

ACCESS: Final = "vasya.access"
_OWN: Final = frozenset({"vasya", "vasya_server"})
_MAX_TEXT: Final = 500
_SECRET: Final = re.compile(
    r"\b(?:vk|vl|vt|whsec)_[A-Za-z0-9_+/=-]+"  # our tokens
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"  # a JWT
    r"|[A-Za-z0-9_-]{300,}={0,2}"  # a session string
    r"|\+?\d{7,15}"  # a phone number
    r"|@[A-Za-z]\w{3,}"  # a username
)
_STDERR: Final = 2
# Seconds of a busy server; a line has two hundred bytes, and rarely three thousand.
MAX_WAITING: Final = 4096
# Woken for every line, the thread would fight the event loop for the interpreter.
_GATHER_SECS: Final = 0.02
_FLUSH_SECS: Final = 1.0

_encode = msgspec.json.Encoder().encode


def set_up() -> None:
    """Send every record of the process through one redacting handler to standard error."""
    handler = LineWriter(_STDERR)
    handler.setFormatter(RedactingFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in _OWN:
        logging.getLogger(name).setLevel(logging.INFO)
    # A line per malformed request would let a stranger fill the disk.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    keep_access(is_on=False)
    # Nothing that is written says where in the code, in which thread or in which process.
    logging._srcfile = None  # noqa: SLF001 — Source: https://docs.python.org/3/howto/logging.html#optimization
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def keep_access(*, is_on: bool) -> None:
    """Write a line per request, or none; a command that asks itself wants none."""
    logging.getLogger(ACCESS).setLevel(logging.INFO if is_on else logging.WARNING)


def mask(text: str) -> str:
    """Replace whatever in *text* looks like a token, a phone number or a name."""
    return _SECRET.sub("…", text[: _MAX_TEXT * 10])[:_MAX_TEXT]


# For what the code itself says: the same few texts in every line.
_mask_constant = lru_cache(256)(mask)
# What a record may say beside its message; everything else that code attaches to it is dropped.
_FIELDS: Final[dict[str, Callable[[str], str]]] = {
    "request_id": mask,
    "account_id": mask,
    "ticket_id": mask,
    "attempt": mask,
    "method": _mask_constant,
    "route": _mask_constant,
    "status": mask,
    "ms": mask,
}


class LineWriter(logging.Handler):
    """Leave lines to a thread that writes them, so that a reader of the pipe who does not read stops nobody.

    Where they come faster than they can be written, or nobody takes them, they are dropped and counted; the count is
    written when writing works again.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        # A line, a mark to set when everything before it is written, or None at the end.
        self._waiting: queue.SimpleQueue[bytes | threading.Event | None] = queue.SimpleQueue()
        # Each has one writer: whoever holds the handler's lock, and the thread.
        self._overflowed = 0
        self._unwritten = 0
        # A daemon: a blocked write cannot be ended, and must not keep the process.
        threading.Thread(target=self._run, name="vasya-log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Render *record* and leave it to the thread; a wrong log call does not fail the work that it tells of."""
        if self._waiting.qsize() >= MAX_WAITING:
            self._overflowed += 1
            return
        try:
            self._waiting.put(self.format(record).encode())
        except Exception:  # noqa: BLE001 — as in every handler of logging
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 — logging's own name
        """Say that a record cannot be rendered; logging's own way would print what is in it."""
        self._waiting.put(_encode({"logger": record.name, "message": "a record has no rendering"}))

    def flush(self) -> None:
        """Wait until everything so far is written, a second at most; logging does so at exit."""
        is_written = threading.Event()
        self._waiting.put(is_written)
        is_written.wait(_FLUSH_SECS)

    def close(self) -> None:
        """Let the thread end when it has written what waits."""
        self._waiting.put(None)
        super().close()

    def _run(self) -> None:
        told = 0
        is_open = True
        while is_open:
            batch = self._gather()
            lines = [item for item in batch if isinstance(item, bytes)]
            if lines and not self._send(lines):
                self._unwritten += len(lines)
            elif dropped := self._overflowed + self._unwritten - told:
                said = f"{dropped} log lines were dropped, because nobody took them"
                if self._send([_encode({"level": "warning", "logger": __name__, "message": said})]):
                    told += dropped
            for item in batch:
                if isinstance(item, threading.Event):
                    item.set()
            is_open = None not in batch
            time.sleep(_GATHER_SECS)

    def _gather(self) -> list[bytes | threading.Event | None]:
        """Wait for something and return it with what stands behind it."""
        batch = [self._waiting.get()]
        return batch + [self._waiting.get() for _ in range(self._waiting.qsize())]

    def _send(self, lines: list[bytes]) -> bool:
        """Write *lines*, however long it takes; return False where they cannot be written at all."""
        left = memoryview(b"".join(line + b"\n" for line in lines))
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:  # our parent has made the pipe a non-blocking one
                select.select([], [self._descriptor], [])
            except OSError:  # a full disk, or a pipe without a reader: the caller counts them
                return False
        return True


class RedactingFormatter(logging.Formatter):
    """Render a record as one JSON line of allow-listed fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Render *record*; of other people's records only the constant template is taken, never the arguments."""
        is_own = record.name.partition(".")[0] in _OWN
        message = record.getMessage() if is_own else str(record.msg).partition("\n")[0]
        is_constant = is_own and not record.args
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _mask_constant(message) if is_constant else mask(message),
        }
        for name, masked in _FIELDS.items():
            if (value := record.__dict__.get(name)) is not None:
                line[name] = masked(value) if isinstance(value, str) else value
        if record.exc_info and (error := record.exc_info[1]) is not None:
            line["error"] = _describe(error)
        return _encode(line).decode()


def _describe(error: BaseException) -> dict[str, object]:
    """Say what failed and where; the text of a foreign exception may quote user data and stays out."""
    frames = traceback.extract_tb(error.__traceback__)
    told: dict[str, object] = {
        "type": type(error).__qualname__,
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]],
    }
    if isinstance(error, VasyaError):
        told["detail"] = mask(error.detail)
    if isinstance(error, OSError) and error.strerror:
        told["detail"] = error.strerror
    if error.__cause__ is not None:
        told["cause"] = _describe(error.__cause__)
    return told
