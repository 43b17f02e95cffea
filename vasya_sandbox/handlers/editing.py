"""Messages that exist: editing, deleting, pinning, reacting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f
from telethon.tl import types as t

from vasya_sandbox import changes, composing, inputs, scheduling, uploads
from vasya_sandbox.composing import CAPTION_LIMIT, TEXT_LIMIT
from vasya_sandbox.entities import complete
from vasya_sandbox.errors import RpcError
from vasya_sandbox.fanout import answer, publish
from vasya_sandbox.records import Action, Channel, FileMedia, Group, User
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.records import Media, Message, Peer
    from vasya_sandbox.session import Session

EDIT_WINDOW_SECS = 48 * 3600
# Without Premium; three with it.
MAX_REACTIONS = 1
REACTIONS = frozenset(
    "👍👎❤🔥🥰👏😁🤔🤯😱🤬😢🎉🤩🤮💩🙏👌🕊🤡🥱🥴😍🐳🌚🌭💯🤣⚡🍌🏆💔🤨😐🍓🍾💋🖕😈😴😭🤓👻👀🎃🙈😇😨🤝✍🤗🫡🎅🎄☃💅🤪🗿🆒💘🙉🦄😘💊🙊😎👾😡"
)


@rpc(f.messages.EditMessageRequest)
def edit_message(session: Session, request: Any) -> Any:
    """Serve messages.editMessage.

    Source: https://core.telegram.org/method/messages.editMessage
    """
    world, where = session.dc.world, inputs.resolve(session, request.peer)
    if request.schedule_date:
        return _edit_waiting(session, where, request)
    record = inputs.message(session, where, request.id)
    _require_editable(session, where, record)
    _change(session, request, record)
    record.edited_at = world.now
    return answer(session, changes.record_change(world, record, "edit"))


def _edit_waiting(session: Session, where: Peer, request: Any) -> Any:
    """Change what is not sent yet, or when it will be; a date within seconds sends it."""
    waiting = scheduling.find(session.dc.world, session.user, where, request.id)
    due = composing.due_at(session, request.schedule_date)
    _change(session, request, waiting.draft, may_stay=due != waiting.draft.at)
    if not due:
        notices, gone, _ = scheduling.release(session, [waiting])
        session.dc.push(session.user, [gone], skip=session)
        return answer(session, notices, gone)
    waiting.draft.at = due
    scheduling.await_due(session.dc, session.user, waiting)
    return answer(session, [], scheduling.announce(session, waiting))


def _change(session: Session, request: Any, record: Message, *, may_stay: bool = False) -> None:
    """Give a message another text or media.

    Raises:
        RpcError: MESSAGE_NOT_MODIFIED, unless it may stay what it is; MESSAGE_EMPTY, MESSAGE_TOO_LONG.
    """
    media = uploads.media(session, request.media) if request.media else record.media
    if record.grouped_id and _kind(session, media) != _kind(session, record.media):
        raise RpcError(400, "MEDIA_GROUPED_INVALID")
    text, entities = record.text, record.entities
    if request.message is not None:
        limit = CAPTION_LIMIT if isinstance(media, FileMedia) else TEXT_LIMIT
        text, given = composing.text(session, request.message, request.entities, limit=limit)
        entities = complete(text, given)
    if not text and media is None:
        raise RpcError(400, "MESSAGE_EMPTY")
    if (text, entities, media) == (record.text, record.entities, record.media) and not may_stay:
        raise RpcError(400, "MESSAGE_NOT_MODIFIED")
    record.text, record.entities, record.media = text, entities, media


def _kind(session: Session, media: Media | None) -> str:
    """Return what may take the place of a medium in an album: a photo that of a photo or video, a file that of a file."""
    if not isinstance(media, FileMedia):
        return ""
    kind = session.dc.world.files[media.file_id].kind
    return "visual" if kind in ("photo", "video") else kind


def _require_editable(session: Session, where: Peer, record: Message) -> None:
    if record.action:
        raise RpcError(400, "MESSAGE_ID_INVALID")
    is_broadcast = isinstance(where, Channel) and where.is_broadcast
    if is_broadcast:
        if not composing.may_manage(where, session.user):
            raise RpcError(400, "CHAT_ADMIN_REQUIRED")
        return
    if record.author_id != session.user.id or record.forward:
        raise RpcError(403, "MESSAGE_AUTHOR_REQUIRED")
    is_own_notebook = where is session.user
    if not is_own_notebook and session.dc.world.now - record.at > EDIT_WINDOW_SECS:
        raise RpcError(400, "MESSAGE_EDIT_TIME_EXPIRED")


@rpc(f.messages.DeleteMessagesRequest)
def delete_messages(session: Session, request: Any) -> Any:
    """Serve messages.deleteMessages: what is not there is not an error.

    Source: https://core.telegram.org/method/messages.deleteMessages
    """
    world, me = session.dc.world, session.user
    everywhere: list[int] = []
    here: list[int] = []
    for message_id in request.id:
        record = world.messages.get(me.box.numbers.get(message_id, 0))
        if record is None:
            continue
        where = world.peer(record.peer)
        is_allowed = (
            not isinstance(where, Group)
            or record.author_id == me.id
            or composing.may_manage(where, me)
        )
        (everywhere if request.revoke and is_allowed else here).append(message_id)
    notices = changes.delete(world, me, None, everywhere, for_everyone=True)
    notices += changes.delete(world, me, None, here, for_everyone=False)
    publish(session.dc, notices, skip=session)
    count = sum(notice.event.pts_count for notice in notices if notice.user is me)
    return t.messages.AffectedMessages(me.box.pts, count)


@rpc(f.channels.DeleteMessagesRequest)
def delete_channel_messages(session: Session, request: Any) -> Any:
    """Serve channels.deleteMessages: one's own, or anybody's as an admin.

    Source: https://core.telegram.org/method/channels.deleteMessages
    """
    channel = inputs.channel(session, request.channel)
    world, me = session.dc.world, session.user
    records = [
        world.messages[number]
        for message_id in request.id
        if (number := channel.box.numbers.get(message_id)) is not None
    ]
    if not composing.may_manage(channel, me) and any(
        record.author_id != me.id for record in records
    ):
        raise RpcError(403, "MESSAGE_DELETE_FORBIDDEN")
    before = channel.box.pts
    notices = changes.delete(world, me, channel, request.id, for_everyone=True)
    publish(session.dc, notices, skip=session)
    return t.messages.AffectedMessages(channel.box.pts, channel.box.pts - before)


@rpc(f.messages.UpdatePinnedMessageRequest)
def update_pinned_message(session: Session, request: Any) -> Any:
    """Serve messages.updatePinnedMessage; pinning also posts a service message.

    Source: https://core.telegram.org/method/messages.updatePinnedMessage
    """
    world, me = session.dc.world, session.user
    where = inputs.readable(session, request.peer)
    record = inputs.message(session, where, request.id)
    if isinstance(where, Channel) and not composing.may_manage(where, me):
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    owner = world.box(me, where).owner
    if (owner in record.pinned_in) is not bool(request.unpin):
        raise RpcError(400, "CHAT_NOT_MODIFIED")
    only_for = me if request.pm_oneside and isinstance(where, User) else None
    notices = changes.pin(world, record, is_pinned=not request.unpin, only_for=only_for)
    if not request.unpin and only_for is None:
        posted = world.post(
            me, where, action=Action("PinMessage"), reply_to=record, is_silent=bool(request.silent)
        )
        notices += posted.notices
    return answer(session, notices)


@rpc(f.messages.SendReactionRequest)
def send_reaction(session: Session, request: Any) -> Any:
    """Serve messages.sendReaction: the new set of the caller's reactions, none to take it back.

    Source: https://core.telegram.org/method/messages.sendReaction
    """
    world, me = session.dc.world, session.user
    where = inputs.readable(session, request.peer)
    record = inputs.message(session, where, request.msg_id)
    if where is me:
        raise RpcError(403, "PREMIUM_ACCOUNT_REQUIRED")
    given = [item for item in request.reaction or () if not isinstance(item, t.ReactionEmpty)]
    if len(given) > MAX_REACTIONS:
        raise RpcError(400, "REACTIONS_TOO_MANY")
    emojis = [item.emoticon if isinstance(item, t.ReactionEmoji) else "" for item in given]
    if record.action or any(emoji.rstrip("\ufe0f") not in REACTIONS for emoji in emojis):
        raise RpcError(400, "REACTION_INVALID")
    before = [reaction.emoji for reaction in record.reactions if reaction.user_id == me.id]
    if before == emojis:
        raise RpcError(400, "MESSAGE_NOT_MODIFIED")
    return answer(session, changes.react(world, me, record, emojis))
