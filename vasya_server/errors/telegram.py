"""What Telegram refused, or did not answer."""

from __future__ import annotations

from vasya_server.errors.base import VasyaError


class TelegramError(VasyaError):
    """Telegram refused the call; *rpc_name* is its own name for the refusal, without arguments."""

    code = "telegram_error"
    detail = "Telegram refused the operation."

    def __init__(self, rpc_name: str | None = None, detail: str | None = None) -> None:
        super().__init__(detail)
        self.rpc_name = rpc_name


class FloodWait(TelegramError):
    """Telegram asks for a pause before this method may be called again; it is never slept through."""

    code = "telegram_flood_wait"
    detail = "Telegram asks to wait before this is done again."

    def __init__(self, retry_after_secs: int, rpc_name: str = "FLOOD_WAIT") -> None:
        super().__init__(rpc_name)
        self.retry_after_secs = retry_after_secs


class SlowMode(FloodWait):
    """The chat's slow mode asks for a pause before the next message there."""

    code = "telegram_slowmode"
    detail = "The chat is in slow mode."


class AccountSpamLimited(TelegramError):
    """Telegram limits the account for writing to strangers (PEER_FLOOD).

    Args:
        retry_after_secs: For how long it writes to no stranger.
    """

    code = "account_spam_limited"
    detail = "Telegram has limited this account for contacting strangers."

    def __init__(self, rpc_name: str | None = None, *, retry_after_secs: int | None = None) -> None:
        super().__init__(rpc_name)
        self.retry_after_secs = retry_after_secs


class AccountFrozen(TelegramError):
    """Telegram has frozen the account (FROZEN_METHOD_INVALID).

    Args:
        retry_after_secs: When it is tried again whether it still is.
    """

    code = "account_frozen"
    detail = "Telegram has frozen this account."

    def __init__(self, rpc_name: str | None = None, *, retry_after_secs: int | None = None) -> None:
        super().__init__(rpc_name)
        self.retry_after_secs = retry_after_secs


class ChatWriteForbidden(TelegramError):
    """The account may not write, or not this, in the chat."""

    code = "chat_write_forbidden"
    detail = "The account may not do this in that chat."


class ChatProtected(TelegramError):
    """The chat's content may not be forwarded or saved."""

    code = "chat_protected"
    detail = "The chat's content is protected from forwarding and saving."


class BotTimeout(TelegramError):
    """A bot was told of a pressed button and did not answer in time."""

    code = "bot_timeout"
    detail = "The bot has got the press and did not answer in time; it may have done what the button says."


class AdminRequired(TelegramError):
    """Only an administrator of the chat may do this."""

    code = "admin_required"
    detail = "Only an administrator of the chat may do this."


class Withheld(TelegramError):
    """Telegram keeps to itself what was asked for: for somebody's privacy, for the chat's size, or for the message's age."""

    code = "telegram_withholds"
    detail = "Telegram does not tell this."

    def __init__(self, rpc_name: str | None, detail: str, remedy: str | None = None) -> None:
        super().__init__(rpc_name, detail)
        self.remedy = remedy


class TelegramTimeout(TelegramError):
    """Telegram did not answer a read within its deadline."""

    code = "telegram_timeout"
    detail = "Telegram did not answer in time."


class TelegramUnavailable(TelegramError):
    """The data centre cannot be reached, or fails."""

    code = "telegram_unavailable"
    detail = "Telegram cannot be reached."
