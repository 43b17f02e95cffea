"""A page of a chat's messages: what the filters mean together, which request serves them, and in which shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import ChatNotFound, FieldError, MessageNotFound, ValidationFailed
from vasya_server.model.message import CompactChat, MessageKind, MessagePage
from vasya_server.telegram.bookmarks import Bookmarks
from vasya_server.telegram.cleaning import clean
from vasya_server.telegram.compact import to_compact_page
from vasya_server.telegram.convert import to_messages
from vasya_server.telegram.dialogs import rows_of_peers
from vasya_server.telegram.directory import marked_id
from vasya_server.telegram.peers import resolve_in, resolve_person
from vasya_server.telegram.reach import require
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.history import Offset, Position, Walk, walk, walk_around
from vasya_server.telegram.requests.lookup import read_by_id
from vasya_server.telegram.requests.search import has_words, is_from, is_kind, server_filter
from vasya_server.telegram.service_chat import SERVICE_CHAT, kept_from_agents
from vasya_server.telegram.time_reference import to_unix

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from vasya_server.crypto.cursor import Cursors
    from vasya_server.model.message import CompactPage, Message, MessageFilter
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView

_ROUTE = "list_messages"
_DEFAULT_LIMIT = 50
_DEFAULT_MAX_TEXT = 1000
_ANCHORS = ("before", "after", "around", "ids", "cursor")
# Beside the ids themselves, what can be said about their page.
_WITH_IDS = ("order", "view", "maxText")
_NARROWING = {
    "q": "q",
    "from_": "from",
    "type": "type",
    "since": "since",
    "until": "until",
    "topic": "topic",
    "comments_of": "commentsOf",
    "unread": "unread",
    "mentions": "mentions",
}


async def list_messages(
    account: AccountView, reference: str, query: MessageFilter, cursors: Cursors, now: datetime
) -> MessagePage | CompactPage:
    """Return a page of the messages of the chat that *reference* names; nothing is marked as read.

    Filters that Telegram cannot combine are looked at here, through at most 500 messages for one page; such a page may
    be short, or empty, and still have a `next`.

    Args:
        now: In the owner's time zone, in which `today` begins.

    Raises:
        ChatNotFound, ChatNotAllowed: It names none, or none that may be read, or `from` does not; or the comments stand
            in a group that may not be read.
        ValidationFailed: Parameters that contradict one another, or a cursor of another list.
        HumanRequired: An agent wants texts as they were written.
    """
    _check(query)
    reading = Reading(account, is_raw=query.raw)
    peer = await resolve_in(reading, reference)
    _check_chat(query, peer)
    if query.ids:
        found = await read_by_id(reading, peer, query.ids)
        return await _page(reading, peer, query, found[:: -1 if query.order == "asc" else 1], None)
    if _is_by_content(query) and account.is_agent and peer.id == SERVICE_CHAT:
        return await _page(reading, peer, query, [], None)
    filters = _digest(query, peer)
    bookmarks = Bookmarks(account, cursors, _ROUTE, Position, filters)
    position = bookmarks.read(query.cursor) or await _start(reading, peer, query, now)
    plan = await plan_walk(reading, peer, query, position)
    limit = query.limit or _DEFAULT_LIMIT
    if query.around is not None:
        found, after = await walk_around(reading, plan, query.around, position, limit)
    else:
        found, after = await walk(reading, plan, position, limit)
    return await _page(reading, peer, query, found, bookmarks.write(after))


def _check(query: MessageFilter) -> None:
    """Refuse parameters that contradict one another.

    Raises:
        ValidationFailed: Which, and what may stand beside them.
    """
    anchors = [name for name in _ANCHORS if getattr(query, name)]
    if len(anchors) > 1:
        raise ValidationFailed(
            *(FieldError(f"?{name}", "exclusive", _ANCHORS) for name in anchors),
            detail="At most one of before, after, around, ids and cursor can be given.",
        )
    idle = [
        said
        for name, said in (*_NARROWING.items(), ("limit", "limit"))
        if getattr(query, name) not in (None, ())
    ]
    if query.ids and idle:
        raise ValidationFailed(
            *(FieldError(f"?{name}", "not_with_ids", _WITH_IDS) for name in idle)
        )
    if query.max_text is not None and query.view == "full":
        raise ValidationFailed(FieldError("?maxText", "requires_compact_view"))
    if query.topic is not None and query.comments_of is not None:
        raise ValidationFailed(FieldError("?commentsOf", "not_with_topic"))
    if query.unread is not None and (query.topic is not None or query.comments_of is not None):
        raise ValidationFailed(FieldError("?unread", "not_with_topic_or_comments"))


def _is_by_content(query: MessageFilter) -> bool:
    """Tell whether what is listed says something of what stands in it."""
    return bool(query.q or query.type)


def _check_chat(query: MessageFilter, peer: ResolvedPeer) -> None:
    for name, value in (("topic", query.topic), ("commentsOf", query.comments_of)):
        if value is not None and not peer.is_channel:
            raise ValidationFailed(FieldError(f"?{name}", "chat_has_no_threads"))


def _digest(query: MessageFilter, peer: ResolvedPeer) -> bytes:
    said = [getattr(query, name) for name in _NARROWING]
    return msgspec.msgpack.encode([peer.id, query.order, *said])


async def _start(
    reading: Reading,
    peer: ResolvedPeer,
    query: MessageFilter,
    now: datetime,
) -> Position:
    since, until = to_unix("since", query.since, now), to_unix("until", query.until, now)
    if since and until and since >= until:
        raise ValidationFailed(FieldError("?until", "not_after_since"))
    read_up_to = 0
    if query.unread is not None and not query.mentions:
        rows = await rows_of_peers(reading, [peer.input_peer])
        read_up_to = max((row.dialog.read_inbox_max_id for row in rows), default=0)
    low = query.after or 0
    return Position(
        low=max(low, read_up_to) if query.unread else low,
        high=query.before or 0,
        since=since,
        until=until,
        read_up_to=read_up_to,
    )


async def plan_walk(
    reading: Reading, peer: ResolvedPeer, query: MessageFilter, position: Position
) -> Walk:
    """Choose the Telegram method that narrows most, and look at the rest here."""
    author = await resolve_person(reading, query.from_) if query.from_ is not None else None
    places = await _places(reading, peer, query)
    kinds = frozenset(query.type)
    media_filter = None if query.mentions or author else server_filter(kinds)
    # Telegram ignores the author in private chats, and its search leaves out what nobody said.
    searches_author = author is not None and peer.id < 0 and MessageKind.SERVICE not in kinds
    if reading.account.readable is not None:
        # It can search for those whom the account knows alone, and so would tell who they are.
        searches_author = False
    is_search = bool(query.q or media_filter or query.mentions or searches_author)
    has_dates = True
    request: Callable[[Offset], Any]
    if query.comments_of is not None:
        request = _replies(peer, query.comments_of)
        is_search = False
    elif query.mentions and query.unread and not query.q:
        request, has_dates = unread_mentions(peer, query.topic), False
    elif is_search:
        if query.mentions:
            media_filter = t.InputMessagesFilterMyMentions()
        from_id = author.input_peer if author and searches_author and not query.mentions else None
        request, has_dates = _search(peer, query, media_filter, from_id), False
    elif query.topic is not None:
        request = _replies(peer, query.topic)
    else:
        request = whole_history(peer)
    tests = _tests(reading, query, position, author, is_searched=is_search)
    if places is not None:
        tests.append(lambda message: marked_id(message.peer_id) in places)
    # What an agent may not read it must not find either: that a word is in it is what it says.
    hides = reading.account.is_agent and _is_by_content(query)
    directory = reading.directory
    return Walk(
        peer=peer,
        request=request,
        has_dates=has_dates,
        keeps=(lambda message: all(test(message) for test in tests)) if tests else None,
        hides=(lambda message: kept_from_agents(message, directory) is not None) if hides else None,
        is_ascending=query.order == "asc",
    )


async def _places(
    reading: Reading, peer: ResolvedPeer, query: MessageFilter
) -> frozenset[int] | None:
    """Return the chats that a thread may come from, where only some may be read: a post's comments stand in another chat.

    They are a thread under the post's id, too, so that `topic` leads there as well as `commentsOf`.

    Raises:
        ChatNotAllowed: That chat is none of them.
        MessageNotFound: There is no such post.
    """
    rule = reading.account.readable
    root = query.topic if query.comments_of is None else query.comments_of
    if rule is None or root is None:
        return None
    found = await read_by_id(reading, peer, [root])
    if not found and query.topic is None:
        raise MessageNotFound
    # The message that begins a topic may be gone, or never have been: the general one has none.
    group_id = found[0].replies.channel_id if found and found[0].replies else None
    if not group_id:
        return frozenset({peer.id})
    place = marked_id(t.PeerChannel(group_id))
    await require(reading, place, rule)
    return frozenset({peer.id, place})


def _tests(
    reading: Reading,
    query: MessageFilter,
    position: Position,
    author: ResolvedPeer | None,
    *,
    is_searched: bool,
) -> list[Callable[[Any], bool]]:
    tests: list[Callable[[Any], bool]] = []
    q, kinds, self_id = query.q, frozenset(query.type), reading.directory.self_id
    if q is not None and not is_searched:
        tests.append(lambda message: has_words(message, q))
    if kinds:
        tests.append(lambda message: is_kind(message, kinds))
    if author is not None:
        tests.append(lambda message: is_from(message, author.id, self_id))
    if query.unread is not None and not query.mentions:
        tests.append(
            lambda message: (not message.out and message.id > position.read_up_to) is query.unread
        )
    if query.mentions is not None:
        tests.append(lambda message: bool(message.mentioned) is query.mentions)
    if query.unread is not None and query.mentions:
        tests.append(lambda message: bool(message.media_unread) is query.unread)
    return tests


def whole_history(peer: ResolvedPeer) -> Callable[[Offset], Any]:
    """Return what asks for all messages of a chat.

    Source: https://core.telegram.org/method/messages.getHistory
    """
    return lambda offset: functions.messages.GetHistoryRequest(
        peer=peer.input_peer,
        offset_id=offset.id,
        offset_date=offset.date or None,
        add_offset=offset.add,
        limit=offset.limit,
        max_id=0,
        min_id=0,
        hash=0,
    )


def _replies(peer: ResolvedPeer, message_id: int) -> Callable[[Offset], Any]:
    """Source: https://core.telegram.org/method/messages.getReplies."""
    return lambda offset: functions.messages.GetRepliesRequest(
        peer=peer.input_peer,
        msg_id=message_id,
        offset_id=offset.id,
        offset_date=offset.date or None,
        add_offset=offset.add,
        limit=offset.limit,
        max_id=0,
        min_id=0,
        hash=0,
    )


def _search(
    peer: ResolvedPeer, query: MessageFilter, media_filter: Any, from_id: Any
) -> Callable[[Offset], Any]:
    """Source: https://core.telegram.org/method/messages.search."""
    return lambda offset: functions.messages.SearchRequest(
        peer=peer.input_peer,
        q=query.q or "",
        filter=media_filter or t.InputMessagesFilterEmpty(),
        min_date=None,
        max_date=None,
        offset_id=offset.id,
        add_offset=offset.add,
        limit=offset.limit,
        max_id=0,
        min_id=0,
        hash=0,
        from_id=from_id,
        top_msg_id=query.topic,
    )


def unread_mentions(peer: ResolvedPeer, topic: int | None) -> Callable[[Offset], Any]:
    """Return what asks for what mentions the owner and was not seen yet.

    Source: https://core.telegram.org/method/messages.getUnreadMentions
    """
    return lambda offset: functions.messages.GetUnreadMentionsRequest(
        peer=peer.input_peer,
        offset_id=offset.id,
        add_offset=offset.add,
        limit=offset.limit,
        max_id=0,
        min_id=0,
        top_msg_id=topic,
    )


async def _page(
    reading: Reading,
    peer: ResolvedPeer,
    query: MessageFilter,
    found: Sequence[Any],
    next_cursor: str | None,
) -> MessagePage | CompactPage:
    items = to_messages(found, reading.directory)
    if query.view == "full":
        return MessagePage(items=items, next=next_cursor, trust="untrusted")
    chat_id = _chat_id(peer, items)
    if chat_id not in reading.directory.entities:
        rows = await rows_of_peers(reading, [peer.input_peer])
        if not rows:
            raise ChatNotFound
    chat = reading.directory.sender(chat_id)
    shown = CompactChat(id=chat.id, type=chat.type, title=chat.name, username=chat.username)
    return to_compact_page(
        shown if query.raw else clean(shown),
        items,
        max_text=query.max_text or _DEFAULT_MAX_TEXT,
        next_cursor=next_cursor,
    )


def _chat_id(peer: ResolvedPeer, items: Sequence[Message]) -> int:
    """Return the chat that the items are in: comments stand in the channel's discussion group."""
    return items[0].chat_id if items else peer.id
