"""Searching across the chats that one may read: everywhere at once where Telegram can, else chat by chat.

Telegram's own search knows no chat lists. What it finds for one who may read some chats only would have to be left out
again, and whoever follows the pages could tell how much that was; so for them no other chat is searched in the first place.

Source: https://core.telegram.org/api/search
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import FieldError, ValidationFailed
from vasya_server.model.chat import ChatType
from vasya_server.model.message import CompactChat
from vasya_server.model.search import CompactSearchPage, FoundMessage, SearchPage
from vasya_server.telegram.bookmarks import Bookmarks
from vasya_server.telegram.cleaning import clean
from vasya_server.telegram.compact import to_compact
from vasya_server.telegram.convert import to_messages
from vasya_server.telegram.dialogs import PAGE
from vasya_server.telegram.directory import entity_type, input_peer, marked_id
from vasya_server.telegram.peers import resolve_in, resolve_person
from vasya_server.telegram.reach import readable
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.chat_by_chat import ChatByChat, Spot
from vasya_server.telegram.requests.history import MAX_REQUESTS
from vasya_server.telegram.requests.search import is_kind, server_filter
from vasya_server.telegram.service_chat import kept_from_agents
from vasya_server.telegram.time_reference import to_unix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.crypto.cursor import Cursors
    from vasya_server.model.message import Message
    from vasya_server.model.search import SearchQuery
    from vasya_server.telegram.view import AccountView

_ROUTE: Final = "search_messages"
_DEFAULT_MAX_TEXT: Final = 1000
_ONE_OF: Final = ("q", "from", "type", "since", "until", "mentions", "unread")
_USERS: Final = frozenset({ChatType.USER, ChatType.BOT})
_GROUPS: Final = frozenset({ChatType.GROUP, ChatType.SUPERGROUP})
_CHANNELS: Final = frozenset({ChatType.CHANNEL})


async def search_messages(
    account: AccountView, query: SearchQuery, cursors: Cursors, now: datetime
) -> SearchPage | CompactSearchPage:
    """Return a page of what is found in the chats that may be read; nothing is marked as read.

    Args:
        now: In the owner's time zone, in which `today` begins.

    Raises:
        ChatNotFound, ChatNotAllowed: `chat` or `from` names none, or none that may be read or asked about.
        ValidationFailed: Nothing to look for, or parameters or a cursor that do not go together.
    """
    _check(query)
    reading = Reading(account)
    reach = await readable(reading)
    chats = sorted({(await resolve_in(reading, each)).id for each in query.chat})
    author = await resolve_person(reading, query.from_) if query.from_ is not None else None
    listed = chats or (None if reach.listed is None else sorted(reach.listed))
    is_global = _is_global(query, is_narrow=listed is not None or reach.rule is not None)
    whose = None if author is None else author.id
    fields = (query.q, whose, query.type, query.since, query.until, query.mentions, query.unread)
    places = (listed, query.folder, query.chat_type, is_global)
    filters = msgspec.msgpack.encode((*fields, *places))
    bookmarks = Bookmarks(account, cursors, _ROUTE, Spot, filters)
    spot = bookmarks.read(query.cursor) or _start(query, now)
    search: Everywhere | ChatByChat = (
        Everywhere(reading, query, spot)
        if is_global
        else ChatByChat(reading, query, spot, reach=reach, listed=listed, author=author)
    )
    going_on = await search.run()
    make = _compact_page if query.view == "compact" else _full_page
    return make(reading, query, search, bookmarks.write(going_on))


def _is_global(query: SearchQuery, *, is_narrow: bool) -> bool:
    """Tell whether Telegram can search all chats at once, and none of them is out of reach."""
    needs_chats = query.from_ or query.mentions is not None or query.unread is not None
    is_found_by_telegram = query.q or server_filter(query.type)
    return bool(is_found_by_telegram) and not (is_narrow or needs_chats or query.folder is not None)


def _check(query: SearchQuery) -> None:
    if query.max_text is not None and query.view == "full":
        raise ValidationFailed(FieldError("?maxText", "requires_compact_view"))
    fields = (query.q, query.from_, query.since, query.until, query.mentions, query.unread)
    if not query.type and all(field is None for field in fields):
        raise ValidationFailed(
            FieldError("?q", "required", _ONE_OF),
            detail="A search needs something to look for; …/chats/{chat}/messages reads all of a chat.",
        )


def _start(query: SearchQuery, now: datetime) -> Spot:
    since, until = to_unix("since", query.since, now), to_unix("until", query.until, now)
    if since and until and since >= until:
        raise ValidationFailed(FieldError("?until", "not_after_since"))
    return Spot(since=since, until=until)


class Everywhere:
    """A search in all chats at once, the newest message first: what it has found, and how far it has got."""

    # Of all chats there is no number.
    searched: int | None = None
    skipped: int | None = None

    def __init__(self, reading: Reading, query: SearchQuery, spot: Spot) -> None:
        self.found: list[Any] = []
        self._reading = reading
        self._query = query
        self._spot = spot
        self._kinds = frozenset(query.type)

    async def run(self) -> Spot | None:
        """Fill a page, and return where to go on; None: that was all.

        Source: https://core.telegram.org/method/messages.searchGlobal
        """
        for _ in range(MAX_REQUESTS):
            answer = await self._reading.call(self._request(self._spot))
            for message in answer.messages:
                is_wanted = self._is_wanted(message)
                if is_wanted and len(self.found) == self._query.limit:
                    return self._spot
                if is_wanted:
                    self.found.append(message)
                self._spot = msgspec.structs.replace(self._spot, last=self._behind(message))
            if not answer.messages or isinstance(answer, t.messages.Messages):
                return None
        return self._spot

    def _request(self, spot: Spot) -> Any:
        date, chat_id, access_hash, message_id = spot.last or (0, 0, 0, 0)
        types = frozenset(self._query.chat_type)
        return functions.messages.SearchGlobalRequest(
            q=self._query.q or "",
            filter=server_filter(self._kinds) or t.InputMessagesFilterEmpty(),
            # What is younger than the one, and older than the other.
            min_date=datetime.fromtimestamp(spot.since - 1, UTC) if spot.since else None,
            max_date=datetime.fromtimestamp(spot.until, UTC) if spot.until else None,
            offset_rate=date,
            offset_peer=input_peer(chat_id, access_hash) if chat_id else t.InputPeerEmpty(),
            offset_id=message_id,
            limit=PAGE,
            users_only=bool(types) and types <= _USERS,
            groups_only=bool(types) and types <= _GROUPS,
            broadcasts_only=bool(types) and types <= _CHANNELS,
        )

    def _behind(self, message: Any) -> tuple[int, int, int, int]:
        chat_id = marked_id(message.peer_id)
        entity = self._reading.directory.entities.get(chat_id)
        access_hash = getattr(entity, "access_hash", None) or 0
        return int(message.date.timestamp()), chat_id, access_hash, message.id

    def _is_wanted(self, message: Any) -> bool:
        spot = self._spot
        at = message.date.timestamp()
        if (spot.since and at < spot.since) or (spot.until and at >= spot.until):
            return False
        entity = self._reading.directory.entities.get(marked_id(message.peer_id))
        types = self._query.chat_type
        if types and (entity is None or entity_type(entity) not in types):
            return False
        if self._kinds and not is_kind(message, self._kinds):
            return False
        # What an agent may not read it must not find either: that a word is in it is what it says.
        is_agent, directory = self._reading.account.is_agent, self._reading.directory
        return not (is_agent and kept_from_agents(message, directory) is not None)


def _full_page(
    reading: Reading, query: SearchQuery, search: Everywhere | ChatByChat, following: str | None
) -> SearchPage:
    del query
    items = to_messages(search.found, reading.directory)
    return SearchPage(
        items=items,
        chats=_chats(reading, items),
        next=following,
        searched=search.searched,
        skipped=search.skipped,
        trust="untrusted",
    )


def _compact_page(
    reading: Reading, query: SearchQuery, search: Everywhere | ChatByChat, following: str | None
) -> CompactSearchPage:
    messages = to_messages(search.found, reading.directory)
    max_text = query.max_text or _DEFAULT_MAX_TEXT
    items = [
        FoundMessage(chat=message.chat_id, **msgspec.structs.asdict(to_compact(message, max_text)))
        for message in messages
    ]
    return CompactSearchPage(
        chats=_chats(reading, messages),
        people={str(each.sender.id): each.sender.name for each in messages if each.sender},
        items=items,
        next=following,
        searched=search.searched,
        skipped=search.skipped,
        trust="untrusted",
    )


def _chats(reading: Reading, messages: Sequence[Message]) -> list[CompactChat]:
    """Return the chats of *messages*, each once."""
    named = []
    for chat_id in dict.fromkeys(message.chat_id for message in messages):
        chat = reading.directory.sender(chat_id)
        title = "Saved Messages" if chat_id == reading.directory.self_id else chat.name
        named.append(
            clean(CompactChat(id=chat.id, type=chat.type, title=title, username=chat.username))
        )
    return named
