"""The chat list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import inputs, views
from vasya_sandbox.handlers.updates import state
from vasya_sandbox.message_views import message, peers_of
from vasya_sandbox.records import User
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vasya_sandbox.model import World
    from vasya_sandbox.records import Message, Peer
    from vasya_sandbox.session import Session

MAX_DIALOGS = 100


def rows(world: World, viewer: User, folder_id: int | None = None) -> list[Peer]:
    """Return the viewer's chats, the pinned ones and then the most recent first."""
    found: list[tuple[tuple[int, int, int], Peer]] = []
    for peer_id, dialog in viewer.dialogs.items():
        where = world.peer(peer_id)
        if where is None or (folder_id is not None and dialog.folder_id != folder_id):
            continue
        ids = world.ids(viewer, where)
        if not ids or not (isinstance(where, User) or _is_inside(viewer, where)):
            continue
        top = world.messages[world.box(viewer, where).numbers[ids[-1]]]
        found.append(((-dialog.pin_rank, -top.at, -top.number), where))
    found.sort(key=lambda row: row[0])
    return [where for _, where in found]


def _is_inside(viewer: User, where: Any) -> bool:
    member = where.members.get(viewer.id)
    return member is not None and member.is_inside


def _contents(session: Session, chosen: Iterable[Peer]) -> dict[str, Any]:
    """Return the rows with their last messages and everybody these mention."""
    world, me = session.dc.world, session.user
    dialogs, messages, mentioned = [], [], set()
    for where in chosen:
        dialogs.append(views.dialog(world, me, where))
        mentioned.add(where.peer_id)
        ids = world.ids(me, where)
        if ids:
            record: Message = world.messages[world.box(me, where).numbers[ids[-1]]]
            messages.append(message(world, me, record))
            mentioned.update(peers_of(world, record))
    found = views.entities(world, me, mentioned)
    return {"dialogs": dialogs, "messages": messages, **found}


@rpc(f.messages.GetDialogsRequest)
def get_dialogs(session: Session, request: Any) -> Any:
    """Serve messages.getDialogs: ids of different boxes do not compare, so pages go by the peer.

    Source: https://core.telegram.org/method/messages.getDialogs
    """
    world, me = session.dc.world, session.user
    found = rows(world, me, request.folder_id)
    if request.exclude_pinned:
        found = [where for where in found if not me.dialogs[where.peer_id].pin_rank]
    count = len(found)
    if not isinstance(request.offset_peer, t.InputPeerEmpty):
        last = inputs.resolve(session, request.offset_peer)
        found = found[found.index(last) + 1 :] if last in found else []
    elif before := inputs.timestamp(request.offset_date):
        found = [where for where in found if _top_at(world, me, where) < before]
    chosen = found[: min(request.limit or MAX_DIALOGS, MAX_DIALOGS)]
    contents = _contents(session, chosen)
    if count > len(chosen):
        return t.messages.DialogsSlice(count, **contents)
    return t.messages.Dialogs(**contents)


def _top_at(world: World, viewer: User, where: Peer) -> int:
    ids = world.ids(viewer, where)
    return world.messages[world.box(viewer, where).numbers[ids[-1]]].at


@rpc(f.messages.GetPeerDialogsRequest)
def get_peer_dialogs(session: Session, request: Any) -> Any:
    """Serve messages.getPeerDialogs.

    Source: https://core.telegram.org/method/messages.getPeerDialogs
    """
    chosen = [
        inputs.readable(session, given.peer)
        for given in request.peers
        if isinstance(given, t.InputDialogPeer)
    ]
    return t.messages.PeerDialogs(**_contents(session, chosen), state=state(session))


@rpc(f.messages.GetPinnedDialogsRequest)
def get_pinned_dialogs(session: Session, request: Any) -> Any:
    """Serve messages.getPinnedDialogs.

    Source: https://core.telegram.org/method/messages.getPinnedDialogs
    """
    me = session.user
    found = rows(session.dc.world, me, request.folder_id)
    chosen = [where for where in found if me.dialogs[where.peer_id].pin_rank]
    return t.messages.PeerDialogs(**_contents(session, chosen), state=state(session))
