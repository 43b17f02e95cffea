"""What Telegram and its wire meant: every failure that Telethon can raise, as a domain error.

Total over Telethon's base classes: what no row names becomes `TelegramError` with Telegram's own name for it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from telethon import errors as tg

from vasya_server.errors import (
    AccountFrozen,
    AccountReauthRequired,
    AccountSpamLimited,
    AdminRequired,
    AlreadyVoted,
    BotTimeout,
    ChatHasNoTopics,
    ChatNotFound,
    ChatProtected,
    ChatWriteForbidden,
    CodeExpired,
    CodeInvalid,
    CredentialsMissing,
    FieldError,
    FloodWait,
    MessageNotFound,
    PasswordInvalid,
    PhoneInvalid,
    PollClosed,
    SignupRequired,
    SlowMode,
    TelegramError,
    TelegramUnavailable,
    TooManyScheduled,
    TopicNotFound,
    ValidationFailed,
    VasyaError,
)

if TYPE_CHECKING:
    from collections.abc import Callable


class ConnectionLost(Exception):
    """The connection ended under a request.

    Args:
        is_dispatched: The request may have reached Telegram; False means that it provably was not written.
    """

    def __init__(self, *, is_dispatched: bool) -> None:
        super().__init__("the connection to Telegram was lost")
        self.is_dispatched = is_dispatched


class AddressRefused(ConnectionError):
    """The address is none that this server may dial; no socket was made."""


# What Telethon raises beside RPC errors when an answer cannot be had or read.
WIRE_ERRORS: Final = (
    ConnectionLost,
    OSError,
    EOFError,
    BufferError,
    tg.AuthKeyNotFound,
    tg.BadMessageError,
    tg.InvalidChecksumError,
    tg.SecurityError,
    tg.TypeNotFoundError,
)
FAILURES: Final = (tg.RPCError, *WIRE_ERRORS)

# By Telegram's own names. Source: https://core.telegram.org/api/errors
_REFUSALS: Final[dict[str, type[TelegramError]]] = {
    "CHAT_ADMIN_INVITE_REQUIRED": AdminRequired,
    "BOT_RESPONSE_TIMEOUT": BotTimeout,
    "CHAT_ADMIN_REQUIRED": AdminRequired,
    "CHAT_FORWARDS_RESTRICTED": ChatProtected,
    "CHAT_RESTRICTED": ChatWriteForbidden,
    "FROZEN_METHOD_INVALID": AccountFrozen,
    "FROZEN_PARTICIPANT_MISSING": AccountFrozen,
    "INPUT_USER_DEACTIVATED": ChatWriteForbidden,
    "MESSAGE_EDIT_TIME_EXPIRED": ChatWriteForbidden,
    "PEER_FLOOD": AccountSpamLimited,
    # Filed under «forbidden», but not about a chat's rights.
    "PREMIUM_ACCOUNT_REQUIRED": TelegramError,
    "RIGHT_FORBIDDEN": AdminRequired,
    "SENSITIVE_CHANGE_FORBIDDEN": TelegramError,
    "USER_ADMIN_INVALID": AdminRequired,
    # «You're spamreported, you can't create channels or chats.»
    "USER_RESTRICTED": AccountSpamLimited,
    "USER_BANNED_IN_CHANNEL": ChatWriteForbidden,
    "USER_CREATOR": AdminRequired,
    "USER_IS_BLOCKED": ChatWriteForbidden,
    "YOU_BLOCKED_USER": ChatWriteForbidden,
}

_MEANINGS: Final[dict[str, Callable[[], VasyaError]]] = {
    "CHANNEL_FORUM_MISSING": ChatHasNoTopics,
    "CHANNEL_INVALID": ChatNotFound,
    "CHANNEL_PRIVATE": ChatNotFound,
    "CHAT_ID_INVALID": ChatNotFound,
    "CHAT_INVALID": ChatNotFound,
    "INVITE_HASH_EMPTY": ChatNotFound,
    "INVITE_HASH_EXPIRED": ChatNotFound,
    "INVITE_HASH_INVALID": ChatNotFound,
    "PEER_ID_INVALID": ChatNotFound,
    "PHONE_NOT_OCCUPIED": ChatNotFound,
    "TOPIC_ID_INVALID": TopicNotFound,
    "USERNAME_INVALID": ChatNotFound,
    "USERNAME_NOT_OCCUPIED": ChatNotFound,
    "USER_ID_INVALID": ChatNotFound,
    "MESSAGE_ID_INVALID": MessageNotFound,
    "MSG_ID_INVALID": MessageNotFound,
    "MESSAGE_EMPTY": lambda: ValidationFailed(FieldError("/text", "empty")),
    "MESSAGE_TOO_LONG": lambda: ValidationFailed(FieldError("/text", "too_long")),
    "MESSAGE_POLL_CLOSED": PollClosed,
    "REVOTE_NOT_ALLOWED": AlreadyVoted,
    "SCHEDULE_TOO_MUCH": TooManyScheduled,
    "REPLY_MESSAGE_ID_INVALID": lambda: ValidationFailed(FieldError("/replyTo", "unknown")),
    "API_ID_INVALID": lambda: CredentialsMissing(
        "Telegram does not accept this api id and api hash."
    ),
    "API_ID_PUBLISHED_FLOOD": lambda: CredentialsMissing(
        "Telegram blocks this api id because it was published; use one of your own."
    ),
    "PASSWORD_HASH_INVALID": PasswordInvalid,
    "PHONE_CODE_EMPTY": CodeInvalid,
    "PHONE_CODE_EXPIRED": CodeExpired,
    "PHONE_CODE_INVALID": CodeInvalid,
    "PHONE_NUMBER_BANNED": lambda: PhoneInvalid("Telegram has banned this phone number."),
    "PHONE_NUMBER_INVALID": PhoneInvalid,
    "PHONE_NUMBER_UNOCCUPIED": SignupRequired,
}

_NAMES: Final = {
    **{kind: pattern.partition(r"(\d+)")[0].strip("_") for pattern, kind in tg.rpc_errors_re},
    **{kind: name for name, kind in tg.rpc_errors_dict.items()},
}
_WELL_FORMED: Final = re.compile(r"[A-Z][A-Z0-9_]{1,79}")
_TRAILING_NUMBER: Final = re.compile(r"_(\d+)$")


def rpc_name(error: tg.RPCError) -> str | None:
    """Return Telegram's own name for the refusal, without its argument; None for text that is no name."""
    known = _NAMES.get(type(error))
    name = known or _TRAILING_NUMBER.sub("", str(error.message).upper())
    return name if _WELL_FORMED.fullmatch(name) else None


def is_session_over(error: BaseException) -> bool:
    """Tell whether only a new login helps: Telegram has ended, or never knew, this authorization.

    Source: https://core.telegram.org/api/errors#401-unauthorized
    """
    return isinstance(error, tg.UnauthorizedError | tg.AuthKeyDuplicatedError | tg.AuthKeyNotFound)


def is_definitive(error: BaseException) -> bool:
    """Tell whether the refusal is about the request itself, so that its first copy was refused as well."""
    if isinstance(error, tg.AuthKeyError):  # Telethon's name for 406, «not acceptable»
        return not is_session_over(error)
    return isinstance(error, tg.BadRequestError | tg.ForbiddenError | tg.NotFoundError)


def is_failing_server(error: BaseException) -> bool:
    """Tell whether Telegram has failed at the request, or lost sight of it, instead of judging it."""
    is_judged = isinstance(error, tg.RPCError) and rpc_name(error) in _MEANINGS
    return isinstance(error, tg.ServerError | tg.TimedOutError) and not is_judged


def domain_error(error: BaseException) -> VasyaError:
    """Return what *error*, one of `FAILURES`, means to a caller."""
    if isinstance(error, VasyaError):
        return error
    if is_session_over(error):
        return AccountReauthRequired()
    if isinstance(error, tg.RPCError):
        return _refusal(error)
    if isinstance(error, tg.TypeNotFoundError):
        return TelegramError(
            detail="Telegram answered with something that this version cannot read."
        )
    return TelegramUnavailable()


def _refusal(error: tg.RPCError) -> VasyaError:
    name = rpc_name(error)
    if name in _MEANINGS:
        return _MEANINGS[name]()
    if name in _REFUSALS:
        return _REFUSALS[name](name)
    if isinstance(error, tg.FloodError):
        return _flood(error, name)
    if is_failing_server(error):
        return TelegramUnavailable(name, "Telegram failed to answer the request.")
    if isinstance(error, tg.ForbiddenError):
        return ChatWriteForbidden(name)
    return TelegramError(name)


def _flood(error: tg.FloodError, name: str | None) -> VasyaError:
    """Read how long to wait; a wait that Telegram does not tell is none that can be promised."""
    secs = getattr(error, "seconds", None)
    if secs is None and (number := _TRAILING_NUMBER.search(str(error.message))):
        secs = int(number[1])
    if secs is None:
        return TelegramError(name)
    # FLOOD_WAIT_0 has been seen: zero would invite an immediate retry.
    wait = SlowMode if isinstance(error, tg.SlowModeWaitError) else FloodWait
    return wait(max(1, secs), name or "FLOOD_WAIT")
