"""Telegram's own notifications: they carry the codes that log in to the account, and no agent reads one (D-11.6).

A message is one wherever it stands: in the service chat, from it, or passed on from it. What an agent cannot read it cannot
find by its words either, or send to where somebody else reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from telethon.tl import types as t

from vasya_server.errors import ControlLine, ServiceChat
from vasya_server.telegram.control_line import is_control_message

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vasya_server.model.chat import Redacted
    from vasya_server.telegram.directory import Directory
    from vasya_server.telegram.reading import Reading
    from vasya_server.telegram.view import AccountView

SERVICE_CHAT: Final = 777000


def require_outside_service_chat(account: AccountView, *chat_ids: int) -> None:
    """See that an agent changes nothing in the service chat and passes nothing on from it.

    Raises:
        ServiceChat: It is about to.
    """
    if account.is_agent and SERVICE_CHAT in chat_ids:
        raise ServiceChat


def require_readable(reading: Reading, messages: Iterable[Any]) -> None:
    """See that an agent is not handed any of *messages*, in part or to pass on, that it may not read.

    Raises:
        ServiceChat: One of them is a service notification.
        ControlLine: One of them is of the owner's chat.
    """
    if not reading.account.is_agent:
        return
    for message in messages:
        match kept_from_agents(message, reading.directory):
            case "service_notification":
                raise ServiceChat
            case "control_message":
                raise ControlLine


def kept_from_agents(message: Any, directory: Directory) -> Redacted | None:
    """Return why no agent reads *message*; None: agents may."""
    if is_service_notification(message, directory.entities):
        return "service_notification"
    if directory.has_line and is_control_message(message, directory.self_id):
        return "control_message"
    return None


def is_service_notification(message: Any, entities: Mapping[int, Any]) -> bool:
    """Tell whether *message* is, or quotes, what Telegram itself wrote to the account.

    Args:
        entities: Whom the answer mentions, by marked id.
    """
    if _is_service(message.peer_id, entities) or _is_service(message.from_id, entities):
        return True
    forward, header = message.fwd_from, message.reply_to
    return (forward is not None and _is_forwarded(forward, entities)) or (
        isinstance(header, t.MessageReplyHeader) and _is_quoted(header, entities)
    )


def _is_forwarded(forward: Any, entities: Mapping[int, Any]) -> bool:
    peers = (forward.from_id, forward.saved_from_peer, forward.saved_from_id)
    return any(_is_service(peer, entities) for peer in peers)


def _is_quoted(header: Any, entities: Mapping[int, Any]) -> bool:
    origin = header.reply_from
    return _is_service(header.reply_to_peer_id, entities) or (
        origin is not None and _is_forwarded(origin, entities)
    )


def _is_service(peer: Any, entities: Mapping[int, Any]) -> bool:
    """Tell whether Telegram speaks there: the service chat, or an account that it marks as verified support."""
    if not isinstance(peer, t.PeerUser):
        return False
    if peer.user_id == SERVICE_CHAT:
        return True
    user = entities.get(peer.user_id)
    return bool(getattr(user, "verified", None) and getattr(user, "support", None))
