"""How the account shows itself: names, bio, username, and whether it is online."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import UNSET
from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import ChatNotFound, FieldError, TelegramError, ValidationFailed
from vasya_server.model.account import mask_phone
from vasya_server.model.profile import Profile
from vasya_server.telegram.cleaning import clean
from vasya_server.telegram.directory import entity_username
from vasya_server.telegram.reading import Reading

if TYPE_CHECKING:
    from telethon.tl.tlobject import TLRequest

    from vasya_server.model.profile import ProfilePatch
    from vasya_server.telegram.view import AccountView

_IS_SO: Final = "USERNAME_NOT_MODIFIED"
_FAULTS: Final = {
    "ABOUT_TOO_LONG": FieldError("/bio", "too_long"),
    "FIRSTNAME_INVALID": FieldError("/firstName", "invalid"),
    "LASTNAME_INVALID": FieldError("/lastName", "invalid"),
    "USERNAME_OCCUPIED": FieldError("/username", "taken"),
    "USERNAME_PURCHASE_AVAILABLE": FieldError("/username", "for_sale"),
    "USERNAMES_ACTIVE_TOO_MUCH": FieldError("/username", "too_many_active"),
}


async def get_profile(account: AccountView) -> Profile:
    """Return the account's own profile.

    Source: https://core.telegram.org/method/users.getFullUser
    """
    request = functions.users.GetFullUserRequest(t.InputUserSelf())
    answer = await Reading(account).call(request)
    user = next(each for each in answer.users if each.is_self)
    return clean(
        Profile(
            id=user.id,
            first_name=user.first_name or "",
            last_name=user.last_name or "",
            username=entity_username(user),
            phone=mask_phone(user.phone) if user.phone else None,
            bio=answer.full_user.about or "",
            is_premium=bool(user.premium),
        )
    )


async def update_profile(account: AccountView, patch: ProfilePatch) -> Profile:
    """Change what *patch* names, the username first: it alone can be refused for what others have.

    Raises:
        ValidationFailed: The username is taken, for sale or none; a name or the bio is not one that Telegram takes.
        FloodWait: It was changed too often.

    Source: https://core.telegram.org/method/account.updateProfile
    """
    if patch.username is not UNSET:
        request = functions.account.UpdateUsernameRequest(patch.username or "")
        try:
            await _change(account, request)
        except ChatNotFound as error:  # USERNAME_INVALID, which elsewhere names a chat
            raise ValidationFailed(FieldError("/username", "invalid")) from error
    given = {
        "first_name": patch.first_name,
        "last_name": patch.last_name,
        "about": patch.bio,
    }
    named = {name: value for name, value in given.items() if value is not UNSET}
    if named:
        await _change(account, functions.account.UpdateProfileRequest(**named))
    return await get_profile(account)


async def _change(account: AccountView, request: TLRequest) -> None:
    try:
        user = await account.runtime.mutate(request, is_exactly_once=True)
    except TelegramError as error:
        if error.rpc_name == _IS_SO:
            return
        if (fault := _FAULTS.get(error.rpc_name or "")) is not None:
            raise ValidationFailed(fault) from error
        raise
    await account.runtime.note_profile(user)


async def set_presence(account: AccountView, *, is_online: bool) -> None:
    """Show the account as online, or as gone; Telegram lets it end by itself.

    Source: https://core.telegram.org/method/account.updateStatus
    """
    request = functions.account.UpdateStatusRequest(offline=not is_online)
    await account.runtime.mutate(request, is_exactly_once=True)
