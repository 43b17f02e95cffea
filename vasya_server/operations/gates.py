"""What stands between a change and Telegram, whoever asks for it: the server's gate, the owner's, and the account's.

All three must be open (D-8.6). Only the operator opens the first, only a human the others, and each refusal says which it is
and with which call it is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vasya_server.errors import SendingDisabled

if TYPE_CHECKING:
    from vasya_server.gateway import Gateway
    from vasya_server.telegram.accounts import AccountRuntime

_OPEN_OWNER: Final = 'A human can open it: PATCH /api/v1/settings {"sendGate": "on"}, or vasya-server settings set send-gate=on.'


async def require_open_gates(gateway: Gateway, account: AccountRuntime) -> None:
    """See that the server, the owner and the account may change anything at Telegram.

    Raises:
        SendingDisabled: One of them may not.
        StorageFailed: Nothing is known of the owner's gate, and it cannot be read.
    """
    await gateway.owner_settings.of(account.owner)
    require_gates_still_open(gateway, account)


def require_gates_still_open(gateway: Gateway, account: AccountRuntime) -> None:
    """See, without waiting for anything, that all gates are open at this moment.

    Raises:
        SendingDisabled: One of them is not.
    """
    if gateway.settings.send == "off":
        raise SendingDisabled(
            "Sending is switched off for the whole server.",
            remedy="Ask the operator to set VASYA_SEND=on and restart.",
        )
    owner = gateway.owner_settings.held(account.owner)
    if not owner.is_readable:
        raise SendingDisabled(
            "The stored settings of this owner were changed from outside, so that sending is switched off.",
            remedy=_OPEN_OWNER,
        )
    if not owner.can_send:
        raise SendingDisabled(
            "Sending is switched off for every account of this owner.", remedy=_OPEN_OWNER
        )
    if not account.record.can_send:
        raise SendingDisabled(
            "Sending is switched off for this account.",
            remedy=f'A human can open it: PATCH /api/v1/accounts/{account.id} {{"canSend": true}}.',
        )
