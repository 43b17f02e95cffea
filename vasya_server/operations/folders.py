"""Who may change a folder: what a live key names decides what that key reaches, so that only a human changes it.

Whoever changes a folder, or binds a key to one, has its account's turn: no key is made between the look at the keys and
what Telegram is told.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET

from vasya_server.clock import to_ms
from vasya_server.errors import AccessDenied, FolderNotFound, HumanRequired
from vasya_server.telegram.folders import by_id, filters_now, folder_turn
from vasya_server.telegram.reach import readable
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests import folders

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from msgspec import UnsetType

    from vasya_server.gateway import Gateway
    from vasya_server.ids import AccountId, OwnerId
    from vasya_server.model.folder import Folder, FolderPatch, NewFolder
    from vasya_server.model.key import ChatsInput
    from vasya_server.operations.mutation import Ready
    from vasya_server.telegram.accounts import AccountRuntime
    from vasya_server.telegram.view import AccountView

_HUMAN_ONLY: Final = "An agent key names this folder: who changes it changes what that key reaches."
_ASK: Final = (
    "Ask the human who owns the keys to change the folder in a Telegram app, or with their own token; "
    "a folder that no key names can be changed."
)


async def create_folder(
    gateway: Gateway, account: AccountView, ready: Ready, body: NewFolder
) -> Folder:
    """Make a folder, under an id that no live key names: a key is given no folder by accident."""
    async with folder_turn(account.runtime):
        named = await _named_by_keys(gateway, account.runtime)
        return await folders.create_folder(account, body, named, is_redrive=ready.is_redrive)


async def update_folder(
    gateway: Gateway, account: AccountView, folder_id: int, patch: FolderPatch
) -> Folder:
    """Change a folder.

    Raises:
        FolderNotFound: It is not there.
        HumanRequired, AccessDenied: As `_require_changeable`.
    """
    async with folder_turn(account.runtime):
        reading = Reading(account)
        filters = await filters_now(reading)
        folder = await _require_changeable(gateway, reading, filters, folder_id)
        return await folders.update_folder(reading, filters, folder, patch)


async def delete_folder(
    gateway: Gateway, account: AccountView, ready: Ready, folder_id: int
) -> None:
    """Delete a folder; one that is gone was deleted by an earlier copy of the same request.

    Raises:
        FolderNotFound: It is not there.
        HumanRequired, AccessDenied: As `_require_changeable`.
    """
    async with folder_turn(account.runtime):
        reading = Reading(account)
        filters = await filters_now(reading)
        try:
            folder = await _require_changeable(gateway, reading, filters, folder_id)
        except FolderNotFound:
            if ready.is_redrive:
                return
            raise
        await folders.delete_folder(account, folder)


@contextlib.asynccontextmanager
async def held_folders(
    gateway: Gateway,
    owner: OwnerId,
    account_ids: frozenset[AccountId] | None,
    chats: ChatsInput | UnsetType | None,
) -> AsyncIterator[None]:
    """Have nobody change a folder while a key is bound to it.

    Args:
        chats: What the key is to reach, as it was asked for.
    """
    async with contextlib.AsyncExitStack() as stack:
        if _names_folders(chats):
            for runtime in gateway.accounts.list(owner):
                if account_ids == frozenset([runtime.id]):
                    await stack.enter_async_context(folder_turn(runtime))
        yield


def _names_folders(chats: ChatsInput | UnsetType | None) -> bool:
    if chats is None or chats is UNSET:
        return False
    return any(half is not None and half.folders for half in (chats.read, chats.write))


async def _require_changeable(
    gateway: Gateway, reading: Reading, filters: Sequence[Any], folder_id: int
) -> Any:  # noqa: ANN401 — a folder as Telegram has it
    """Return the folder, which the one who reads may change.

    Raises:
        FolderNotFound: It is not there.
        HumanRequired: A live key names it, and no human asks.
        AccessDenied: The one who asks reaches some chats alone, and the folder says something of others, or is not there.
    """
    account, folder = reading.account, by_id(filters).get(folder_id)
    if account.is_agent:
        is_named = folder_id in await _named_by_keys(gateway, account.runtime)
        rule = account.readable
        if rule is not None and folder_id not in rule.folders:
            reach, self_id = await readable(reading), reading.directory.self_id
            if is_named or folder is None or not folders.is_within(folder, reach, self_id):
                raise AccessDenied
        if is_named:
            raise HumanRequired(_HUMAN_ONLY, remedy=_ASK)
    if folder is None:
        raise FolderNotFound
    return folder


async def _named_by_keys(gateway: Gateway, runtime: AccountRuntime) -> frozenset[int]:
    """Return the ids that live keys name as folders of the account, whether there are such folders or not."""
    now_ms, named = to_ms(gateway.clock.now()), frozenset[int]()
    for record in await gateway.keys.keys_of(runtime.owner):
        grant = record.grant
        if record.has_ended(now_ms) or grant.chats is None:
            continue
        if grant.account_ids is None or runtime.id in grant.account_ids:
            named |= grant.chats.read.folders | grant.chats.write.folders
    return named
