"""Telethon's log lines, without what people wrote.

Telethon logs whole requests, message texts and phone numbers included, when an answer is not what it expected
(`client/messageparse.py`), and error texts that quote them. Only the constant part of a line is kept.
"""

from __future__ import annotations

import logging
from typing import Final

_TELETHON: Final = logging.getLogger("telethon")
_OWN: Final = logging.getLogger("vasya_server.telegram.telethon")


class _Redacting(logging.Handler):
    """Passes on which line of Telethon spoke and what failed, never with which values."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say the template of *record*: its arguments may be a whole request."""
        error = record.exc_info[0] if record.exc_info else None
        cause = f" ({error.__qualname__})" if error else ""
        _OWN.log(record.levelno, "%s: %s%s", record.name, record.msg, cause)


def redact_telethon() -> None:
    """Put the one redacting handler in front of all that Telethon logs; repeating it changes nothing."""
    _TELETHON.setLevel(logging.ERROR)
    _TELETHON.propagate = False
    _TELETHON.handlers[:] = [_Redacting()]
