"""Logs: JSON lines on standard error that cannot carry what a person said, is called, or keeps secret (D-12.1)."""

from __future__ import annotations

import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import Final

import msgspec

from vasya_server.errors import VasyaError

# What a record may say beside its message; everything else that code attaches to it is dropped.
_FIELDS: Final = ("request_id", "account_id", "attempt")
_OWN: Final = frozenset({"vasya", "vasya_server"})
_MAX_TEXT: Final = 500
_SECRET: Final = re.compile(
    r"\b(?:vk|vl|vt|whsec)_[A-Za-z0-9_+/=-]+"  # our tokens
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"  # a JWT
    r"|[A-Za-z0-9_-]{300,}={0,2}"  # a session string
    r"|\+?\d{7,15}"  # a phone number
    r"|@[A-Za-z]\w{3,}"  # a username
)

_encode = msgspec.json.Encoder().encode


def set_up() -> None:
    """Send every record of the process through one redacting handler to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactingFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in _OWN:
        logging.getLogger(name).setLevel(logging.INFO)
    # A line per malformed request would let a stranger fill the disk.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)


def mask(text: str) -> str:
    """Replace whatever in *text* looks like a token, a phone number or a name."""
    return _SECRET.sub("…", text[: _MAX_TEXT * 10])[:_MAX_TEXT]


class RedactingFormatter(logging.Formatter):
    """Render a record as one JSON line of allow-listed fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Render *record*; of other people's records only the constant template is taken, never the arguments."""
        is_own = record.name.partition(".")[0] in _OWN
        message = record.getMessage() if is_own else str(record.msg).partition("\n")[0]
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": mask(message),
        }
        for name in _FIELDS:
            if (value := record.__dict__.get(name)) is not None:
                line[name] = mask(value) if isinstance(value, str) else value
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
