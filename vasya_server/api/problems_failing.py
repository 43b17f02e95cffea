"""The rows of what fails without the caller: this server, Telegram, or somebody else's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

INTERNAL: Final = "internal"


@dataclass(frozen=True, slots=True)
class Row:
    """What a code means over HTTP, and what its reader can do."""

    status: int
    title: str
    remedy: str
    is_retryable: bool = False


_AGAIN = "Repeat the request with the same Idempotency-Key in a few seconds."

FAILURES: Final[dict[str, Row]] = {
    INTERNAL: Row(
        500, "Internal error", "Tell the operator the requestId; the cause is in the log."
    ),
    "bot_timeout": Row(
        502,
        "Bot did not answer",
        "Look at the chat before you press again: the bot may have done what the button says.",
    ),
    "telegram_error": Row(
        502,
        "Telegram refused",
        "telegramError is Telegram's own name for the refusal; change the request accordingly.",
    ),
    "provider_failed": Row(
        502,
        "Provider failed",
        "Try again later; where the detail speaks of the key, a human has to look at it: PUT /api/v1/providers/deepgram.",
        is_retryable=True,
    ),
    "outbound_failed": Row(502, "Other server failed", "Try again later.", is_retryable=True),
    "telegram_unavailable": Row(503, "Telegram unavailable", _AGAIN, is_retryable=True),
    "keychain_locked": Row(
        503, "Keychain locked", "Ask the human to unlock the keychain.", is_retryable=True
    ),
    "overloaded": Row(503, "Overloaded", _AGAIN, is_retryable=True),
    "shutting_down": Row(503, "Shutting down", _AGAIN, is_retryable=True),
    "storage_failed": Row(
        503,
        "Storage failed",
        "Ask the operator to look at the data dir: its disk may be full.",
        is_retryable=True,
    ),
    "audit_unavailable": Row(
        503,
        "Audit unavailable",
        "Ask the operator to look at GET /api/v1/ready and run `vasya-server audit verify`; reading still works.",
        is_retryable=True,
    ),
    "telegram_timeout": Row(504, "Telegram timeout", _AGAIN, is_retryable=True),
}
