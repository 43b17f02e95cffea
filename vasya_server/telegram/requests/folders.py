"""The account's folders: what is in them, and changing that.

Telegram takes a folder only as a whole, so a change sends it as it is with what is named put in its place: rules, the
formatting of its title and whatever else a folder has beside what is spoken of here stay as they were.

Source: https://core.telegram.org/api/folders
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET
from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import ChatNotAllowed, FieldError, TelegramError, ValidationFailed
from vasya_server.model.folder import Folder, FolderPage, FolderPatch, FolderRule
from vasya_server.telegram.cleaning import clean
from vasya_server.telegram.folders import (
    by_id,
    filters_now,
    forget_folders,
    has_rules,
    id_of,
    own_folders,
)
from vasya_server.telegram.peers import resolve_in
from vasya_server.telegram.reach import Reach, readable
from vasya_server.telegram.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from vasya_server.model.folder import NewFolder
    from vasya_server.telegram.view import AccountView

# 0 is the one that holds everything, 1 the archive. Source: https://core.telegram.org/api/folders
_IDS: Final = range(2, 256)
_FLAGS: Final = {rule: rule.value for rule in FolderRule} | {FolderRule.CHANNELS: "broadcasts"}
_NO_CHATS: Final = FieldError("/chatIds", "empty", ("at least one chat, or a rule",))
_REFUSED: Final = {
    "FILTER_INCLUDE_EMPTY": _NO_CHATS,
    "FILTER_TITLE_EMPTY": FieldError("/title", "empty"),
    "CHATLIST_EXCLUDE_INVALID": FieldError("/excludedChatIds", "invalid"),
}


async def list_folders(account: AccountView, *, is_raw: bool = False) -> FolderPage:
    """Return the account's folders in their order; those that the reader's rule names, where it has one.

    Raises:
        HumanRequired: An agent wants titles as they were written.

    Source: https://core.telegram.org/method/messages.getDialogFilters
    """
    reading = Reading(account, is_raw=is_raw)
    reach = await readable(reading)
    folders = await own_folders(reading)
    named = folders if reach.rule is None else reach.rule.folders
    shown = [_told(reading, folders[each], reach) for each in folders if each in named]
    return FolderPage(items=shown, trust="untrusted")


async def create_folder(
    account: AccountView, body: NewFolder, taken: Collection[int], *, is_redrive: bool
) -> Folder:
    """Make a folder, the last one; made by an earlier copy of the same request, it is the one that is there.

    Args:
        taken: Ids that no folder may be given.

    Raises:
        ValidationFailed: It would hold nothing, or both name and exclude a chat.
        ChatNotFound, ChatNotAllowed: It names a chat that the account does not know, or that may not be read.

    Source: https://core.telegram.org/method/messages.updateDialogFilter
    """
    reading = Reading(account)
    own = by_id(await filters_now(reading))
    patch = FolderPatch(
        emoji=body.emoji,
        chat_ids=body.chat_ids,
        pinned_chat_ids=body.pinned_chat_ids,
        excluded_chat_ids=body.excluded_chat_ids,
        rules=body.rules,
    )
    folder_id = next((each for each in _IDS if each not in own and each not in taken), None)
    if folder_id is None:
        raise TelegramError(detail="Every id that a folder may have is in use.")
    empty = t.DialogFilter(folder_id, t.TextWithEntities(body.title, []), [], [], [])
    folder = await _changed(reading, empty, patch)
    if is_redrive and (made := _twin(folder, own.values())) is not None:
        folder = made
    else:
        await _save(account, folder)
    return _told(reading, folder, await readable(reading))


async def update_folder(
    reading: Reading, filters: Sequence[Any], folder: Any, patch: FolderPatch
) -> Folder:
    """Change what *patch* names; where that is so already, nothing.

    Args:
        filters: All of the account's, as they are now.
        folder: One of them.

    Raises:
        ValidationFailed: It would hold nothing, both name and exclude a chat, or have rules and be shared.
        ChatNotFound, ChatNotAllowed: It would name a chat that the account does not know, or that may not be read.

    Source: https://core.telegram.org/method/messages.updateDialogFilter
    """
    account = reading.account
    changed = await _changed(reading, folder, patch)
    if bytes(changed) != bytes(folder):
        await _save(account, changed)
    if patch.position is not UNSET:
        await _move(account, filters, folder.id, patch.position)
    return _told(reading, changed, await readable(reading))


async def delete_folder(account: AccountView, folder: Any) -> None:
    """Delete a folder; the chats in it stay where they are.

    Source: https://core.telegram.org/method/messages.updateDialogFilter,
        https://core.telegram.org/method/chatlists.leaveChatlist
    """
    if isinstance(folder, t.DialogFilterChatlist):
        shared = t.InputChatlistDialogFilter(folder.id)
        request = functions.chatlists.LeaveChatlistRequest(shared, peers=[])
    else:
        request = functions.messages.UpdateDialogFilterRequest(folder.id)
    try:
        await _change(account, request)
    except TelegramError as error:
        if error.rpc_name != "FILTER_ID_INVALID":  # it is gone since it was seen
            raise


async def folder_title(reading: Reading, folder_id: int) -> str | None:
    """Return how a folder is called; None where there is none."""
    folder = (await own_folders(reading)).get(folder_id)
    return None if folder is None else _told(reading, folder, Reach(None)).title


def is_within(folder: Any, reach: Reach, self_id: int) -> bool:
    """Tell whether the folder says nothing of chats beyond *reach*: it has no rules, and every chat in it may be read."""
    if not isinstance(folder, t.DialogFilter) or has_rules(folder):
        return False
    peers = (*folder.pinned_peers, *folder.include_peers, *folder.exclude_peers)
    return all(reach.allows(id_of(peer, self_id)) for peer in peers)


def _told(reading: Reading, folder: Any, reach: Reach) -> Folder:
    def ids(peers: Iterable[Any]) -> list[int]:
        found = (id_of(peer, reading.directory.self_id) for peer in peers)
        return [each for each in found if reach.allows(each)]

    told = Folder(
        id=folder.id,
        title=folder.title.text,
        emoji=folder.emoticon or None,
        chat_ids=ids((*folder.pinned_peers, *folder.include_peers)),
        pinned_chat_ids=ids(folder.pinned_peers),
        excluded_chat_ids=ids(getattr(folder, "exclude_peers", ())),
        rules=[rule for rule, flag in _FLAGS.items() if getattr(folder, flag, None)],
        has_rules=has_rules(folder),
        is_shared=isinstance(folder, t.DialogFilterChatlist),
    )
    return told if reading.directory.is_raw else clean(told)


async def _changed(reading: Reading, folder: Any, patch: FolderPatch) -> Any:
    """Return a copy of *folder* with what *patch* names in its place."""
    changed = copy.copy(folder)
    if patch.title is not UNSET:
        changed.title = t.TextWithEntities(patch.title, [])
    if patch.emoji is not UNSET:
        changed.emoticon = patch.emoji
    if patch.rules is not UNSET or patch.excluded_chat_ids is not UNSET:
        _set_rules(reading, changed, patch)
    await _set_chats(reading, changed, patch)
    takes_in = [flag for rule, flag in _FLAGS.items() if rule.takes_in]
    rules = any(getattr(changed, flag, None) for flag in takes_in)
    if not (rules or changed.pinned_peers or changed.include_peers):
        raise ValidationFailed(_NO_CHATS)
    return changed


def _set_rules(reading: Reading, folder: Any, patch: FolderPatch) -> None:
    if patch.rules and reading.account.readable is not None:
        raise ChatNotAllowed("Rules would take chats in that this credential does not reach.")
    if isinstance(folder, t.DialogFilterChatlist):
        if patch.rules:
            raise ValidationFailed(FieldError("/rules", "folder_is_shared"))
        if patch.excluded_chat_ids:
            raise ValidationFailed(FieldError("/excludedChatIds", "folder_is_shared"))
        return
    if patch.rules is not UNSET:
        for rule, flag in _FLAGS.items():
            setattr(folder, flag, rule in patch.rules or None)


async def _set_chats(reading: Reading, folder: Any, patch: FolderPatch) -> None:
    """Put the chats in that *patch* names; what it does not name stays, unless it is named in another list now."""
    self_id = reading.directory.self_id
    had_pinned = {id_of(peer, self_id): peer for peer in folder.pinned_peers}
    had = {**had_pinned, **{id_of(peer, self_id): peer for peer in folder.include_peers}}
    excluded = {id_of(peer, self_id): peer for peer in getattr(folder, "exclude_peers", ())}
    known = {**excluded, **had}
    chats, pinned = had, had_pinned
    if patch.chat_ids is not UNSET:
        chats = await _peers(reading, patch.chat_ids, known, "/chatIds")
        pinned = {each: peer for each, peer in pinned.items() if each in chats}
    if patch.pinned_chat_ids is not UNSET:
        pinned = await _peers(reading, patch.pinned_chat_ids, known, "/pinnedChatIds")
    chats = {**pinned, **chats}
    if patch.excluded_chat_ids:
        excluded = await _peers(reading, patch.excluded_chat_ids, known, "/excludedChatIds")
        if excluded.keys() & chats.keys():
            raise ValidationFailed(FieldError("/excludedChatIds", "in_the_folder"))
    elif patch.excluded_chat_ids is not UNSET:
        excluded = {}
    folder.pinned_peers = list(pinned.values())
    folder.include_peers = [peer for each, peer in chats.items() if each not in pinned]
    if isinstance(folder, t.DialogFilter):
        folder.exclude_peers = [peer for each, peer in excluded.items() if each not in chats]


async def _peers(
    reading: Reading, references: Iterable[int | str], known: dict[int, Any], pointer: str
) -> dict[int, Any]:
    """Return the chats by their ids, in the order in which they are named."""
    found: dict[int, Any] = {}
    for n, reference in enumerate(references):
        if isinstance(reference, int) and reference in known:
            peer_id, peer = reference, known[reference]
        else:
            resolved = await resolve_in(reading, str(reference))
            peer_id, peer = resolved.id, resolved.input_peer
        if peer_id in found:
            raise ValidationFailed(FieldError(f"{pointer}/{n}", "repeated"))
        found[peer_id] = peer
    return found


def _twin(folder: Any, others: Iterable[Any]) -> Any:
    """Return the one of *others* that is the same but for its id."""
    for other in others:
        same = copy.copy(other)
        same.id = folder.id
        if bytes(same) == bytes(folder):
            return other
    return None


async def _save(account: AccountView, folder: Any) -> None:
    await _change(account, functions.messages.UpdateDialogFilterRequest(folder.id, folder))


async def _move(
    account: AccountView, filters: Sequence[Any], folder_id: int, position: int
) -> None:
    """Put a folder at *position* among the others; the one that holds everything keeps its place.

    Source: https://core.telegram.org/method/messages.updateDialogFiltersOrder
    """
    everything = next((n for n, each in enumerate(filters) if not hasattr(each, "id")), None)
    before = [*by_id(filters)]
    order = [each for each in before if each != folder_id]
    order.insert(position, folder_id)
    if order == before:
        return
    if everything is not None:
        order.insert(everything, 0)
    await _change(account, functions.messages.UpdateDialogFiltersOrderRequest(order))


async def _change(account: AccountView, request: Any) -> None:
    """Send a change that says how things should be."""
    try:
        await account.runtime.mutate(request, is_exactly_once=True)
    except TelegramError as error:
        if (field := _REFUSED.get(error.rpc_name or "")) is not None:
            raise ValidationFailed(field) from error
        raise
    finally:
        forget_folders(account)
