"""Folders of the chat list."""

from __future__ import annotations

from vasya_server.api.routes import Call, mutation, read
from vasya_server.audit.actions import Action
from vasya_server.auth.scopes import Scope
from vasya_server.model.base import Query, Raw
from vasya_server.model.folder import Folder, FolderPage, FolderPatch, NewFolder
from vasya_server.operations import Ready, folders, telegram
from vasya_server.telegram.requests.folders import list_folders as read_folders

_FOLDERS = "/accounts/{account}/folders"
_FOLDER = _FOLDERS + "/{folder}"


class FolderQuery(Query, frozen=True, kw_only=True):
    """How folders are told."""

    raw: Raw = False


@read(_FOLDERS, Scope.FOLDERS_READ)
async def list_folders(call: Call, query: FolderQuery) -> FolderPage:
    """List the account's folders in their order, each with the chats that were put there by hand.

    What a folder's `rules` take in beside those is listed by GET …/chats?folder={id}. A key with chat lists is shown
    the folders that it names, and in them the chats that it may read; `raw` is for humans, others get 403
    `human_required`. Changes on another device are seen within two seconds.
    """
    return await read_folders(call.account, is_raw=query.raw)


@mutation("POST", _FOLDERS, Scope.FOLDERS_WRITE, telegram(Action.FOLDER_CREATE), status=201)
async def create_folder(call: Call, ready: Ready, body: NewFolder) -> Folder:
    """Make a folder behind the others, of chats named one by one, or of `rules` that take chats in.

    Repeated with the same `Idempotency-Key` it is made once. A folder that would hold nothing answers 422
    `validation_failed`, an unknown chat 404 `chat_not_found`. A key with chat lists names chats that it may read and no
    rules, else 403 `chat_not_allowed`.
    """
    return await folders.create_folder(call.gateway, call.account, ready, body)


@mutation("PATCH", _FOLDER, Scope.FOLDERS_WRITE, telegram(Action.FOLDER_UPDATE))
async def update_folder(call: Call, _ready: Ready, body: FolderPatch) -> Folder:
    """Change what is named of a folder: its title, icon, chats, rules or position; everything else stays.

    A list that is named replaces the one that was there; `position` 0 is the first. A folder that some live agent key
    names decides what that key reaches: only a human changes it, others get 403 `human_required`. A key with chat lists
    changes folders without rules whose every chat it may read, and any other answers 403 `access_denied`, there or not.
    A folder that is not there answers 404 `folder_not_found`; a shared one takes no rules, 422 `validation_failed`.
    """
    return await folders.update_folder(call.gateway, call.account, call.folder_id, body)


@mutation("DELETE", _FOLDER, Scope.FOLDERS_WRITE, telegram(Action.FOLDER_DELETE), status=204)
async def delete_folder(call: Call, ready: Ready) -> None:
    """Delete a folder; its chats stay in the chat list, and a shared folder's chats are not left.

    Who may is as for a change: 403 `human_required` where a live agent key names the folder, 403 `access_denied` for a
    key with chat lists that does not reach all of it. A folder that is not there answers 404 `folder_not_found`.
    """
    await folders.delete_folder(call.gateway, call.account, ready, call.folder_id)
