"""Searching in one chat and everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import inputs, views
from vasya_sandbox.errors import RpcError
from vasya_sandbox.handlers.dialogs import rows
from vasya_sandbox.handlers.history import MAX_MESSAGES, page, selected, topic_ids
from vasya_sandbox.message_views import message, peers_of
from vasya_sandbox.polls import Poll
from vasya_sandbox.records import Channel, ContactCard, FileMedia, Group, Place, User, WebPage
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from collections.abc import Callable

    from vasya_sandbox.records import Message, Peer
    from vasya_sandbox.session import Session

_FILE_KINDS: dict[type, frozenset[str]] = {
    t.InputMessagesFilterPhotos: frozenset(("photo",)),
    t.InputMessagesFilterVideo: frozenset(("video",)),
    t.InputMessagesFilterPhotoVideo: frozenset(("photo", "video")),
    t.InputMessagesFilterDocument: frozenset(("document",)),
    t.InputMessagesFilterGif: frozenset(("gif",)),
    t.InputMessagesFilterVoice: frozenset(("voice",)),
    t.InputMessagesFilterMusic: frozenset(("audio",)),
    t.InputMessagesFilterRoundVideo: frozenset(("video_note",)),
    t.InputMessagesFilterRoundVoice: frozenset(("voice", "video_note")),
}
_MEDIA_TYPES: dict[type, type] = {
    t.InputMessagesFilterGeo: Place,
    t.InputMessagesFilterContacts: ContactCard,
    t.InputMessagesFilterPoll: Poll,
}
_LINKS = frozenset(("url", "text_link", "email"))


def matcher(session: Session, request: Any) -> Callable[[Message], bool]:
    """Return the test that the words, the filter, the sender and the dates of a request make."""
    words = request.q.casefold().split()
    since, until = inputs.timestamp(request.min_date), inputs.timestamp(request.max_date)
    given = getattr(request, "from_id", None)
    sender = inputs.resolve(session, given).peer_id if given else 0
    fits = _filter(session, request.filter)

    def matches(record: Message) -> bool:
        if (since and record.at <= since) or (until and record.at >= until):
            return False
        if sender and record.sender != sender:
            return False
        if words:
            text = _searched_text(session, record)
            if not all(word in text for word in words):
                return False
        return fits(record)

    return matches


def _searched_text(session: Session, record: Message) -> str:
    if isinstance(record.media, FileMedia):
        name = session.dc.world.files[record.media.file_id].name
        return f"{record.text} {name}".casefold()
    return record.text.casefold()


def _filter(session: Session, given: Any) -> Callable[[Message], bool]:
    world, me = session.dc.world, session.user
    if kinds := _FILE_KINDS.get(type(given)):
        return lambda record: (
            isinstance(record.media, FileMedia)
            and world.files[record.media.file_id].kind in kinds
            and not record.action
        )
    if media_type := _MEDIA_TYPES.get(type(given)):
        return lambda record: isinstance(record.media, media_type)
    match given:
        case t.InputMessagesFilterEmpty():
            return lambda record: not record.action
        case t.InputMessagesFilterUrl():
            return lambda record: (
                isinstance(record.media, WebPage)
                or any(entity.kind in _LINKS for entity in record.entities)
            )
        case t.InputMessagesFilterPinned():
            return lambda record: bool({me.id, record.peer} & {*record.pinned_in})
        case t.InputMessagesFilterMyMentions():
            return lambda record: me.id in record.mentions
        case t.InputMessagesFilterChatPhotos():
            return lambda record: bool(record.action) and isinstance(record.media, FileMedia)
        case t.InputMessagesFilterPhoneCalls():
            return lambda _: False  # nobody calls here
    raise RpcError(400, "INPUT_FILTER_INVALID")


@rpc(f.messages.SearchRequest)
def search(session: Session, request: Any) -> Any:
    """Serve messages.search in one chat, or with an empty peer in the caller's own box.

    Source: https://core.telegram.org/method/messages.search
    """
    world, me = session.dc.world, session.user
    matches = matcher(session, request)
    if isinstance(request.peer, t.InputPeerEmpty):
        found = [
            record
            for message_id in sorted(me.box.numbers, reverse=True)
            if matches(record := world.messages[me.box.numbers[message_id]])
            and (not request.offset_id or message_id < request.offset_id)
        ]
        return page(session, None, found[: min(request.limit, MAX_MESSAGES)], len(found))
    where = inputs.readable(session, request.peer)
    ids = world.ids(me, where)
    if request.top_msg_id and isinstance(where, Channel):
        ids = (
            topic_ids(where, session, request.top_msg_id)
            if where.is_forum
            else where.box.threads.get(request.top_msg_id, [])
        )
    numbers, messages = world.box(me, where).numbers, world.messages
    hits = [message_id for message_id in ids if matches(messages[numbers[message_id]])]
    return selected(session, where, hits, request)


@rpc(f.messages.SearchGlobalRequest)
def search_global(session: Session, request: Any) -> Any:
    """Serve messages.searchGlobal over the caller's chats, the newest first.

    Source: https://core.telegram.org/method/messages.searchGlobal
    """
    if not request.q.strip() and isinstance(request.filter, t.InputMessagesFilterEmpty):
        raise RpcError(400, "SEARCH_QUERY_EMPTY")
    world, me = session.dc.world, session.user
    matches = matcher(session, request)
    found: list[Message] = []
    for where in rows(world, me, request.folder_id):
        if _is_wanted(where, request):
            numbers = world.box(me, where).numbers
            records = (world.messages[numbers[i]] for i in world.ids(me, where))
            found += [record for record in records if matches(record)]
    found.sort(key=lambda record: (record.at, record.number), reverse=True)
    count = len(found)
    if request.offset_id and not isinstance(request.offset_peer, t.InputPeerEmpty):
        where = inputs.resolve(session, request.offset_peer)
        last = world.message(me, where, request.offset_id)
        key = (last.at, last.number) if last else (request.offset_rate, 0)
        found = [record for record in found if (record.at, record.number) < key]
    chosen = found[: min(max(request.limit, 0), MAX_MESSAGES)]
    mentioned = {peer_id for record in chosen for peer_id in peers_of(world, record)}
    return t.messages.MessagesSlice(
        count,
        messages=[message(world, me, record) for record in chosen],
        topics=[],
        next_rate=chosen[-1].at if len(chosen) < len(found) else None,
        **views.entities(world, me, mentioned),
    )


def _is_wanted(where: Peer, request: Any) -> bool:
    is_broadcast = isinstance(where, Channel) and where.is_broadcast
    if request.broadcasts_only:
        return is_broadcast
    if request.groups_only:
        return isinstance(where, Group | Channel) and not is_broadcast
    return not request.users_only or isinstance(where, User)
