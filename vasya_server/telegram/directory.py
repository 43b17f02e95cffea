"""Who and what an answer of Telegram mentions, under the ids that the API uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import types as t

from vasya_server.model.chat import ChatType
from vasya_server.model.message import Sender

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vasya_server.model.transcript import Transcript

CHANNEL_MARK = 1_000_000_000_000


def marked_id(peer: Any) -> int:
    """Return the id of a peer in the Bot API's form: users 123, groups -123, channels -100123."""
    if isinstance(peer, t.PeerUser):
        return int(peer.user_id)
    if isinstance(peer, t.PeerChat):
        return -int(peer.chat_id)
    return -CHANNEL_MARK - int(peer.channel_id)


def input_peer(peer_id: int, access_hash: int) -> Any:
    """Return how a request names the peer of a marked id."""
    if peer_id > 0:
        return t.InputPeerUser(peer_id, access_hash)
    if peer_id > -CHANNEL_MARK:
        return t.InputPeerChat(-peer_id)
    return t.InputPeerChannel(-peer_id - CHANNEL_MARK, access_hash)


def entity_id(entity: Any) -> int:
    """Return the marked id of a user, group or channel."""
    if isinstance(entity, t.User | t.UserEmpty):
        return int(entity.id)
    if isinstance(entity, t.Channel | t.ChannelForbidden):
        return -CHANNEL_MARK - int(entity.id)
    return -int(entity.id)


def entity_type(entity: Any) -> ChatType:
    """Return what kind of chat a user, group or channel is."""
    if isinstance(entity, t.User):
        return ChatType.BOT if entity.bot else ChatType.USER
    if isinstance(entity, t.UserEmpty):
        return ChatType.USER
    if isinstance(entity, t.Channel | t.ChannelForbidden):
        return ChatType.CHANNEL if entity.broadcast else ChatType.SUPERGROUP
    return ChatType.GROUP


def entity_title(entity: Any) -> str:
    """Return the name of a person or the title of a chat; empty where Telegram does not tell it."""
    if not isinstance(entity, t.User):
        return getattr(entity, "title", None) or ""
    if entity.deleted:
        return "Deleted Account"
    return " ".join(part for part in (entity.first_name, entity.last_name) if part)


def entity_username(entity: Any) -> str | None:
    """Return the first active username; who has several has them in a list only."""
    name = getattr(entity, "username", None)
    if name:
        return str(name)
    names = getattr(entity, "usernames", None) or ()
    return next((str(name.username) for name in names if name.active), None)


class Directory:
    """The people and chats that arrived with answers, by marked id, and for whose eyes the answers are.

    Args:
        is_agent: What agents may not read is left out; so it is unless somebody knows better.
        is_raw: Strings stay as they were written.
        has_line: Saved Messages may hold messages of the owner's chat.
    """

    def __init__(
        self,
        self_id: int,
        answers: Iterable[Any] = (),
        *,
        is_agent: bool = True,
        is_raw: bool = False,
        has_line: bool = False,
    ) -> None:
        self.self_id = self_id
        self.is_agent = is_agent
        self.is_raw = is_raw
        self.has_line = has_line
        self.entities: dict[int, Any] = {}
        # What is said in the answers' voice notes, as far as it was transcribed, by file.
        self.transcripts: dict[int, Transcript] = {}
        self._senders: dict[int, Sender] = {}
        for answer in answers:
            self.add(answer)

    def add(self, answer: Any) -> None:
        """Take in the `users` and `chats` of *answer*, where it has any."""
        for entity in (*getattr(answer, "users", ()), *getattr(answer, "chats", ())):
            self.entities[entity_id(entity)] = entity

    def sender(self, peer_id: int) -> Sender:
        """Return the person or chat of that marked id, as far as the answers tell."""
        known = self._senders.get(peer_id)
        if known is None:
            known = self._senders[peer_id] = self._make_sender(peer_id)
        return known

    def _make_sender(self, peer_id: int) -> Sender:
        entity = self.entities.get(peer_id)
        if entity is not None:
            return Sender(
                id=peer_id,
                type=entity_type(entity),
                name=entity_title(entity),
                username=entity_username(entity),
            )
        if peer_id > 0:
            return Sender(id=peer_id, type=ChatType.USER)
        return Sender(
            id=peer_id, type=ChatType.GROUP if peer_id > -CHANNEL_MARK else ChatType.CHANNEL
        )
