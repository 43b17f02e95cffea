"""What a send must satisfy: who may write where, how long, answering what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from telethon.tl import types as t

from vasya_sandbox import inputs, standing, views
from vasya_sandbox.content_views import ENTITY_KINDS
from vasya_sandbox.entities import utf16_length
from vasya_sandbox.errors import RpcError
from vasya_sandbox.records import Channel, Entity, Group, Peer, Reply, User

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vasya_sandbox.membership import Member
    from vasya_sandbox.session import Session

TEXT_LIMIT, CAPTION_LIMIT = 4096, 1024
MAX_ENTITIES = 100
# A date as near as this means "now": https://core.telegram.org/api/scheduled-messages
SCHEDULE_SLACK_SECS = 10
SCHEDULE_LIMIT_SECS = 365 * 86_400
GENERAL_TOPIC = 1


class Target(NamedTuple):
    """Where a message goes, and under what."""

    peer: Peer
    reply: Reply | None
    top_id: int
    is_silent: bool
    is_protected: bool
    # When it is to be sent, in seconds since 1970; 0 is now.
    due: int = 0


def target(session: Session, where: Peer, request: Any) -> Target:
    """Return the place that a send names, if the caller may write there now.

    Raises:
        RpcError: CHAT_WRITE_FORBIDDEN, SLOWMODE_WAIT_x, REPLY_MESSAGE_ID_INVALID and their kin.
    """
    reply, top_id = _reply(session, where, request)
    require_writable(session, where, top_id)
    is_protected = bool(getattr(request, "noforwards", False))
    due = due_at(session, request.schedule_date)
    return Target(where, reply, top_id, bool(request.silent), is_protected, due)


def due_at(session: Session, schedule_date: Any) -> int:
    """Return when a message is to be sent; 0 is now.

    Raises:
        RpcError: SCHEDULE_DATE_TOO_LATE; "when the other is online" is beyond the sandbox, and as late.
    """
    date, now = inputs.timestamp(schedule_date), session.dc.world.now
    if date > now + SCHEDULE_LIMIT_SECS:
        raise RpcError(400, "SCHEDULE_DATE_TOO_LATE")
    return date if date > now + SCHEDULE_SLACK_SECS else 0


def require_writable(session: Session, where: Peer, top_id: int = 0) -> None:
    """Refuse a send into a chat that is closed to the caller.

    Raises:
        RpcError: As messages.sendMessage lists them.
    """
    me = session.user
    if isinstance(where, User):
        if where.id in me.blocked:
            raise RpcError(400, "YOU_BLOCKED_USER")
        if me.id in where.blocked:
            raise RpcError(400, "USER_IS_BLOCKED")
        return
    member = where.members.get(me.id)
    if isinstance(where, Channel):
        if member is not None and member.role == "banned":
            raise RpcError(400, "USER_BANNED_IN_CHANNEL")
        if member is None and not where.username:
            raise RpcError(400, "CHANNEL_PRIVATE")
    if member is None or not member.is_inside:
        raise RpcError(403, "CHAT_WRITE_FORBIDDEN")
    standing.require_may_send(where, member)
    if isinstance(where, Channel) and not member.is_admin:
        _require_open(session, where, member, top_id)


def _require_open(session: Session, where: Channel, member: Member, top_id: int) -> None:
    if where.is_broadcast:
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    topic = where.topics.get(top_id or GENERAL_TOPIC)
    if topic is not None and topic.is_closed:
        raise RpcError(400, "TOPIC_CLOSED")
    wait_secs = member.last_post_at + where.slow_mode_secs - session.dc.world.now
    if where.slow_mode_secs and member.last_post_at and wait_secs > 0:
        raise RpcError(420, f"SLOWMODE_WAIT_{wait_secs}")


def text(
    session: Session, given: str | None, entities: list[Any] | None, *, limit: int = TEXT_LIMIT
) -> tuple[str, list[Entity]]:
    """Return a text as it is stored: trimmed at the end, its entities inside.

    Raises:
        RpcError: MESSAGE_TOO_LONG, MEDIA_CAPTION_TOO_LONG, ENTITY_BOUNDS_INVALID, ENTITIES_TOO_LONG.
    """
    given = given or ""
    length = utf16_length(given)
    if length > limit:
        refusal = "MESSAGE_TOO_LONG" if limit == TEXT_LIMIT else "MEDIA_CAPTION_TOO_LONG"
        raise RpcError(400, refusal)
    if entities and len(entities) > MAX_ENTITIES:
        raise RpcError(400, "ENTITIES_TOO_LONG")
    stored = given.rstrip()
    end = utf16_length(stored)
    found = [
        entity
        for item in entities or ()
        if (entity := _entity(session, item, length)) and entity.offset < end
    ]
    return stored, [
        entity
        if entity.offset + entity.length <= end
        else Entity(
            entity.kind,
            entity.offset,
            end - entity.offset,
            entity.url,
            entity.user_id,
            entity.language,
            entity.document_id,
        )
        for entity in found
    ]


def _entity(session: Session, given: Any, length: int) -> Entity | None:
    """Return a stored entity; None for a kind that the sandbox does not keep."""
    if given.offset < 0 or given.length <= 0 or given.offset + given.length > length:
        raise RpcError(400, "ENTITY_BOUNDS_INVALID")
    kind = ENTITY_KINDS.get(type(given))
    if kind is None:
        return None
    if getattr(given, "collapsed", None):
        kind = "expandable_blockquote"
    user_id = getattr(given, "user_id", 0)
    if not isinstance(user_id, int):
        user_id = inputs.user(session, user_id).id
    return Entity(
        kind,
        given.offset,
        given.length,
        url=getattr(given, "url", ""),
        user_id=user_id,
        language=getattr(given, "language", ""),
        document_id=getattr(given, "document_id", 0),
    )


def _reply(session: Session, where: Peer, request: Any) -> tuple[Reply | None, int]:
    """Return what a send answers, and the thread or topic it joins."""
    given = getattr(request, "reply_to", None)
    top_id = getattr(request, "top_msg_id", None) or 0
    if given is None:
        return None, _topic(where, top_id)
    if not isinstance(given, t.InputReplyToMessage):
        raise RpcError(400, "REPLY_TO_INVALID")
    top_id = given.top_msg_id or top_id
    if isinstance(where, Channel) and where.is_forum and given.reply_to_msg_id in where.topics:
        return None, _topic(where, given.reply_to_msg_id)
    source = inputs.readable(session, given.reply_to_peer_id) if given.reply_to_peer_id else where
    origin = session.dc.world.message(session.user, source, given.reply_to_msg_id)
    if origin is None:
        raise RpcError(400, "REPLY_MESSAGE_ID_INVALID")
    quote = given.quote_text or ""
    if quote and quote not in origin.text:
        raise RpcError(400, "QUOTE_TEXT_INVALID")
    if isinstance(where, Channel) and source is where:
        inherited = origin.top_id or (0 if where.is_forum else given.reply_to_msg_id)
        top_id = top_id or inherited
    return Reply(origin.number, quote, given.quote_offset or 0), _topic(where, top_id)


def _topic(where: Peer, top_id: int) -> int:
    """Return the topic to file under: none outside channels, and none for "General"."""
    if not isinstance(where, Channel) or not top_id:
        return 0
    if where.is_forum:
        if top_id not in where.topics:
            raise RpcError(400, "TOPIC_DELETED")
        return 0 if top_id == GENERAL_TOPIC else top_id
    if top_id not in where.box.numbers:
        raise RpcError(400, "MSG_ID_INVALID")
    return top_id


def shown(session: Session, peer_ids: Iterable[int]) -> tuple[list[Any], list[Any]]:
    """Return the `users` and `chats` of an answer."""
    found = views.entities(session.dc.world, session.user, peer_ids)
    return found["users"], found["chats"]


def may_manage(where: Peer, user: User) -> bool:
    """Tell whether *user* may change what others wrote there."""
    if not isinstance(where, Group | Channel):
        return True
    member = where.members.get(user.id)
    return member is not None and member.is_admin
