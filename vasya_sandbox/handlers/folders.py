"""The caller's own folders of the chat list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox.records import Group, User
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vasya_sandbox.chat_lists import Folder
    from vasya_sandbox.records import Peer
    from vasya_sandbox.session import Session


@rpc(f.messages.GetDialogFiltersRequest)
def get_dialog_filters(session: Session, request: Any) -> Any:
    """Serve messages.getDialogFilters: first the one that holds everything.

    Source: https://core.telegram.org/method/messages.getDialogFilters
    """
    own = [_shown(session, folder) for folder in session.user.folders]
    return t.messages.DialogFilters([t.DialogFilterDefault(), *own])


def _shown(session: Session, folder: Folder) -> Any:
    title = t.TextWithEntities(folder.title, [])
    pinned, included = _peers(session, folder.pinned), _peers(session, folder.included)
    if folder.is_shared:
        return t.DialogFilterChatlist(folder.id, title, pinned, included)
    excluded = _peers(session, folder.excluded)
    rules = dict.fromkeys(folder.rules, True)
    return t.DialogFilter(folder.id, title, pinned, included, excluded, **rules)


def _peers(session: Session, peer_ids: Iterable[int]) -> list[Any]:
    world = session.dc.world
    return [_named(session, found) for peer_id in peer_ids if (found := world.peer(peer_id))]


def _named(session: Session, found: Peer) -> Any:
    """Return how the caller may name a peer; the answer tells no more of it."""
    me = session.user
    if found is me:
        return t.InputPeerSelf()
    if isinstance(found, Group):
        return t.InputPeerChat(found.id)
    kind = t.InputPeerUser if isinstance(found, User) else t.InputPeerChannel
    return kind(found.id, session.dc.world.access_hash(me, found))
