"""Which chats and whom a change is about, as whoever asks for it names them and may reach them.

What concerns a person and no chat, like blocking them, is a change in the chat with that person: who may not write there may
not do it (D-5.9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vasya_server.operations.approvals import resolve_changed
from vasya_server.operations.control_line import require_outside_line
from vasya_server.operations.mutation import Named
from vasya_server.telegram.peers import resolve, resolve_person
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.service_chat import require_outside_service_chat
from vasya_server.telegram.view import AccountView

if TYPE_CHECKING:
    from vasya_server.operations.mutation import Intent
    from vasya_server.telegram.peers import ResolvedPeer


async def named_in(intent: Intent) -> Named:
    """Return whom and what *intent* is about, all of it within the principal's reach (D-5.3, D-11.6).

    Raises:
        ChatNotFound, ChatNotAllowed: It names what is not there, or may not be reached.
        ServiceChat, ControlLine: An agent may not touch that.
    """
    if intent.account is None:
        return Named()
    account = AccountView(intent.account, intent.principal)
    if "chat" not in intent.path:
        return Named(person=await _person(account, intent))
    # What changes nothing at Telegram takes something out of the chat, if anything.
    if intent.mutation.reaches_telegram:
        peer = await resolve_changed(account, intent, intent.path["chat"])
    else:
        peer = await resolve(account, intent.path["chat"])
    source = None if intent.source is None else await resolve(account, intent.source)
    require_outside_service_chat(account, *(each.id for each in (peer, source) if each))
    await require_outside_line(account, intent, peer, source)
    # Where the chat may not be touched, nothing is asked about anybody in it.
    return Named(peer, source, await _person(account, intent))


async def _person(account: AccountView, intent: Intent) -> ResolvedPeer | None:
    reference = intent.path.get("user", intent.subject)
    if reference is None:
        return None
    if "chat" in intent.path:
        person = await resolve_person(Reading(account), reference)
    else:
        person = await resolve_changed(account, intent, reference)
    require_outside_service_chat(account, person.id)
    return person
