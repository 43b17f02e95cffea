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
    SignupRequired,
    SlowMode,
    TelegramError,
    TelegramUnavailable,
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

_REFUSALS: Final[dict[type[tg.RPCError], Callable[[str | None], VasyaError]]] = {
    tg.FrozenMethodInvalidError: AccountFrozen,
    tg.PeerFloodError: AccountSpamLimited,
    tg.ChatForwardsRestrictedError: ChatProtected,
    tg.ChatAdminRequiredError: AdminRequired,
    tg.RightForbiddenError: AdminRequired,
    tg.ChatRestrictedError: ChatWriteForbidden,
    tg.UserBannedInChannelError: ChatWriteForbidden,
    tg.UserIsBlockedError: ChatWriteForbidden,
    tg.YouBlockedUserError: ChatWriteForbidden,
    tg.InputUserDeactivatedError: ChatWriteForbidden,
    tg.MessageEditTimeExpiredError: ChatWriteForbidden,
    # The schema files these under «forbidden», but they are not about a chat's rights.
    tg.PremiumAccountRequiredError: TelegramError,
    tg.SensitiveChangeForbiddenError: TelegramError,
    tg.ForbiddenError: ChatWriteForbidden,
    tg.ServerError: TelegramUnavailable,
    tg.TimedOutError: TelegramUnavailable,
}

_MEANINGS: Final[dict[type[tg.RPCError], Callable[[], VasyaError]]] = {
    tg.ChannelPrivateError: ChatNotFound,
    tg.ChannelInvalidError: ChatNotFound,
    tg.ChatIdInvalidError: ChatNotFound,
    tg.ChatInvalidError: ChatNotFound,
    tg.PeerIdInvalidError: ChatNotFound,
    tg.UserIdInvalidError: ChatNotFound,
    tg.UsernameInvalidError: ChatNotFound,
    tg.UsernameNotOccupiedError: ChatNotFound,
    tg.PhoneNotOccupiedError: ChatNotFound,
    tg.InviteHashEmptyError: ChatNotFound,
    tg.InviteHashExpiredError: ChatNotFound,
    tg.InviteHashInvalidError: ChatNotFound,
    tg.MessageIdInvalidError: MessageNotFound,
    tg.MsgIdInvalidError: MessageNotFound,
    tg.MessageEmptyError: lambda: ValidationFailed(FieldError("/text", "empty")),
    tg.MessageTooLongError: lambda: ValidationFailed(FieldError("/text", "too_long")),
    tg.ReplyMessageIdInvalidError: lambda: ValidationFailed(FieldError("/replyTo", "unknown")),
    tg.PhoneNumberInvalidError: PhoneInvalid,
    tg.PhoneNumberBannedError: lambda: PhoneInvalid("Telegram has banned this phone number."),
    tg.PhoneNumberUnoccupiedError: SignupRequired,
    tg.PhoneCodeInvalidError: CodeInvalid,
    tg.PhoneCodeEmptyError: CodeInvalid,
    tg.PhoneCodeExpiredError: CodeExpired,
    tg.PasswordHashInvalidError: PasswordInvalid,
    tg.ApiIdInvalidError: lambda: CredentialsMissing(
        "Telegram does not accept this api id and api hash."
    ),
    tg.ApiIdPublishedFloodError: lambda: CredentialsMissing(
        "Telegram blocks this api id because it was published; use one of your own."
    ),
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
    return isinstance(error, tg.BadRequestError | tg.ForbiddenError | tg.NotFoundError)


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
    if isinstance(error, tg.FloodError) and not isinstance(error, tg.FrozenMethodInvalidError):
        return _flood(error, name)
    if name is not None and name.startswith("FROZEN_"):
        return AccountFrozen(name)
    for kind in type(error).__mro__:
        if (meaning := _MEANINGS.get(kind)) is not None:
            return meaning()
        if (refusal := _REFUSALS.get(kind)) is not None:
            return refusal(name)
    return TelegramError(name)


def _flood(error: tg.FloodError, name: str | None) -> VasyaError:
    """Read how long to wait; a wait that Telegram does not tell is no wait that can be promised."""
    secs = getattr(error, "seconds", None)
    if secs is None and (number := _TRAILING_NUMBER.search(str(error.message))):
        secs = int(number[1])
    if secs is None:
        return TelegramError(name)
    # FLOOD_WAIT_0 has been seen: zero would invite an immediate retry.
    wait = SlowMode if isinstance(error, tg.SlowModeWaitError) else FloodWait
    return wait(max(1, secs), name or "FLOOD_WAIT")
