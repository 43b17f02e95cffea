"""Topics of a forum.

Source: https://core.telegram.org/api/forum
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET
from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import (
    ChatHasNoTopics,
    FieldError,
    TelegramError,
    TopicNotFound,
    ValidationFailed,
)
from vasya_server.model.topic import Topic, TopicPage
from vasya_server.telegram.bookmarks import Bookmarks
from vasya_server.telegram.cleaning import clean
from vasya_server.telegram.peers import resolve_in
from vasya_server.telegram.reach import readable
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.answers import sent_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vasya_server.crypto.cursor import Cursors
    from vasya_server.ids import ActionId
    from vasya_server.model.topic import NewTopic, TopicFilter, TopicPatch
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView

GENERAL: Final = 1
_ROUTE: Final = "list_topics"
# As many as Telegram tells at once.
_PAGE: Final = 100
_SAID: Final = ("title", "is_closed", "is_pinned", "is_hidden")
_IS_SO: Final = frozenset({"TOPIC_NOT_MODIFIED", "CHAT_NOT_MODIFIED"})


class _Place(msgspec.Struct, array_like=True, frozen=True):
    """The last topic that was told: its newest message, and when that came (in s since 1970)."""

    topic: int = 0
    message: int = 0
    at: int = 0


async def list_topics(
    account: AccountView, reference: str, query: TopicFilter, cursors: Cursors
) -> TopicPage:
    """Return a page of the forum's topics.

    Raises:
        ChatHasNoTopics: The chat is no forum.
        ChatNotFound, ChatNotAllowed: As `resolve`.
        ValidationFailed: The cursor is not one of this list.
        HumanRequired: An agent wants titles as they were written.

    Source: https://core.telegram.org/method/messages.getForumTopics
    """
    reading = Reading(account, is_raw=query.raw)
    peer = await resolve_in(reading, reference)
    filters = msgspec.msgpack.encode((peer.id, query.q))
    bookmarks = Bookmarks(account, cursors, _ROUTE, _Place, filters)
    place = bookmarks.read(query.cursor) or _Place()
    found: list[tuple[Any, _Place]] = []
    while len(found) <= query.limit:  # one more than is wanted tells whether there is a next page
        wanted = min(query.limit + 1 - len(found), _PAGE)
        told = await _page(reading, peer, query.q, place, wanted)
        found += told
        if len(told) < wanted:
            break
        place = told[-1][1]
    chosen = found[: query.limit]
    last = chosen[-1][1] if len(found) > query.limit else None
    items = [_told(reading, topic) for topic, _ in chosen]
    return TopicPage(items=items, next=bookmarks.write(last), trust="untrusted")


async def create_topic(
    account: AccountView, peer: ResolvedPeer, body: NewTopic, action_id: ActionId
) -> Topic:
    """Open a topic; sent again for the same action, it is the one that was opened.

    Raises:
        ChatHasNoTopics: The chat is no forum.
        AdminRequired, ChatWriteForbidden: The account may not.
        ValidationFailed: Its title is blank.

    Source: https://core.telegram.org/method/messages.createForumTopic
    """
    _require_forum(peer)
    if not (title := body.title.strip()):
        raise ValidationFailed(FieldError("/title", "empty"))
    random_id = _random_id(action_id)
    request = functions.messages.CreateForumTopicRequest(
        peer.input_peer, title, random_id=random_id
    )
    answer = await account.runtime.mutate(request, is_exactly_once=True)
    return Topic(id=sent_id(answer, random_id), title=title)


async def update_topic(
    account: AccountView, peer: ResolvedPeer, topic_id: int, patch: TopicPatch
) -> Topic:
    """Change what *patch* names; what is so already is a success.

    Telegram takes each change by itself. What most rights are needed for is asked first, and what is so is not asked
    again: a refusal comes before anything was changed, or tells a request that is repeated what became of it. Who may
    not read the chat is told no more of the topic than what they said.

    Raises:
        ChatHasNoTopics, TopicNotFound: As `read_topic`.
        ValidationFailed: Only the general topic can be hidden; or the title is blank.
        AdminRequired: The account may not.

    Source: https://core.telegram.org/method/messages.editForumTopic
    """
    if patch.is_hidden is not UNSET and topic_id != GENERAL:
        raise ValidationFailed(FieldError("/isHidden", "general_topic_only"))
    if patch.title is not UNSET and not patch.title.strip():
        raise ValidationFailed(FieldError("/title", "empty"))
    for request in _changes(peer, await read_topic(Reading(account), peer, topic_id), patch):
        await _change(account, request)
    reading = Reading(account)
    if not (await readable(reading)).allows(peer.id):
        said = {name: each for name in _SAID if (each := getattr(patch, name)) is not UNSET}
        return Topic(id=topic_id, **said)
    return _told(reading, await read_topic(reading, peer, topic_id))


def _changes(peer: ResolvedPeer, topic: Any, patch: TopicPatch) -> Iterator[Any]:
    """Yield the requests that make the topic what *patch* says."""
    edit = functions.messages.EditForumTopicRequest
    if patch.is_pinned is not UNSET and patch.is_pinned is not bool(topic.pinned):
        yield functions.messages.UpdatePinnedForumTopicRequest(
            peer.input_peer, topic.id, patch.is_pinned
        )
    if patch.is_closed is not UNSET and patch.is_closed is not bool(topic.closed):
        yield edit(peer.input_peer, topic.id, closed=patch.is_closed)
    if patch.is_hidden is not UNSET and patch.is_hidden is not bool(topic.hidden):
        yield edit(peer.input_peer, topic.id, hidden=patch.is_hidden)
    if patch.title is not UNSET and patch.title.strip() != topic.title:
        yield edit(peer.input_peer, topic.id, title=patch.title.strip())


async def delete_topic(
    account: AccountView, peer: ResolvedPeer, topic_id: int, *, is_redrive: bool
) -> None:
    """Delete a topic with all that was said in it; gone already, it was deleted by an earlier copy of the same request.

    Raises:
        ChatHasNoTopics, TopicNotFound: As `read_topic`.
        ValidationFailed: It is the general one.
        AdminRequired: The account may not.

    Source: https://core.telegram.org/method/messages.deleteTopicHistory
    """
    if topic_id == GENERAL:
        raise ValidationFailed(FieldError("{topic}", "general_topic"))
    try:
        await read_topic(Reading(account), peer, topic_id)
    except TopicNotFound:
        if is_redrive:
            return
        raise
    request = functions.messages.DeleteTopicHistoryRequest(peer.input_peer, topic_id)
    while True:
        try:
            answer = await account.runtime.mutate(request, is_exactly_once=True)
        except TopicNotFound:  # gone since it was seen
            return
        if not answer.offset:
            return


async def read_topic(reading: Reading, peer: ResolvedPeer, topic_id: int) -> Any:
    """Return Telegram's topic.

    Raises:
        ChatHasNoTopics: The chat is no forum.
        TopicNotFound: The forum has no such topic.

    Source: https://core.telegram.org/method/messages.getForumTopicsByID
    """
    _require_forum(peer)
    request = functions.messages.GetForumTopicsByIDRequest(peer.input_peer, [topic_id])
    answer = await reading.call(request)
    for topic in answer.topics:
        if isinstance(topic, t.ForumTopic) and topic.id == topic_id:
            return topic
    raise TopicNotFound


async def topic_title(reading: Reading, peer: ResolvedPeer, topic_id: int) -> str:
    """Return how a topic is called.

    Raises:
        ChatHasNoTopics, TopicNotFound: As `read_topic`.
    """
    return _told(reading, await read_topic(reading, peer, topic_id)).title


def _require_forum(peer: ResolvedPeer) -> None:
    if not peer.is_channel:
        raise ChatHasNoTopics


async def _page(
    reading: Reading, peer: ResolvedPeer, words: str | None, place: _Place, limit: int
) -> list[tuple[Any, _Place]]:
    """Return the topics behind *place*, each with its own place."""
    _require_forum(peer)
    offset_date = datetime.fromtimestamp(place.at, UTC) if place.at else None
    request = functions.messages.GetForumTopicsRequest(
        peer.input_peer, offset_date, place.message, place.topic, limit, q=words
    )
    answer = await reading.call(request)
    # Where a forum is ordered by age, the newest message of a topic says nothing of its place.
    newest = () if answer.order_by_create_date else answer.messages
    dates = {message.id: message.date for message in newest if hasattr(message, "date")}
    found = []
    for topic in answer.topics:
        if isinstance(topic, t.ForumTopic):
            at = dates.get(topic.top_message) or topic.date
            found.append((topic, _Place(topic.id, topic.top_message, int(at.timestamp()))))
    return found


def _told(reading: Reading, topic: Any) -> Topic:
    told = Topic(
        id=topic.id,
        title=topic.title,
        is_closed=bool(topic.closed),
        is_pinned=bool(topic.pinned),
        is_hidden=bool(topic.hidden),
        unread_count=topic.unread_count,
    )
    return told if reading.directory.is_raw else clean(told)


async def _change(account: AccountView, request: Any) -> None:
    try:
        await account.runtime.mutate(request, is_exactly_once=True)
    except TelegramError as error:
        if error.rpc_name not in _IS_SO:
            raise


def _random_id(action_id: ActionId) -> int:
    """Return what names the topic of one action to Telegram, the same whenever the action is sent again."""
    digest = hashlib.sha256(f"topic:{action_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
