"""Messages that the caller brings into the world: text, media, albums, forwards."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import composing, content_views, inputs, scheduling, update_forms, uploads
from vasya_sandbox.composing import CAPTION_LIMIT, Target
from vasya_sandbox.errors import RpcError
from vasya_sandbox.fanout import answer
from vasya_sandbox.message_views import box_owner, message, peers_of
from vasya_sandbox.polls import Poll
from vasya_sandbox.records import CHANNEL_MARK, Channel, FileMedia, Notice, User
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.outbox import Waiting
    from vasya_sandbox.records import Message, Peer
    from vasya_sandbox.session import Session

MAX_ALBUM = 10
MAX_FORWARDS = 100


class _Sent(NamedTuple):
    """What the answer says of one message: new, or a repeat of an earlier send that mentions *peers*."""

    confirmations: list[Any]
    notices: list[Notice]
    peers: list[int]


def _earlier(session: Session, where: Peer, random_id: int) -> _Sent | None:
    """Return what a repeated random_id is answered with; the content is not compared.

    Source: https://core.telegram.org/api/errors (RANDOM_ID_DUPLICATE is for one still in flight)
    """
    if not random_id:
        raise RpcError(400, "RANDOM_ID_EMPTY")
    world, me = session.dc.world, session.user
    number = me.sent.get(where.peer_id, {}).get(random_id)
    if number is None:
        return _waiting(session, where, random_id)
    record = world.messages[number]
    box = world.box(me, where)
    message_id = record.copies[box_owner(me, record)]
    confirmations: list[Any] = [t.UpdateMessageID(message_id, random_id)]
    if box.numbers.get(message_id) == number:
        shown = message(world, me, record)
        is_channel = record.peer < -CHANNEL_MARK
        kind = t.UpdateNewChannelMessage if is_channel else t.UpdateNewMessage
        confirmations.append(kind(shown, box.pts, 0))
    return _Sent(confirmations, [], peers_of(world, record))


def _waiting(session: Session, where: Peer, random_id: int) -> _Sent | None:
    """Return what a repeated random_id of a scheduled message is answered with, taken back since or not."""
    box = scheduling.outbox(session.dc.world, session.user)
    waiting_id = box.given.get(where.peer_id, {}).get(random_id)
    if waiting_id is None:
        return None
    if (waiting := box.waiting.get(waiting_id)) is not None:
        return _told(session, waiting)
    return _Sent([t.UpdateMessageID(waiting_id, random_id)], [], [])


def _told(session: Session, waiting: Waiting) -> _Sent:
    confirmation = t.UpdateMessageID(waiting.id, waiting.random_id)
    peers = peers_of(session.dc.world, waiting.draft)
    return _Sent([confirmation, scheduling.announce(session, waiting)], [], peers)


def _send(session: Session, target: Target, text: str, random_id: int, **content: Any) -> _Sent:
    world, me = session.dc.world, session.user
    if target.due:
        return _told(session, scheduling.schedule(session, target, text, random_id, **content))
    posted = world.post(
        me,
        target.peer,
        text,
        random_id=random_id,
        reply_to=target.reply,
        top_id=target.top_id,
        is_silent=target.is_silent,
        is_protected=target.is_protected,
        **content,
    )
    message_id = posted.message.copies[box_owner(me, posted.message)]
    return _Sent([t.UpdateMessageID(message_id, random_id)], posted.notices, [])


def _reply(session: Session, where: Peer, sent: list[_Sent]) -> Any:
    """Return the answer to a send: confirmations, then what is new."""
    first = [update for one in sent for update in one.confirmations]
    notices = [notice for one in sent for notice in one.notices]
    result = answer(session, notices, *first)
    repeated = {peer_id for one in sent for peer_id in one.peers}
    if repeated:
        users, chats = composing.shown(session, {where.peer_id} | repeated)
        for named, more in ((result.users, users), (result.chats, chats)):
            known = {each.id for each in named}
            named += [each for each in more if each.id not in known]
    return result


@rpc(f.messages.SendMessageRequest)
def send_message(session: Session, request: Any) -> Any:
    """Serve messages.sendMessage.

    Source: https://core.telegram.org/method/messages.sendMessage
    """
    where = inputs.resolve(session, request.peer)
    sent = _earlier(session, where, request.random_id)
    if sent is None:
        text, entities = composing.text(session, request.message, request.entities)
        if not text:
            raise RpcError(400, "MESSAGE_EMPTY")
        target = composing.target(session, where, request)
        sent = _send(session, target, text, request.random_id, entities=entities)
    result = _reply(session, where, [sent])
    is_short = session.dc.behaviour.short_updates and not request.entities
    return update_forms.sent(result) if is_short else result


@rpc(f.messages.SendMediaRequest)
def send_media(session: Session, request: Any) -> Any:
    """Serve messages.sendMedia.

    Source: https://core.telegram.org/method/messages.sendMedia
    """
    where = inputs.resolve(session, request.peer)
    sent = _earlier(session, where, request.random_id)
    if sent is None:
        text, entities = composing.text(
            session, request.message, request.entities, limit=CAPTION_LIMIT
        )
        target = composing.target(session, where, request)
        media = uploads.media(session, request.media)
        if isinstance(media, Poll) and media.is_public and _is_broadcast(where):
            raise RpcError(400, "BROADCAST_PUBLIC_VOTERS_FORBIDDEN")
        sent = _send(session, target, text, request.random_id, entities=entities, media=media)
    return _reply(session, where, [sent])


def _is_broadcast(where: Peer) -> bool:
    return isinstance(where, Channel) and where.is_broadcast


@rpc(f.messages.UploadMediaRequest)
def upload_media(session: Session, request: Any) -> Any:
    """Serve messages.uploadMedia: store without sending.

    Source: https://core.telegram.org/method/messages.uploadMedia
    """
    inputs.resolve(session, request.peer)
    media = uploads.media(session, request.media)
    return content_views.media(session.dc.world, session.user, media)


@rpc(f.messages.SendMultiMediaRequest)
def send_multi_media(session: Session, request: Any) -> Any:
    """Serve messages.sendMultiMedia: an album of at most ten, all of it or nothing.

    Source: https://core.telegram.org/method/messages.sendMultiMedia
    """
    items = request.multi_media
    if not items:
        raise RpcError(400, "MEDIA_EMPTY")
    if len(items) > MAX_ALBUM:
        raise RpcError(400, "MULTI_MEDIA_TOO_LONG")
    where = inputs.resolve(session, request.peer)
    sent = [_earlier(session, where, item.random_id) for item in items]
    if not all(sent):
        target = composing.target(session, where, request)
        new = [
            (
                uploads.media(session, item.media),
                *composing.text(session, item.message, item.entities, limit=CAPTION_LIMIT),
            )
            for item in items
        ]
        if not all(isinstance(media, FileMedia) for media, _, _ in new):
            raise RpcError(400, "MEDIA_INVALID")
        files = session.dc.world.files
        kinds = {files[media.file_id].kind for media, _, _ in new if isinstance(media, FileMedia)}
        if not kinds <= {"photo", "video"} and kinds not in ({"document"}, {"audio"}):
            raise RpcError(400, "MEDIA_INVALID")
        grouped_id = secrets.randbits(62) | 1
        for index, (media, text, entities) in enumerate(new):
            if sent[index] is None:
                sent[index] = _send(
                    session,
                    target,
                    text,
                    items[index].random_id,
                    entities=entities,
                    media=media,
                    grouped_id=grouped_id,
                )
    return _reply(session, where, [one for one in sent if one is not None])


@rpc(f.messages.ForwardMessagesRequest)
def forward_messages(session: Session, request: Any) -> Any:
    """Serve messages.forwardMessages: one random_id for each message.

    Source: https://core.telegram.org/method/messages.forwardMessages
    """
    if not request.id:
        raise RpcError(400, "MESSAGE_IDS_EMPTY")
    if len(request.id) != len(request.random_id) or len(request.id) > MAX_FORWARDS:
        raise RpcError(400, "RANDOM_ID_INVALID")
    source = inputs.readable(session, request.from_peer)
    where = inputs.resolve(session, request.to_peer)
    sent = [_earlier(session, where, random_id) for random_id in request.random_id]
    if not all(sent):
        origins = [inputs.message(session, source, message_id) for message_id in request.id]
        if any(origin.action for origin in origins):
            raise RpcError(400, "MESSAGE_ID_INVALID")
        is_closed = not isinstance(source, User) and source.is_protected
        if is_closed or any(origin.is_protected for origin in origins):
            raise RpcError(400, "CHAT_FORWARDS_RESTRICTED")
        target = composing.target(session, where, request)
        albums: dict[int, int] = {}
        for index, origin in enumerate(origins):
            if sent[index] is None:
                sent[index] = _forward(session, target, request, origin, index, albums)
    return _reply(session, where, [one for one in sent if one is not None])


def _forward(
    session: Session,
    target: Target,
    request: Any,
    origin: Message,
    index: int,
    albums: dict[int, int],
) -> _Sent:
    """Send a copy; messages of one album stay one album, under a new id."""
    drops_caption = request.drop_media_captions and origin.media is not None
    grouped_id = origin.grouped_id and albums.setdefault(
        origin.grouped_id, secrets.randbits(62) | 1
    )
    if origin.views:
        origin.forwards += 1
    return _send(
        session,
        target,
        "" if drops_caption else origin.text,
        request.random_id[index],
        entities=None if drops_caption else origin.entities,
        media=origin.media,
        forward_from=None if request.drop_author else origin,
        grouped_id=grouped_id,
    )
