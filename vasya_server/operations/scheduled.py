"""What waits in a chat, and whose it is: a key reaches what it has scheduled, and what was scheduled in no name of another.

What another caller of this server has waiting, under an undo window or for its time, no key sees or touches: it is another's
to send or to take back. The owner's other devices schedule messages, too; those are a key's to see where it may read, and
to change where it may write too, as every message of the account in that chat: who changes one is told what it says. Humans
reach everything.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from vasya_server.errors import MessageNotFound, UndoWindowHolds
from vasya_server.model.scheduled import ScheduledPage
from vasya_server.telegram.peers import resolve_in
from vasya_server.telegram.reach import readable
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests import scheduling
from vasya_server.telegram.scheduled import When

if TYPE_CHECKING:
    from vasya_server.gateway import Gateway
    from vasya_server.model.message import Message
    from vasya_server.model.scheduled import EditScheduled, ScheduledMessage
    from vasya_server.operations.mutation import Ready
    from vasya_server.telegram.view import AccountView

# For so long a send of which nobody knows whether it waits is remembered.
_UNKNOWN_FOR: Final = timedelta(days=30)
_EVERYTHING: Final = -1


async def list_scheduled(gateway: Gateway, account: AccountView, reference: str) -> ScheduledPage:
    """Return what waits in the chat that *reference* names.

    Raises:
        ChatNotFound, ChatNotAllowed: It names none, or none that may be read.
    """
    reading = Reading(account)
    peer = await resolve_in(reading, reference)
    whose = await _whose(gateway, account, peer.id)
    items = await scheduling.list_scheduled(reading, peer, whose)
    if _EVERYTHING in whose:
        items = [each for each in items if each.action_id is not None]
    return ScheduledPage(items=items, trust="untrusted")


async def edit_scheduled(
    gateway: Gateway, account: AccountView, ready: Ready, message_id: int, body: EditScheduled
) -> ScheduledMessage:
    """Change a message that waits; a key's window begins anew.

    Raises:
        MessageNotFound: None such waits that the caller may touch.
        VasyaError: As `scheduling.edit_scheduled`.
    """
    action_id = await _require_reached(gateway, account, ready.chat.id, message_id)
    when = When(
        undo_secs=account.principal.policy.undo_secs or 0,
        schedule_at=body.schedule_at,
        is_repeated=ready.is_redrive,
    )
    lineage = account.principal.lineage
    return await scheduling.edit_scheduled(
        account, ready.chat, message_id, body, lineage=lineage, when=when, action_id=action_id
    )


async def send_scheduled(
    gateway: Gateway, account: AccountView, ready: Ready, message_id: int
) -> Message:
    """Send a message that waits now.

    Raises:
        UndoWindowHolds: The key's messages wait.
        MessageNotFound: None such waits that the caller may touch.
        VasyaError: As `scheduling.send_scheduled`.
    """
    if account.principal.policy.undo_secs:
        raise UndoWindowHolds
    await _require_reached(gateway, account, ready.chat.id, message_id)
    return await scheduling.send_scheduled(
        account, ready.chat, message_id, is_repeated=ready.is_redrive
    )


async def delete_scheduled(
    gateway: Gateway, account: AccountView, ready: Ready, message_id: int
) -> None:
    """Take back a message that waits.

    Raises:
        MessageNotFound: None such waits that the caller may touch.
        VasyaError: As `scheduling.delete_scheduled`.
    """
    await _require_reached(gateway, account, ready.chat.id, message_id)
    await scheduling.delete_scheduled(account, ready.chat, message_id)


async def _require_reached(
    gateway: Gateway, account: AccountView, chat_id: int, message_id: int
) -> str | None:
    """Return what a message was asked for in, to one who may touch it; None: it was scheduled elsewhere.

    Raises:
        MessageNotFound: It is another caller's, or may be.
    """
    whose = await _whose(gateway, account, chat_id)
    if whose.get(message_id, whose.get(_EVERYTHING, "")) is None:
        raise MessageNotFound("No such message waits in this chat; it may have been sent.")
    return whose.get(message_id)


async def _whose(gateway: Gateway, account: AccountView, chat_id: int) -> dict[int, str | None]:
    """Return the actions by the ids of what they have waiting in a chat; None for those of others, of which a key learns nothing.

    Of a send without an outcome nobody knows what it has waiting: until that is known a key reaches only what is its own. So
    does one that may write in the chat and not read it.
    """
    who, now = account.principal, gateway.clock.now()
    whose: dict[int, str | None] = {}
    if account.is_agent:
        opened = await gateway.claims.open_sends(account.runtime.id, now - _UNKNOWN_FOR)
        is_unknown = any(each.waits and each.chat_id == chat_id for each in opened)
        if is_unknown or not (await readable(Reading(account))).allows(chat_id):
            whose[_EVERYTHING] = None
    for waiting in gateway.guards.undo.waiting_in(account.runtime.id, chat_id):
        is_own = not account.is_agent or waiting.lineage == who.lineage
        whose |= dict.fromkeys(waiting.awaited.ids, waiting.action_id if is_own else None)
    return whose
