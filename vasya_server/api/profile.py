"""The account's own profile and presence."""

from __future__ import annotations

from vasya_server.api.routes import Call, mutation, read
from vasya_server.audit.actions import Action
from vasya_server.auth.scopes import Scope
from vasya_server.model.profile import Presence, Profile, ProfilePatch
from vasya_server.operations import Ready, telegram
from vasya_server.telegram.requests import profile

_ACCOUNT = "/accounts/{account}"


@read(_ACCOUNT + "/profile", Scope.ACCOUNTS_READ)
async def get_profile(call: Call) -> Profile:
    """Tell how the account shows itself to others: names, bio, username; its own phone number masked.

    Where Telegram has ended the session it answers 409 `account_reauth_required`.
    """
    return await profile.get_profile(call.account)


@mutation("PATCH", _ACCOUNT + "/profile", Scope.ACCOUNTS_WRITE, telegram(Action.PROFILE_UPDATE))
async def update_profile(call: Call, _ready: Ready, body: ProfilePatch) -> Profile:
    """Change names, bio or username; only the fields that are sent change, and everybody sees it at once.

    `lastName` and `bio` may be empty, and `username: null` takes the username away. A username that is `taken`, `for_sale` or
    `invalid`, and a bio that is `too_long` for the account, answer 422 `validation_failed` with that code at the
    field; changed too often, it answers 429 `telegram_flood_wait`.
    """
    return await profile.update_profile(call.account, body)


@mutation(
    "PUT",
    _ACCOUNT + "/presence",
    Scope.ACCOUNTS_WRITE,
    telegram(Action.PRESENCE_SET),
    status=204,
)
async def set_presence(call: Call, _ready: Ready, body: Presence) -> None:
    """Show the account as online for some minutes, or as gone at once.

    It ends by itself at Telegram, and nothing else that this server does ever sets it: without it the account is not online
    because an agent reads. Repeat it to go on; a closed gate answers 403 `sending_disabled`.
    """
    await profile.set_presence(call.account, is_online=body.is_online)
