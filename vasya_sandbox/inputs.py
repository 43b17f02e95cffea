"""What a request refers to: peers by their access hashes, messages by their ids.

Source: https://core.telegram.org/api/peers
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import types as t

from vasya_sandbox.errors import RpcError
from vasya_sandbox.message_views import peers_of
from vasya_sandbox.records import CHANNEL_MARK, Channel, Group, User

if TYPE_CHECKING:
    from vasya_sandbox.records import Message, Peer
    from vasya_sandbox.session import Session

_FROM_MESSAGE = (
    t.InputPeerUserFromMessage,
    t.InputUserFromMessage,
    t.InputPeerChannelFromMessage,
    t.InputChannelFromMessage,
)


def resolve(session: Session, given: Any) -> Peer:
    """Return the peer that the caller was shown before.

    Raises:
        RpcError: PEER_ID_INVALID, USER_ID_INVALID or CHANNEL_INVALID; a wrong access hash is the
            same as nobody.
    """
    world, viewer = session.dc.world, session.user
    found: Peer | None = None
    match given:
        case t.InputPeerSelf() | t.InputUserSelf():
            return viewer
        case t.InputPeerUser() | t.InputUser():
            found = world.user(given.user_id)
            if found is viewer:
                return viewer
        case t.InputPeerChannel() | t.InputChannel():
            found = world.channels.get(given.channel_id)
        case t.InputPeerChat():
            group = world.groups.get(given.chat_id)
            if group is None or viewer.id not in group.members:
                raise RpcError(400, "PEER_ID_INVALID")
            return group
    if isinstance(given, _FROM_MESSAGE):
        return _from_message(session, given)
    if found is None or given.access_hash != world.access_hash(viewer, found):
        raise RpcError(400, _REFUSALS.get(type(given), "PEER_ID_INVALID"))
    return found


_REFUSALS = {
    t.InputUser: "USER_ID_INVALID",
    t.InputUserEmpty: "USER_ID_INVALID",
    t.InputChannel: "CHANNEL_INVALID",
    t.InputChannelEmpty: "CHANNEL_INVALID",
    t.InputPeerChannel: "CHANNEL_INVALID",
}


def _from_message(session: Session, given: Any) -> Peer:
    """Return someone known only from a message that the caller can see."""
    where = readable(session, given.peer)
    record = session.dc.world.message(session.user, where, given.msg_id)
    if hasattr(given, "user_id"):
        wanted, refusal = given.user_id, "USER_ID_INVALID"
    else:
        wanted, refusal = -CHANNEL_MARK - given.channel_id, "CHANNEL_INVALID"
    if record is None or wanted not in peers_of(session.dc.world, record):
        raise RpcError(400, refusal)
    found = session.dc.world.peer(wanted)
    if found is None:
        raise RpcError(400, refusal)
    return found


def user(session: Session, given: Any) -> User:
    """Return the user that an InputUser or InputPeer names."""
    found = resolve(session, given)
    if not isinstance(found, User):
        raise RpcError(400, "USER_ID_INVALID")
    return found


def channel(session: Session, given: Any) -> Channel:
    """Return the channel that an InputChannel names, if the caller may look inside."""
    found = readable(session, given)
    if not isinstance(found, Channel):
        raise RpcError(400, "CHANNEL_INVALID")
    return found


def readable(session: Session, given: Any) -> Peer:
    """Return a peer whose messages the caller may read.

    Raises:
        RpcError: CHANNEL_PRIVATE when the caller is banned, or is outside a channel without a
            public name.
    """
    found = resolve(session, given)
    if isinstance(found, Channel):
        member = found.members.get(session.user.id)
        is_inside = member is not None and member.is_inside
        is_banned = member is not None and member.role == "banned"
        if is_banned or not (is_inside or found.username):
            raise RpcError(400, "CHANNEL_PRIVATE")
    return found


def message(session: Session, where: Peer, message_id: int) -> Message:
    """Return a message of a chat.

    Raises:
        RpcError: MESSAGE_ID_INVALID.
    """
    record = session.dc.world.message(session.user, where, message_id)
    if record is None or (not isinstance(where, Channel) and not _is_in(session, where, record)):
        raise RpcError(400, "MESSAGE_ID_INVALID")
    return record


def _is_in(session: Session, where: User | Group, record: Message) -> bool:
    if isinstance(where, Group):
        return record.peer == where.peer_id
    return {record.sender, record.peer} == {where.id, session.user.id}


def timestamp(date: Any) -> int:
    """Return seconds since 1970; TL has no null date, so absent and the epoch are both 0."""
    return int(date.timestamp()) if date else 0
