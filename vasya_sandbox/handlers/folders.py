"""The caller's own folders of the chat list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import inputs
from vasya_sandbox.chat_lists import Folder, FolderRule
from vasya_sandbox.errors import RpcError
from vasya_sandbox.message_views import peer
from vasya_sandbox.records import Group, User
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vasya_sandbox.records import Peer
    from vasya_sandbox.session import Session

# 0 is the one that holds everything, 1 the archive.
FOLDER_IDS = range(2, 256)
RULES: tuple[FolderRule, ...] = get_args(FolderRule)


@rpc(f.messages.GetDialogFiltersRequest)
def get_dialog_filters(session: Session, request: Any) -> Any:
    """Serve messages.getDialogFilters: first the one that holds everything.

    Source: https://core.telegram.org/method/messages.getDialogFilters
    """
    own = [_shown(session, folder) for folder in session.user.folders]
    return t.messages.DialogFilters([t.DialogFilterDefault(), *own])


@rpc(f.messages.UpdateDialogFilterRequest)
def update_dialog_filter(session: Session, request: Any) -> Any:
    """Serve messages.updateDialogFilter: make a folder, replace what it says, or delete it.

    Source: https://core.telegram.org/method/messages.updateDialogFilter
    """
    folders = session.user.folders
    place = next((n for n, folder in enumerate(folders) if folder.id == request.id), None)
    if request.filter is None:
        if place is None:
            raise RpcError(400, "FILTER_ID_INVALID")
        del folders[place]
        _tell(session, t.UpdateDialogFilter(request.id))
        return True
    given = _read(session, request)
    if place is None:
        if given.is_shared:
            raise RpcError(400, "FILTER_NOT_SUPPORTED")
        folders.append(given)
    elif folders[place].is_shared != given.is_shared:
        raise RpcError(400, "FILTER_NOT_SUPPORTED")
    else:
        folders[place] = given
    _tell(session, t.UpdateDialogFilter(given.id, _shown(session, given)))
    return True


@rpc(f.messages.UpdateDialogFiltersOrderRequest)
def update_dialog_filters_order(session: Session, request: Any) -> Any:
    """Serve messages.updateDialogFiltersOrder: those it leaves out come last, as they stood.

    Source: https://core.telegram.org/method/messages.updateDialogFiltersOrder
    """
    order = {folder_id: place for place, folder_id in enumerate(request.order)}
    session.user.folders.sort(key=lambda folder: order.get(folder.id, len(order)))
    _tell(session, t.UpdateDialogFilterOrder(request.order))
    return True


@rpc(f.chatlists.ExportChatlistInviteRequest)
def export_chatlist_invite(session: Session, request: Any) -> Any:
    """Serve chatlists.exportChatlistInvite: from then on the folder is a shared one, which has no rules.

    Source: https://core.telegram.org/method/chatlists.exportChatlistInvite
    """
    folder_id = request.chatlist.filter_id
    folder = next((own for own in session.user.folders if own.id == folder_id), None)
    if folder is None:
        raise RpcError(400, "FILTER_ID_INVALID")
    if folder.rules or folder.excluded:
        raise RpcError(400, "FILTER_NOT_SUPPORTED")
    chosen = _ids(session, request.peers)
    if not chosen or not {*chosen} <= {*folder.included, *folder.pinned}:
        raise RpcError(400, "PEERS_LIST_EMPTY")
    folder.is_shared = True
    shown = _shown(session, folder)
    _tell(session, t.UpdateDialogFilter(folder.id, shown))
    url = f"https://t.me/addlist/{session.user.id:x}{folder.id:02x}"
    link = t.ExportedChatlistInvite(request.title, url, [peer(each) for each in chosen])
    return t.chatlists.ExportedChatlistInvite(shown, link)


@rpc(f.chatlists.LeaveChatlistRequest)
def leave_chatlist(session: Session, request: Any) -> Any:
    """Serve chatlists.leaveChatlist: a shared folder goes, and of its chats those that are named.

    Source: https://core.telegram.org/method/chatlists.leaveChatlist
    """
    if request.peers:
        raise RpcError(400, "CHATS_ARE_NOT_LEFT_BY_SANDBOX")
    folders, folder_id = session.user.folders, request.chatlist.filter_id
    folder = next((own for own in folders if own.id == folder_id and own.is_shared), None)
    if folder is None:
        raise RpcError(400, "FILTER_ID_INVALID")
    folders.remove(folder)
    _tell(session, t.UpdateDialogFilter(folder.id))
    return t.Updates([t.UpdateDialogFilter(folder.id)], [], [], session.dc.world.now, 0)


def _read(session: Session, request: Any) -> Folder:
    given = request.filter
    if not isinstance(given, t.DialogFilter | t.DialogFilterChatlist):
        raise RpcError(400, "FILTER_NOT_SUPPORTED")
    if request.id not in FOLDER_IDS or given.id != request.id:
        raise RpcError(400, "FILTER_ID_INVALID")
    if not given.title.text:
        raise RpcError(400, "FILTER_TITLE_EMPTY")
    folder = Folder(
        given.id,
        given.title.text,
        included=_ids(session, given.include_peers),
        pinned=_ids(session, given.pinned_peers),
        excluded=_ids(session, getattr(given, "exclude_peers", ())),
        rules=[rule for rule in RULES if getattr(given, rule, None)],
        is_shared=isinstance(given, t.DialogFilterChatlist),
        title_emoji=[(each.offset, each.length, each.document_id) for each in given.title.entities],
        is_title_still=bool(given.title_noanimate),
        emoticon=given.emoticon or "",
        color=given.color,
    )
    takes_in = [rule for rule in folder.rules if not rule.startswith("exclude_")]
    if not (folder.included or folder.pinned or takes_in):
        raise RpcError(400, "FILTER_INCLUDE_EMPTY")
    return folder


def _ids(session: Session, given: Iterable[Any]) -> list[int]:
    return [inputs.resolve(session, each).peer_id for each in given]


def _tell(session: Session, update: Any) -> None:
    session.dc.push(session.user, [update], skip=session)


def _shown(session: Session, folder: Folder) -> Any:
    emoji = [t.MessageEntityCustomEmoji(*each) for each in folder.title_emoji]
    title = t.TextWithEntities(folder.title, emoji)
    looks = {
        "title_noanimate": folder.is_title_still or None,
        "emoticon": folder.emoticon or None,
        "color": folder.color,
    }
    pinned, included = _peers(session, folder.pinned), _peers(session, folder.included)
    if folder.is_shared:
        return t.DialogFilterChatlist(folder.id, title, pinned, included, **looks)
    excluded = _peers(session, folder.excluded)
    rules = dict.fromkeys(folder.rules, True)
    return t.DialogFilter(folder.id, title, pinned, included, excluded, **rules, **looks)


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
