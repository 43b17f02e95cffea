"""How a chat stands in the caller's own list: muted, archived, pinned, marked as unread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import inputs, views
from vasya_sandbox.errors import RpcError
from vasya_sandbox.fanout import answer
from vasya_sandbox.message_views import peer
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.session import Session

ARCHIVE = 1
# Without Premium; in the archive there is room for more.
MAX_PINNED = {0: 5, ARCHIVE: 100}


@rpc(f.account.UpdateNotifySettingsRequest)
def update_notify_settings(session: Session, request: Any) -> Any:
    """Serve account.updateNotifySettings, of one chat: what is left out is what the list's own defaults say.

    Source: https://core.telegram.org/method/account.updateNotifySettings
    """
    if not isinstance(request.peer, t.InputNotifyPeer):
        raise RpcError(400, "PEER_ID_INVALID")
    where = inputs.readable(session, request.peer.peer)
    dialog = session.dc.world.dialog(session.user, where.peer_id)
    dialog.muted_until = inputs.timestamp(request.settings.mute_until)
    dialog.shows_previews = request.settings.show_previews
    dialog.is_silent = request.settings.silent
    settings = views.notify_settings(dialog)
    news = t.UpdateNotifySettings(t.NotifyPeer(peer(where.peer_id)), settings)
    session.dc.push(session.user, [news], skip=session)
    return True


@rpc(f.folders.EditPeerFoldersRequest)
def edit_peer_folders(session: Session, request: Any) -> Any:
    """Serve folders.editPeerFolders: into the archive and out of it; what is moved is not pinned any more.

    Source: https://core.telegram.org/method/folders.editPeerFolders
    """
    world, me = session.dc.world, session.user
    moved = []
    for given in request.folder_peers:
        if given.folder_id not in (0, ARCHIVE):
            raise RpcError(400, "FOLDER_ID_INVALID")
        where = inputs.readable(session, given.peer)
        dialog = world.dialog(me, where.peer_id)
        if dialog.folder_id != given.folder_id:
            dialog.folder_id, dialog.pin_rank = given.folder_id, 0
        moved.append(t.FolderPeer(peer(where.peer_id), given.folder_id))
    news = t.UpdateFolderPeers(moved, me.box.pts, 0)
    session.dc.push(me, [news], skip=session)
    return answer(session, [], news)


@rpc(f.messages.ToggleDialogPinRequest)
def toggle_dialog_pin(session: Session, request: Any) -> Any:
    """Serve messages.toggleDialogPin: what is pinned stands above what was pinned before.

    Source: https://core.telegram.org/method/messages.toggleDialogPin
    """
    me = session.user
    where = inputs.readable(session, request.peer.peer)
    dialog = session.dc.world.dialog(me, where.peer_id)
    ranks = [each.pin_rank for each in me.dialogs.values() if each.folder_id == dialog.folder_id]
    if request.pinned and not dialog.pin_rank:
        if sum(rank > 0 for rank in ranks) >= MAX_PINNED[dialog.folder_id]:
            raise RpcError(400, "PINNED_DIALOGS_TOO_MUCH")
        dialog.pin_rank = max(ranks) + 1
    elif not request.pinned:
        dialog.pin_rank = 0
    news = t.UpdateDialogPinned(
        t.DialogPeer(peer(where.peer_id)), request.pinned, folder_id=dialog.folder_id or None
    )
    session.dc.push(me, [news], skip=session)
    return True


@rpc(f.messages.MarkDialogUnreadRequest)
def mark_dialog_unread(session: Session, request: Any) -> Any:
    """Serve messages.markDialogUnread: a mark of its own, beside what is unread.

    Source: https://core.telegram.org/method/messages.markDialogUnread
    """
    where = inputs.readable(session, request.peer.peer)
    dialog = session.dc.world.dialog(session.user, where.peer_id)
    dialog.is_marked_unread = bool(request.unread)
    news = t.UpdateDialogUnreadMark(t.DialogPeer(peer(where.peer_id)), request.unread)
    session.dc.push(session.user, [news], skip=session)
    return True
