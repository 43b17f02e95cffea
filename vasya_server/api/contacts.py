"""People: one of them, the contacts, and the block list."""

from __future__ import annotations

from typing import Any

from vasya_server.api.routes import Call, mutation, read
from vasya_server.audit.actions import Action
from vasya_server.auth.scopes import Scope
from vasya_server.model.person import (
    AddContact,
    BlockedFilter,
    ContactFilter,
    User,
    UserPage,
    UserQuery,
)
from vasya_server.operations import Ready, telegram
from vasya_server.telegram.requests import contacts

_ACCOUNT = "/accounts/{account}"


def _subject(body: Any) -> str | None:  # noqa: ANN401 — an AddContact
    return None if body.user is None else str(body.user)


@read(_ACCOUNT + "/users/{user}", Scope.CONTACTS_READ)
async def get_user(call: Call, query: UserQuery) -> User:
    """Tell who a person or bot is: name, bio, when they were last seen, whether they are a contact or blocked.

    The phone number is masked. `commonChatsCount` counts the groups that both are in and this credential may read; `GET
    …/chats?with={user}` lists them. A reference that names nobody answers 404 `chat_not_found`, a group or channel 422
    `validation_failed`. A key with chat lists is told only of people with whom a chat is shared that it may read: anybody
    else, and nobody at all, is the same 403 `chat_not_allowed`.
    """
    return await contacts.get_user(call.account, call.path["user"], is_raw=query.raw)


@read(_ACCOUNT + "/contacts", Scope.CONTACTS_READ)
async def list_contacts(call: Call, query: ContactFilter) -> UserPage:
    """List the account's contacts by their names; `q` looks for a part of a name or username.

    Bio, block and common chats are told by `GET …/users/{user}` alone. A key with chat lists finds the contacts with whom a
    chat is shared that it may read, as if there were no others. A cursor of another list or `q` answers 422
    `validation_failed`.
    """
    return await contacts.list_contacts(call.account, query, call.gateway.cursors)


@mutation(
    "POST",
    _ACCOUNT + "/contacts",
    Scope.CONTACTS_WRITE,
    telegram(Action.CONTACT_ADD, subject=_subject),
)
async def add_contact(call: Call, ready: Ready, body: AddContact) -> User:
    """Take somebody into the contacts under a name, or give a contact another one.

    Exactly one of `user` (an id or @name) and `phone` (with `firstName`) says who. The own phone number is not shown to them by
    it. A number that Telegram shows nobody of answers 404 `chat_not_found`; too many answer 429 `telegram_flood_wait`. A
    key with chat lists names people by `user` whose own chat it may write to; anybody else, and every `phone`, is 403
    `chat_not_allowed`.
    """
    return await contacts.add_contact(call.account, ready.named_person, body)


@mutation(
    "DELETE",
    _ACCOUNT + "/contacts/{user}",
    Scope.CONTACTS_WRITE,
    telegram(Action.CONTACT_DELETE),
    status=204,
)
async def delete_contact(call: Call, ready: Ready) -> None:
    """Take somebody out of the contacts; their chat stays. Who is no contact is a success.

    A reference that names nobody answers 404 `chat_not_found`, the account itself or a group 422 `validation_failed`. A key
    with chat lists may do it to people whose own chat it may write to.
    """
    await contacts.delete_contact(call.account, ready.person)


@read(_ACCOUNT + "/blocked", Scope.CONTACTS_READ)
async def list_blocked(call: Call, query: BlockedFilter) -> UserPage:
    """List the people and bots whom the account has blocked, the latest first.

    A key with chat lists finds those with whom a chat is shared that it may read, among the thousand that were blocked last.
    A cursor of another list answers 422 `validation_failed`.
    """
    return await contacts.list_blocked(call.account, query, call.gateway.cursors)


@mutation(
    "PUT",
    _ACCOUNT + "/blocked/{user}",
    Scope.CONTACTS_WRITE,
    telegram(Action.USER_BLOCK),
    status=204,
)
async def block_user(call: Call, ready: Ready) -> None:
    """Block a person or bot: they can no longer write to the account, nor see when it was online. Blocked already is a success.

    A reference that names nobody answers 404 `chat_not_found`, the account itself or a group 422 `validation_failed`. A key
    with chat lists may do it to people whose own chat it may write to; Telegram's own 777000 is 403 `service_chat`.
    """
    await contacts.set_blocked(call.account, ready.person, is_blocked=True)


@mutation(
    "DELETE",
    _ACCOUNT + "/blocked/{user}",
    Scope.CONTACTS_WRITE,
    telegram(Action.USER_UNBLOCK),
    status=204,
)
async def unblock_user(call: Call, ready: Ready) -> None:
    """Take somebody off the block list; not blocked is a success.

    A reference that names nobody answers 404 `chat_not_found`, the account itself or a group 422 `validation_failed`. A key
    with chat lists may do it to people whose own chat it may write to.
    """
    await contacts.set_blocked(call.account, ready.person, is_blocked=False)
