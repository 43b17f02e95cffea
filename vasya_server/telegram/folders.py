"""The account's folders of chats, and whom they hold for a key that names them.

A key is bound to a folder and not to what is in it: who moves a chat there gives the key that chat, and who takes it out
takes it away. So only what a person put into the folder by hand counts. What a rule would take in, and what others put
into a folder that is shared, does not.

Source: https://core.telegram.org/api/folders
"""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any, Final

from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import FolderUnsuitable
from vasya_server.telegram.directory import marked_id
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.shared import Shared

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vasya_server.telegram.accounts import AccountRuntime
    from vasya_server.telegram.view import AccountView

# How long a chat may stay within reach after it was moved out of the folder.
_FRESH_SECS: Final = 2.0
_RULES: Final = ("contacts", "non_contacts", "groups", "broadcasts", "bots")
_EXCEPTIONS: Final = ("exclude_muted", "exclude_read", "exclude_archived")


async def suitable_folder(account: AccountView, folder_id: int) -> None:
    """See that a key may name the folder.

    Raises:
        FolderUnsuitable: It has rules, is shared, or is not there.
    """
    folder = (await own_folders(Reading(account))).get(folder_id)
    if folder is None:
        raise FolderUnsuitable("The account has no such folder.")
    if not isinstance(folder, t.DialogFilter):
        raise FolderUnsuitable("The folder is shared, so that others decide what is in it.")
    if has_rules(folder):
        raise FolderUnsuitable("The folder has rules, which take chats in that nobody chose.")


async def own_folders(reading: Reading) -> dict[int, Any]:
    """Return the account's folders by their ids, at most two seconds old; not the one that holds everything."""
    return by_id(await _filters.get(reading))


async def filters_now(reading: Reading) -> Sequence[Any]:
    """Return the account's folders in their order, the one that holds everything among them, as they are now."""
    return await _filters.renew(reading)


def by_id(filters: Iterable[Any]) -> dict[int, Any]:
    """Return the folders by their ids, without the one that holds everything."""
    return {each.id: each for each in filters if not isinstance(each, t.DialogFilterDefault)}


def forget_folders(account: AccountView) -> None:
    """Have the folders asked for anew: one was just changed, and who reads by it must not be shown what it was."""
    _filters.forget(account.runtime)


def folder_turn(runtime: AccountRuntime) -> asyncio.Lock:
    """Return what one change of the account's folders holds at a time, and whoever binds a key to one of them.

    A folder is changed as a whole, so that two changes at once would undo each other; and what an agent may change
    depends on there being no key that names the folder.
    """
    return _turns.setdefault(runtime, asyncio.Lock())


async def chats_in(reading: Reading, folder_ids: Iterable[int]) -> frozenset[int]:
    """Return the chats that were put into these folders by hand; a folder that is gone or shared holds none."""
    folders = await own_folders(reading)
    self_id = reading.directory.self_id
    found: frozenset[int] = frozenset()
    for folder_id in folder_ids:
        folder = folders.get(folder_id)
        if isinstance(folder, t.DialogFilter):
            found |= named_in(folder, self_id) - excluded_from(folder, self_id)
    return found


def has_rules(folder: Any) -> bool:
    """Tell whether the folder takes in, or hides, chats that nobody chose one by one; a shared one does not."""
    return any(getattr(folder, flag, None) for flag in (*_RULES, *_EXCEPTIONS))


def named_in(folder: Any, self_id: int) -> frozenset[int]:
    """Return the chats that the folder names, pinned there or not."""
    return _ids((*folder.pinned_peers, *folder.include_peers), self_id)


def excluded_from(folder: Any, self_id: int) -> frozenset[int]:
    """Return the chats that the folder's rules never take in; a shared folder has no rules."""
    return _ids(getattr(folder, "exclude_peers", ()), self_id)


async def _ask(reading: Reading) -> Sequence[Any]:
    """Source: https://core.telegram.org/method/messages.getDialogFilters."""
    answer = await reading.call(functions.messages.GetDialogFiltersRequest())
    filters: Sequence[Any] = answer.filters
    return filters


_filters: Final = Shared(_FRESH_SECS, _ask)
_turns: Final[weakref.WeakKeyDictionary[AccountRuntime, asyncio.Lock]] = weakref.WeakKeyDictionary()


def id_of(peer: Any, self_id: int) -> int:
    """Return the marked id of a chat as folders name it."""
    return self_id if isinstance(peer, t.InputPeerSelf) else marked_id(_bare(peer))


def _ids(peers: Iterable[Any], self_id: int) -> frozenset[int]:
    return frozenset(id_of(peer, self_id) for peer in peers)


def _bare(peer: Any) -> Any:
    if hasattr(peer, "user_id"):
        return t.PeerUser(peer.user_id)
    if hasattr(peer, "channel_id"):
        return t.PeerChannel(peer.channel_id)
    return t.PeerChat(peer.chat_id)
