"""Changing what a chat is for everybody, and how it stands in the account's own list.

One request of the API may be several of Telegram's. All that can be judged is judged before the first of them. What most
likely is refused comes first, so that a refusal finds as little done as can be, and it says what was done. What is so already
is not asked for again: the same request, repeated, does what is left of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET
from msgspec.structs import fields
from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import (
    AdminRequired,
    ChatNotFound,
    FieldError,
    OutcomeUnknown,
    TelegramError,
    ValidationFailed,
    VasyaError,
)
from vasya_server.telegram.chat_details import read_full
from vasya_server.telegram.convert import ARCHIVE
from vasya_server.telegram.dialogs import rows_of_peers
from vasya_server.telegram.directory import entity_username
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.chats import show_changed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from telethon.tl.tlobject import TLRequest

    from vasya_server.model.chat import Chat
    from vasya_server.model.chat_settings import ChatPatch
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView

# What Telegram stores for "until switched on again".
_FOREVER: Final = datetime.fromtimestamp(2**31 - 1, UTC)
_NEVER: Final = datetime.fromtimestamp(0, UTC)
_REFUSED_FIELDS: Final = {
    "CHAT_ABOUT_TOO_LONG": FieldError("/about", "too_long"),
    "CHAT_TITLE_EMPTY": FieldError("/title", "empty"),
    "PINNED_DIALOGS_TOO_MUCH": FieldError("/isPinned", "too_many"),
    "SECONDS_INVALID": FieldError("/slowModeSecs", "not_allowed"),
    "TTL_PERIOD_INVALID": FieldError("/historyTtlSecs", "not_allowed"),
    "USERNAME_OCCUPIED": FieldError("/username", "taken"),
    "USERNAME_PURCHASE_AVAILABLE": FieldError("/username", "for_sale"),
    "CHANNELS_ADMIN_PUBLIC_TOO_MUCH": FieldError("/username", "too_many"),
}


@dataclass(frozen=True, slots=True)
class _State:
    """How a chat is now.

    Args:
        full: None where nothing is asked of it.
    """

    peer: ResolvedPeer
    entity: Any
    dialog: Any
    full: Any


@dataclass(frozen=True, slots=True)
class _Step:
    """One of Telegram's requests, and the field of ours that it is for."""

    pointer: str
    request: TLRequest


async def update_chat(account: AccountView, peer: ResolvedPeer, patch: ChatPatch) -> Chat:
    """Change what *patch* names, and return the chat as it is then.

    Raises:
        ValidationFailed: A field does not fit the chat, or another field; nothing was changed where `applied` is empty.
        AdminRequired: The account may not change that.
        OutcomeUnknown: A change was sent and no answer came back; the same request finds out.
        TelegramError: Telegram refused one of the changes; `applied` names those before it.
    """
    state = await _read(Reading(account), peer, patch)
    _require_sound(state, patch)
    _require_rights(state, patch)
    applied: list[str] = []
    for step in (*_for_everybody(state, patch), *_in_the_list(state, patch)):
        try:
            await account.runtime.mutate(step.request, is_exactly_once=True)
        except OutcomeUnknown:
            raise
        except VasyaError as error:
            if not is_so(error):
                refusal = _refusal(error, step)
                refusal.applied = tuple(applied)
                raise refusal from error
        applied.append(step.pointer)
    return await show_changed(account, peer)


def is_so(error: VasyaError) -> bool:
    """Tell whether Telegram only says that everything is already as it is to be."""
    return isinstance(error, TelegramError) and (error.rpc_name or "").endswith("_NOT_MODIFIED")


def _refusal(error: VasyaError, step: _Step) -> VasyaError:
    """Return the refusal of the one field where that can be told."""
    if isinstance(error, ChatNotFound) and step.pointer == "/username":
        return ValidationFailed(FieldError(step.pointer, "not_allowed"))  # USERNAME_INVALID
    field = _REFUSED_FIELDS.get(getattr(error, "rpc_name", None) or "")
    return ValidationFailed(field) if field else error


async def _read(reading: Reading, peer: ResolvedPeer, patch: ChatPatch) -> _State:
    rows = await rows_of_peers(reading, [peer.input_peer])
    row = next((row for row in rows if row.id == peer.id), None)
    if row is None:
        raise ChatNotFound
    asked_in_full = (patch.about, patch.slow_mode_secs, patch.history_ttl_secs)
    full = None
    if any(value is not UNSET for value in asked_in_full):
        full = await read_full(reading, peer.id, peer.input_peer)
    return _State(peer, row.entity, row.dialog, full)


def _require_sound(state: _State, patch: ChatPatch) -> None:
    """See that the fields fit the kind of chat, and each other."""
    peer, entity = state.peer, state.entity
    is_supergroup = isinstance(entity, t.Channel) and not entity.broadcast
    possible = {
        "title": peer.id < 0,
        "about": peer.id < 0,
        "username": peer.is_channel,
        "slow_mode_secs": is_supergroup,
        "history_ttl_secs": not isinstance(peer.input_peer, t.InputPeerSelf),
    }
    pointers = {field.name: f"/{field.encode_name}" for field in fields(patch)}
    faults = [
        FieldError(pointers[name], "not_possible")
        for name, is_possible in possible.items()
        if getattr(patch, name) is not UNSET and not is_possible
    ]
    if patch.title is not UNSET and not patch.title.strip():
        faults.append(FieldError("/title", "empty"))
    if isinstance(patch.muted_until, datetime) and patch.muted_until <= datetime.now(UTC):
        faults.append(FieldError("/mutedUntil", "in_the_past"))
    if patch.is_muted is not UNSET and patch.muted_until is not UNSET:
        says_muted = patch.muted_until is not None
        if patch.is_muted is not says_muted:
            faults.append(FieldError("/mutedUntil", "contradicts_is_muted"))
    if faults:
        raise ValidationFailed(*faults)


def _require_rights(state: _State, patch: ChatPatch) -> None:
    """See that the account may change it, as far as the chat itself tells: Telegram has the last word.

    Raises:
        AdminRequired: It may not.
    """
    entity = state.entity
    if state.peer.id > 0 or entity.creator:
        return
    rights, bans = entity.admin_rights, entity.default_banned_rights
    may_inform = rights.change_info if rights else bool(bans) and not bans.change_info
    wanted = {
        "title": may_inform,
        "about": may_inform,
        "username": False,
        "slow_mode_secs": rights is not None,
        "history_ttl_secs": rights is not None or may_inform,
    }
    if any(getattr(patch, name) is not UNSET and not may for name, may in wanted.items()):
        raise AdminRequired


def _for_everybody(state: _State, patch: ChatPatch) -> Iterator[_Step]:
    """Yield what everybody in the chat sees, of what is not so already; a name may be taken, so it comes first."""
    peer, entity, full = state.peer, state.entity, state.full
    if patch.username is not UNSET and (patch.username or "") != (entity_username(entity) or ""):
        request: TLRequest = functions.channels.UpdateUsernameRequest(
            peer.input_peer, patch.username or ""
        )
        yield _Step("/username", request)
    if patch.title is not UNSET and patch.title.strip() != entity.title:
        title = patch.title.strip()
        if peer.is_channel:
            request = functions.channels.EditTitleRequest(peer.input_peer, title)
        else:
            request = functions.messages.EditChatTitleRequest(-peer.id, title)
        yield _Step("/title", request)
    if patch.about is not UNSET and patch.about.strip() != (full.about or ""):
        request = functions.messages.EditChatAboutRequest(peer.input_peer, patch.about.strip())
        yield _Step("/about", request)
    slow_mode_secs = getattr(full, "slowmode_seconds", None) or 0
    if patch.slow_mode_secs is not UNSET and patch.slow_mode_secs != slow_mode_secs:
        request = functions.channels.ToggleSlowModeRequest(peer.input_peer, patch.slow_mode_secs)
        yield _Step("/slowModeSecs", request)
    if patch.history_ttl_secs is not UNSET and patch.history_ttl_secs != (full.ttl_period or 0):
        request = functions.messages.SetHistoryTTLRequest(peer.input_peer, patch.history_ttl_secs)
        yield _Step("/historyTtlSecs", request)


def _in_the_list(state: _State, patch: ChatPatch) -> Iterator[_Step]:
    """Yield what only the account sees; what goes to the archive loses its pin, so that it comes before the pin."""
    peer, dialog = state.peer.input_peer, state.dialog
    is_archived = dialog.folder_id == ARCHIVE
    is_moved = patch.is_archived is not UNSET and patch.is_archived is not is_archived
    if is_moved:
        place = t.InputFolderPeer(peer, ARCHIVE if patch.is_archived else 0)
        yield _Step("/isArchived", functions.folders.EditPeerFoldersRequest([place]))
    is_pinned = bool(dialog.pinned) and not is_moved
    if patch.is_pinned is not UNSET and patch.is_pinned is not is_pinned:
        place = t.InputDialogPeer(peer)
        request: TLRequest = functions.messages.ToggleDialogPinRequest(
            place, patch.is_pinned or None
        )
        yield _Step("/isPinned", request)
    mute_until = _mute_until(patch)
    if mute_until is not None and mute_until != (dialog.notify_settings.mute_until or _NEVER):
        pointer = "/isMuted" if patch.muted_until is UNSET else "/mutedUntil"
        yield _Step(pointer, _muting(peer, dialog.notify_settings, mute_until))
    if patch.is_marked_unread is not UNSET and patch.is_marked_unread is not bool(
        dialog.unread_mark
    ):
        place = t.InputDialogPeer(peer)
        request = functions.messages.MarkDialogUnreadRequest(place, patch.is_marked_unread or None)
        yield _Step("/isMarkedUnread", request)


def _mute_until(patch: ChatPatch) -> datetime | None:
    """Return until when the chat is to be muted; None: that is to stay."""
    if isinstance(patch.muted_until, datetime):
        return min(patch.muted_until.astimezone(UTC).replace(microsecond=0), _FOREVER)
    if patch.is_muted is True:
        return _FOREVER
    return None if patch.is_muted is UNSET and patch.muted_until is UNSET else _NEVER


def _muting(peer: Any, now: Any, mute_until: datetime) -> TLRequest:
    """Return what mutes and leaves the rest: Telegram takes what is left out for the list's own default."""
    settings = t.InputPeerNotifySettings(
        show_previews=now.show_previews,
        silent=now.silent,
        mute_until=mute_until,
        sound=now.other_sound,
        stories_muted=now.stories_muted,
        stories_hide_sender=now.stories_hide_sender,
        stories_sound=now.stories_other_sound,
    )
    return functions.account.UpdateNotifySettingsRequest(t.InputNotifyPeer(peer), settings)
