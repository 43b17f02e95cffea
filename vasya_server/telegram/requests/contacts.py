"""People: who they are, the account's contacts, and whom it has blocked.

Who is within reach of the one who asks is decided in telegram/people.py and nowhere here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from telethon import functions, utils
from telethon.tl import types as t

from vasya_server.errors import (
    ChatNotAllowed,
    ChatNotFound,
    FieldError,
    ValidationFailed,
)
from vasya_server.model.person import User, UserPage
from vasya_server.telegram.bookmarks import Bookmarks
from vasya_server.telegram.directory import entity_title, entity_username, marked_id
from vasya_server.telegram.peers import require_user, resolve_user
from vasya_server.telegram.people import common_chats, people_within
from vasya_server.telegram.progress import note_refused
from vasya_server.telegram.reach import readable
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.users import to_user

if TYPE_CHECKING:
    from vasya_server.crypto.cursor import Cursors
    from vasya_server.model.person import AddContact, BlockedFilter, ContactFilter
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView

_CONTACTS: Final = "list_contacts"
_BLOCKED: Final = "list_blocked"
_PAGE: Final = 100
# What one page of the block list may ask of Telegram; behind that `next` goes on, or nothing for who sees only some.
_MAX_PAGES: Final = 10
# By how much of a name contacts are sorted: it has to fit into a cursor.
_SORTED_BY: Final = 32


class _Place(msgspec.Struct, array_like=True, frozen=True):
    """Behind whom the list of contacts goes on."""

    name: str
    user_id: int


async def get_user(account: AccountView, reference: str, *, is_raw: bool = False) -> User:
    """Return the person or bot that *reference* names.

    Raises:
        ChatNotFound, ChatNotAllowed: It names nobody, or nobody within reach.
        ValidationFailed: It names a group or channel.
        HumanRequired: An agent wants texts as they were written.

    Source: https://core.telegram.org/method/users.getFullUser
    """
    reading = Reading(account, is_raw=is_raw)
    peer = await resolve_user(reading, reference)
    answer = await reading.call(
        functions.users.GetFullUserRequest(utils.get_input_user(peer.input_peer))
    )
    entity = next((user for user in answer.users if user.id == peer.id), None)
    if not isinstance(entity, t.User):
        raise ChatNotFound
    full = answer.full_user
    common = full.common_chats_count
    if account.readable is not None:
        common = len(await common_chats(reading, peer.id))
    bot_info = getattr(full.bot_info, "description", None)
    return to_user(
        entity,
        reading,
        bio=full.about or bot_info,
        is_blocked=bool(full.blocked),
        common_chats_count=common,
    )


async def list_contacts(account: AccountView, query: ContactFilter, cursors: Cursors) -> UserPage:
    """Return a page of the account's contacts, by their names.

    Raises:
        ValidationFailed: The cursor is not one of this list.
        HumanRequired: An agent wants texts as they were written.

    Source: https://core.telegram.org/method/contacts.getContacts
    """
    reading = Reading(account, is_raw=query.raw)
    filters = msgspec.msgpack.encode(query.q)
    bookmarks = Bookmarks(account, cursors, _CONTACTS, _Place, filters)
    place = bookmarks.read(query.cursor)
    answer = await reading.call(functions.contacts.GetContactsRequest(hash=0))
    users = [user for user in answer.users if isinstance(user, t.User)]
    within = await (await people_within(reading)).among(user.id for user in users)
    words = (query.q or "").casefold()
    found = sorted(
        (user for user in users if user.id in within and words in _names(user)), key=_standing
    )
    if place is not None:
        found = [user for user in found if _standing(user) > (place.name, place.user_id)]
    items = found[: query.limit]
    after = None
    if len(found) > query.limit:
        after = bookmarks.write(_Place(*_standing(items[-1])))
    told = [to_user(user, reading) for user in items]
    return UserPage(items=told, next=after, trust="untrusted")


def _names(user: Any) -> str:
    return f"{entity_title(user)}\n{entity_username(user) or ''}".casefold()


def _standing(user: Any) -> tuple[str, int]:
    return entity_title(user).casefold()[:_SORTED_BY], user.id


async def list_blocked(account: AccountView, query: BlockedFilter, cursors: Cursors) -> UserPage:
    """Return a page of the people and bots whom the account has blocked, the latest first; channels are left out.

    Who may see only some people is told of those among the thousand that were blocked last.

    Raises:
        ValidationFailed: The cursor is not one of this list.
        HumanRequired: An agent wants texts as they were written.

    Source: https://core.telegram.org/method/contacts.getBlocked
    """
    reading = Reading(account, is_raw=query.raw)
    bookmarks = Bookmarks(account, cursors, _BLOCKED, int)
    offset = bookmarks.read(query.cursor) or 0
    people, last = await people_within(reading), _MAX_PAGES * _PAGE
    found: list[tuple[int, int]] = []  # user, and where the list goes on behind them
    for _ in range(_MAX_PAGES):
        wanted = _PAGE if account.readable is None else min(_PAGE, last - offset)
        if wanted <= 0 or len(found) > query.limit:
            break
        answer = await reading.call(functions.contacts.GetBlockedRequest(offset, wanted))
        ids = [marked_id(row.peer_id) for row in answer.blocked]
        within = await people.among(user_id for user_id in ids if user_id > 0)
        found += [(each, offset + n) for n, each in enumerate(ids, 1) if each in within]
        offset += len(ids)
        if not ids or not isinstance(answer, t.contacts.BlockedSlice):
            break
    shown, entities = found[: query.limit], reading.directory.entities
    items = [to_user(entities[user_id], reading, is_blocked=True) for user_id, _ in shown]
    after = None
    if len(found) > query.limit:
        after = bookmarks.write(shown[-1][1])
    return UserPage(items=items, next=after, trust="untrusted")


async def add_contact(account: AccountView, peer: ResolvedPeer | None, body: AddContact) -> User:
    """Take somebody into the account's contacts, or give a contact another name; the own number is shown to nobody by it.

    Args:
        peer: Who `user` names; None: `phone` names them.

    Raises:
        ChatNotFound: Telegram shows nobody of that number.
        ChatNotAllowed: By a number, where only some people are within reach: it would tell who has one.
        ValidationFailed: Not exactly one of the two is named, or not a person.

    Source: https://core.telegram.org/method/contacts.addContact
    """
    if (peer is None) is (body.phone is None):
        raise ValidationFailed(FieldError("/user", "one_of", ("user", "phone")))
    if peer is None:
        return await _import_contact(account, body)
    require_user(peer, is_other=True)
    reading = Reading(account)
    user = utils.get_input_user(peer.input_peer)
    # A contact has to have a first name.
    first_name = body.first_name or (await _read_user(reading, user)).first_name or "—"
    answer = await account.runtime.mutate(
        functions.contacts.AddContactRequest(user, first_name, body.last_name, phone=""),
        is_exactly_once=True,
    )
    reading.directory.add(answer)
    made = reading.directory.entities.get(peer.id) or await _read_user(reading, user)
    told = to_user(made, reading)
    if not (await readable(reading)).allows(
        peer.id
    ):  # who only writes to them is told no more than whom
        return User(id=told.id, type=told.type, is_contact=told.is_contact)
    return told


async def _read_user(reading: Reading, user: Any) -> Any:
    found = await reading.call(functions.users.GetUsersRequest([user]))
    if not found or not isinstance(found[0], t.User):
        raise ChatNotFound
    return found[0]


async def _import_contact(account: AccountView, body: AddContact) -> User:
    """Source: https://core.telegram.org/method/contacts.importContacts."""
    if account.readable is not None:
        raise ChatNotAllowed
    if body.first_name is None:
        raise ValidationFailed(FieldError("/firstName", "missing"))
    contact = t.InputPhoneContact(0, body.phone or "", body.first_name, body.last_name)
    answer = await account.runtime.mutate(
        functions.contacts.ImportContactsRequest([contact]), is_exactly_once=True
    )
    if not answer.imported:
        note_refused()
        raise ChatNotFound(detail="Telegram shows nobody of this number to the account.")
    reading = Reading(account)
    reading.directory.add(answer)
    return to_user(reading.directory.entities[answer.imported[0].user_id], reading)


async def delete_contact(account: AccountView, peer: ResolvedPeer) -> None:
    """Take somebody out of the contacts; who is none is left as they are.

    Source: https://core.telegram.org/method/contacts.deleteContacts
    """
    require_user(peer, is_other=True)
    request = functions.contacts.DeleteContactsRequest([utils.get_input_user(peer.input_peer)])
    await account.runtime.mutate(request, is_exactly_once=True)


async def set_blocked(account: AccountView, peer: ResolvedPeer, *, is_blocked: bool) -> None:
    """Block somebody, or hear of them again; what is so already stays so.

    Source: https://core.telegram.org/method/contacts.block
    """
    require_user(peer, is_other=True)
    method = functions.contacts.BlockRequest if is_blocked else functions.contacts.UnblockRequest
    await account.runtime.mutate(method(peer.input_peer), is_exactly_once=True)
