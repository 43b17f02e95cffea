"""The chat list and one chat of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import ChatNotAllowed, FieldError, ValidationFailed
from vasya_server.model.chat import Chat, ChatPage, ChatType
from vasya_server.telegram.bookmarks import Bookmarks
from vasya_server.telegram.convert import ARCHIVE
from vasya_server.telegram.dialogs import (
    PAGE,
    TOP,
    Position,
    chat_of_row,
    first_page,
    page_after,
    position_of,
    read_chat,
    rows_of,
    rows_of_known,
    rows_of_peers,
)
from vasya_server.telegram.directory import entity_id, entity_type, input_peer
from vasya_server.telegram.folders import excluded_from, named_in, own_folders
from vasya_server.telegram.peers import resolve_in, resolve_person
from vasya_server.telegram.reach import readable, require
from vasya_server.telegram.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vasya_server.crypto.cursor import Cursors
    from vasya_server.model.chat import ChatFilter
    from vasya_server.telegram.dialogs import Row
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.reach import Reach
    from vasya_server.telegram.view import AccountView

    # Rows, each with the place behind it, and where to go on.
    Found: TypeAlias = tuple[list[tuple[Row, "Place"]], "Place | None"]

_ROUTE = "list_chats"
# What one page may ask of Telegram: 1,000 dialogs looked through. Behind that `next` goes on.
_MAX_REQUESTS = 10
_ALL_CHATS_FOLDER = 0


class Place(msgspec.Struct, array_like=True, frozen=True):
    """How far a list has got: the pinned chats that were told, then the last chat below them.

    Args:
        common: With `with`: the last common chat's id, without its mark.
        listed: Where the chats are listed one by one: how the last one stood among them.
    """

    pinned: int = 0
    below: Position = TOP
    common: int = 0
    listed: tuple[int, int, int] | None = None


async def get_chat(
    account: AccountView, reference: str, *, is_raw: bool = False, in_full: bool = False
) -> Chat:
    """Return the chat that *reference* names, as the account sees it.

    Args:
        in_full: With what Telegram tells of it alone, and of no chat in a list.

    Raises:
        ChatNotFound: It names none that the account knows.
        HumanRequired: An agent wants it as it was written.
    """
    reading = Reading(account, is_raw=is_raw)
    peer = await resolve_in(reading, reference)
    return await read_chat(reading, peer.id, peer.input_peer, in_full=in_full)


async def show_changed(account: AccountView, peer: ResolvedPeer) -> Chat:
    """Return a chat as it is after a change; to a key that only writes there, no more than which one it is."""
    reading = Reading(account)
    chat = await read_chat(reading, peer.id, peer.input_peer, in_full=True)
    if account.readable is not None:
        try:
            await require(reading, peer.id, account.readable)
        except ChatNotAllowed:
            return Chat(id=chat.id, type=chat.type)
    return chat


async def list_chats(account: AccountView, query: ChatFilter, cursors: Cursors) -> ChatPage:
    """Return a page of the account's dialogs, pinned ones first and then by their latest message.

    A filter that Telegram does not have looks through at most 1,000 dialogs for one page; such a page may be short, or
    empty, and still have a `next`. A chat that moves to the top while a client pages is not told a second time. Where
    only some chats may be read, the list is as if there were no others; those that are listed one by one are in it
    whether anything was said there or not.

    Raises:
        ValidationFailed: The folder does not exist, or the cursor is not one of this list.
        ChatNotFound, ChatNotAllowed: `with` names no user that the account knows, or that may be asked about.
        HumanRequired: An agent wants texts as they were written.

    Source: https://core.telegram.org/method/messages.getDialogs
    """
    reading = Reading(account, is_raw=query.raw)
    reach = await readable(reading)
    filters = _digest(query, reach)
    bookmarks = Bookmarks(account, cursors, _ROUTE, Place, filters)
    place = bookmarks.read(query.cursor) or Place()
    found, after = await rows_behind(reading, query, place, reach)
    return ChatPage(
        items=[chat_of_row(row) for row, _ in found], next=bookmarks.write(after), trust="untrusted"
    )


async def rows_behind(
    reading: Reading,
    query: ChatFilter,
    place: Place,
    reach: Reach,
    *,
    only: frozenset[int] | None = None,
    also: Callable[[Row], bool] | None = None,
    until: Callable[[Row], bool] | None = None,
) -> Found:
    """Return the next rows of the chat list behind *place* that *query* wants, each with the place behind it.

    Where to go on comes with them; None only at the end.

    Args:
        only: Of these chats alone, which are all within reach.
        also: What must be true of a row beside what *query* wants.
        until: At the first chat below the pinned ones of which it is true the list ends.
    """
    listed = reach.listed if only is None else only
    is_walked = query.with_ is None and listed is None
    fits = both(await row_test(reading, query, reach, is_walked=is_walked), also)
    if query.with_ is not None:
        return await _walk_common(reading, query, place, reach, fits)
    if listed is not None:
        return await _page_of_listed(reading, query, place, listed, fits)
    return await _walk_dialogs(reading, query, place, reach, fits, until)


def _digest(query: ChatFilter, reach: Reach) -> bytes:
    is_listed = reach.listed is not None  # places in the two kinds of list do not compare
    fields = (query.q, query.type, query.unread, query.archived, query.folder, query.with_)
    return msgspec.msgpack.encode((*fields, is_listed))


async def _page_of_listed(
    reading: Reading,
    query: ChatFilter,
    place: Place,
    listed: Iterable[int],
    fits: Callable[[Row], bool] | None,
) -> Found:
    """Ask for these chats alone, and put them into the order of a chat list."""
    rows = sorted(await rows_of_known(reading, listed), key=_standing)
    found = [
        row
        for row in rows
        if (place.listed is None or _standing(row) > place.listed) and (fits is None or fits(row))
    ]
    page = [(row, Place(listed=_standing(row))) for row in found[: query.limit]]
    return page, None if len(found) <= query.limit else page[-1][1]


def is_behind(place: Place, row: Row, message: Any) -> bool:
    """Tell whether a row would come behind *place* if *message* were the newest of its chat; pinned ones keep their place."""
    date = int(message.date.timestamp())
    if place.listed is not None:
        return (0 if row.dialog.pinned else 1, -date, row.id) > place.listed
    if row.dialog.pinned:
        return False
    return place.below == TOP or (date, message.id) < (place.below.date, place.below.message_id)


def _standing(row: Row) -> tuple[int, int, int]:
    date = int(row.message.date.timestamp()) if row.message else 0
    return (0 if row.dialog.pinned else 1, -date, row.id)


async def _walk_dialogs(
    reading: Reading,
    query: ChatFilter,
    place: Place,
    reach: Reach,
    fits: Callable[[Row], bool] | None,
    until: Callable[[Row], bool] | None = None,
) -> Found:
    found: list[tuple[Row, Place]] = []
    is_filtered = fits is not None or reach.rule is not None
    for _ in range(_MAX_REQUESTS):
        missing = query.limit - len(found)
        answer = await reading.call(_request(query, place, missing, is_filtered=is_filtered))
        rows = rows_of(answer, reading)
        # Pinned chats are counted, because their order is the owner's own and knows no offset.
        skipped = place.pinned if place.below == TOP else 0
        for row in rows[skipped:]:
            if until is not None and not row.dialog.pinned and until(row):
                return found, None
            is_shown = reach.allows(row.id)
            if is_shown and len(found) == query.limit:
                return found, place
            place = _behind(row, place)
            if is_shown and (fits is None or fits(row)):
                found.append((row, place))
        if not isinstance(answer, t.messages.DialogsSlice) or len(rows) <= skipped:
            return found, None
        if len(found) == query.limit and reach.rule is None:
            break  # otherwise `next` has to tell whether anything that may be read follows
    return found, place


def _request(query: ChatFilter, place: Place, missing: int, *, is_filtered: bool) -> Any:
    folder_id = None if query.archived is None else ARCHIVE * query.archived
    # One more than is wanted tells whether there is a next page.
    limit = PAGE if is_filtered else min(missing + 1, PAGE)
    if place.below == TOP:
        return first_page(min(place.pinned + limit, PAGE), folder_id)
    return page_after(place.below, limit, folder_id)


def _behind(row: Row, place: Place) -> Place:
    if row.dialog.pinned and place.below == TOP:
        return Place(pinned=place.pinned + 1)
    return Place(pinned=place.pinned, below=position_of(row, place.below))


async def _walk_common(
    reading: Reading,
    query: ChatFilter,
    place: Place,
    reach: Reach,
    fits: Callable[[Row], bool] | None,
) -> Found:
    """Walk through the groups shared with one user.

    Source: https://core.telegram.org/method/messages.getCommonChats
    """
    user = await resolve_person(reading, query.with_ or "")
    if user.id < 0:
        raise ValidationFailed(FieldError("?with", "not_a_user"))
    if isinstance(user.input_peer, t.InputPeerSelf):
        raise ValidationFailed(FieldError("?with", "is_oneself"))
    if user.input_peer is None:
        return [], None
    input_user = t.InputUser(user.id, user.input_peer.access_hash)
    found: list[tuple[Row, Place]] = []
    for _ in range(_MAX_REQUESTS // 2):
        request = functions.messages.GetCommonChatsRequest(input_user, place.common, PAGE)
        answer = await reading.call(request)
        if not answer.chats:
            return found, None
        shown = [chat for chat in answer.chats if reach.allows(entity_id(chat))]
        peers = [
            input_peer(entity_id(chat), getattr(chat, "access_hash", None) or 0) for chat in shown
        ]
        rows = {row.id: row for row in await rows_of_peers(reading, peers)} if peers else {}
        for chat in shown:
            if len(found) == query.limit:
                return found, place
            place = Place(common=chat.id)
            row = rows.get(entity_id(chat))
            if row is not None and (fits is None or fits(row)):
                found.append((row, place))
        place = Place(common=answer.chats[-1].id)
        if not isinstance(answer, t.messages.ChatsSlice):
            return found, None
    return found, place


async def row_test(
    reading: Reading, query: ChatFilter, reach: Reach, *, is_walked: bool = False
) -> Callable[[Row], bool] | None:
    """Return what must be looked at in each row; None where Telegram's own list is the answer.

    Args:
        is_walked: The rows come from Telegram's own list, which knows what is archived.
    """
    tests: list[Callable[[Row], bool]] = []
    if query.q is not None:
        words = query.q.casefold()
        tests.append(lambda row: words in _names(row))
    if query.type:
        tests.append(lambda row: entity_type(row.entity) in query.type)
    if query.unread is not None:
        tests.append(lambda row: _is_unread(row) is query.unread)
    if query.archived is not None and not is_walked:
        tests.append(lambda row: (row.dialog.folder_id == ARCHIVE) is query.archived)
    if query.folder is not None and query.folder != _ALL_CHATS_FOLDER:
        tests.append(await _folder_test(reading, query.folder, reach))
    return (lambda row: all(test(row) for test in tests)) if tests else None


def both(
    one: Callable[[Row], bool] | None, other: Callable[[Row], bool] | None
) -> Callable[[Row], bool] | None:
    """Return what is true where both are; None is always true."""
    if one is None or other is None:
        return one or other
    return lambda row: one(row) and other(row)


def _names(row: Row) -> str:
    chat = chat_of_row(row)
    return f"{chat.title}\n{chat.username or ''}".casefold()


def _is_unread(row: Row) -> bool:
    return bool(row.dialog.unread_count or row.dialog.unread_mark)


async def _folder_test(reading: Reading, folder_id: int, reach: Reach) -> Callable[[Row], bool]:
    """Return whether a row belongs to one of the account's own folders, or of those that the reader's rule names."""
    folders = await own_folders(reading)
    if reach.rule is not None:
        folders = {each: folders[each] for each in folders if each in reach.rule.folders}
    folder = folders.get(folder_id)
    if folder is None:
        known = tuple(str(known_id) for known_id in (_ALL_CHATS_FOLDER, *folders))
        raise ValidationFailed(FieldError("?folder", "unknown", known))
    return folder_test(folder, reading.directory.self_id)


def folder_test(folder: Any, self_id: int) -> Callable[[Row], bool]:
    """Return whether a row is in a folder: named in it, or taken in by its rules and not excluded."""
    included, excluded = named_in(folder, self_id), excluded_from(folder, self_id)
    return lambda row: row.id in included or (row.id not in excluded and _is_ruled_in(row, folder))


def _is_ruled_in(row: Row, folder: Any) -> bool:
    """Tell whether the folder's rules take the row in; a shared folder has none."""
    if not isinstance(folder, t.DialogFilter):
        return False
    chat = chat_of_row(row)
    is_contact = bool(getattr(row.entity, "contact", None))
    is_of_kind = {
        ChatType.USER: folder.contacts if is_contact else folder.non_contacts,
        ChatType.BOT: folder.bots,
        ChatType.GROUP: folder.groups,
        ChatType.SUPERGROUP: folder.groups,
        ChatType.CHANNEL: folder.broadcasts,
    }[chat.type]
    is_hidden = (
        (folder.exclude_muted and chat.is_muted)
        or (folder.exclude_read and not _is_unread(row))
        or (folder.exclude_archived and chat.is_archived)
    )
    return bool(is_of_kind) and not is_hidden
