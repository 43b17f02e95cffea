"""Which chats a change is about, as whoever asks for it names them and may reach them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vasya_server.operations.approvals import resolve_changed
from vasya_server.telegram.peers import resolve
from vasya_server.telegram.service_chat import require_outside_service_chat
from vasya_server.telegram.view import AccountView

if TYPE_CHECKING:
    from vasya_server.operations.mutation import Intent
    from vasya_server.telegram.peers import ResolvedPeer


async def chats_of(intent: Intent) -> tuple[ResolvedPeer | None, ResolvedPeer | None]:
    """Return the chat that is changed and the one that something is taken from, both within the principal's reach (D-5.3, D-11.6)."""
    if intent.account is None or "chat" not in intent.path:
        return None, None
    account = AccountView(intent.account, intent.principal)
    peer = await resolve_changed(account, intent, intent.path["chat"])
    source = None if intent.source is None else await resolve(account, intent.source)
    require_outside_service_chat(account, *(each.id for each in (peer, source) if each))
    return peer, source
