"""What stands between a change and Telegram, whoever asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vasya_server.errors import SendingDisabled

if TYPE_CHECKING:
    from vasya_server.settings import Settings
    from vasya_server.telegram.accounts import AccountRuntime


def require_open_gates(settings: Settings, account: AccountRuntime) -> None:
    """See that the server and the account may change anything at Telegram.

    Raises:
        SendingDisabled: One of them may not.
    """
    if settings.send == "off":
        raise SendingDisabled(
            "Sending is switched off for the whole server.",
            remedy="Ask the operator to set VASYA_SEND=on and restart.",
        )
    if not account.record.can_send:
        raise SendingDisabled(
            "Sending is switched off for this account.",
            remedy=f'A human can open it: PATCH /api/v1/accounts/{account.id} {{"canSend": true}}.',
        )
