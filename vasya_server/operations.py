"""The one path of every mutation in a chat: resolve, gate, fix the random_id, call.

A send whose `Idempotency-Key` and content are repeated gets the same random_id, whatever happened in between, so that
Telegram itself makes one message of it (D-6.8).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec

from vasya_server.errors import SendingDisabled, TelegramTimeout, VasyaError
from vasya_server.idempotency.fingerprint import fingerprint
from vasya_server.idempotency.random_id import random_id
from vasya_server.telegram.peers import resolve

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from vasya_server.gateway import Gateway
    from vasya_server.model.base import Input
    from vasya_server.telegram.accounts import AccountRuntime
    from vasya_server.telegram.peers import ResolvedPeer

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What somebody wants done, before anything of it is done.

    Args:
        lineage: Whose idempotency keys these are: `user`, or an agent key's lineage.
        idempotency_key: The client's, or one made for this request alone.
        route: Method and path template.
        path: Path parameters as they were given.
    """

    account: AccountRuntime
    lineage: str
    idempotency_key: str
    route: tuple[str, str]
    path: Mapping[str, str]
    body: Input | None


async def perform(
    gateway: Gateway, intent: Intent, execute: Callable[[ResolvedPeer, int], Awaitable[T]]
) -> T:
    """Carry out a mutation in the chat that the intent names.

    Args:
        execute: Called with the resolved chat and the random_id of this intent.

    Raises:
        ChatNotFound: The account knows no such chat.
        SendingDisabled: The server's or the account's gate is closed.
    """
    try:
        async with asyncio.timeout(gateway.settings.send_deadline_secs):
            peer = await resolve(intent.account, intent.path["chat"])
            _require_open_gates(gateway, intent.account)
            return await execute(peer, _random_id(gateway, intent, peer))
    except TimeoutError as late:
        raise _verdict(late) from late


def _verdict(late: TimeoutError) -> VasyaError:
    """Tell what the deadline cut short: the cancellation carries it, where the change may have happened."""
    cancelled = late.__cause__
    cause = None if cancelled is None else cancelled.__cause__
    return cause if isinstance(cause, VasyaError) else TelegramTimeout()


def _require_open_gates(gateway: Gateway, account: AccountRuntime) -> None:
    if gateway.settings.send == "off":
        raise SendingDisabled(
            "Sending is switched off for the whole server.",
            remedy="Ask the operator to set VASYA_SEND=on and restart.",
        )
    if not account.record.can_send:
        raise SendingDisabled(
            "Sending is switched off for this account.",
            remedy=f'A human can open it: PATCH /api/v1/accounts/{account.id} {{"canSend": true}}.',
        )


def _random_id(gateway: Gateway, intent: Intent, peer: ResolvedPeer) -> int:
    method, template = intent.route
    # Without account and chat: they have many names, and the random_id is bound to what they stand for.
    path = {name: value for name, value in intent.path.items() if name not in {"account", "chat"}}
    content = fingerprint(
        gateway.key,
        method,
        template,
        path,
        {},
        b"" if intent.body is None else msgspec.json.encode(intent.body, order="sorted"),
    )
    account = intent.account
    return random_id(
        gateway.key,
        owner=account.owner,
        account=account.id,
        lineage=intent.lineage,
        idempotency_key=intent.idempotency_key,
        fingerprint=content,
        peer=peer.key,
        part=0,
    )
