"""What Telethon takes for its session file: nothing of it is on disk in clear, and nothing of it grows."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from telethon import utils
from telethon.crypto import AuthKey
from telethon.sessions import MemorySession
from telethon.tl import types

from vasya_server.errors import StorageFailed
from vasya_server.sessions.peers import Peer
from vasya_server.sessions.vault import SessionState
from vasya_server.store.database import ConstraintFailed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vasya_server.sessions.peers import PeerStore

_log: Final = logging.getLogger(__name__)


class VaultSession(MemorySession):
    """An account's key and data centre in memory, its peers in the sealed store.

    Args:
        peers: None for a login in progress, whose account does not exist yet.
    """

    def __init__(
        self,
        *,
        dc_id: int,
        host: str,
        port: int,
        auth_key: bytes | None = None,
        peers: PeerStore | None = None,
    ) -> None:
        super().__init__()
        self.set_dc(dc_id, host, port)
        self._auth_key = AuthKey(auth_key) if auth_key else None
        self._peers = peers

    def state(self, user_id: int) -> SessionState:
        """Return what the vault keeps of this session once *user_id* is logged in on it.

        Raises:
            ValueError: No key has been made yet.
        """
        if self._auth_key is None:
            raise ValueError("a session without a key is nobody's")
        return SessionState(
            dc_id=self._dc_id,
            host=self._server_address,
            port=self._port,
            auth_key=self._auth_key.key,
            user_id=user_id,
        )

    async def remember(self, answer: Any) -> None:
        """Keep the peers that *answer* mentions, so that an id seen once goes on working."""
        if self._peers is None or not (peers := list(peers_in(answer))):
            return
        try:
            await self._peers.put(peers)
        except (StorageFailed, ConstraintFailed) as error:
            # A full disk, or an account erased meanwhile, must not take the answer away: they are met again.
            _log.warning("peers were not stored (%s)", type(error).__name__)

    def process_entities(self, tlo: Any) -> None:
        """Keep nothing here, where Telethon's own set only grows: `remember` does."""

    def get_input_entity(self, key: Any) -> Any:  # noqa: ARG002 — Telethon's signature
        """Find nobody: names and ids are resolved in `peers`, never by a title that two people may share."""
        raise ValueError("a request names its peers by input objects")

    def cache_file(self, md5_digest: bytes, file_size: int, instance: Any) -> None:
        """Keep nothing: uploads are not looked up by content."""


def peers_in(answer: Any) -> Iterable[Peer]:
    """Yield the peers that an answer introduces with an access hash.

    Objects marked `min` are left out: their hash opens nothing (https://core.telegram.org/api/min).
    """
    if isinstance(answer, list):
        entities = answer
    else:
        # Some answers hold the updates that they are about in a container of their own.
        entities = [
            entity
            for told in (answer, getattr(answer, "updates", None))
            for kind in ("users", "chats")
            for entity in getattr(told, kind, None) or ()
        ]
    for entity in entities:
        if isinstance(entity, types.User):
            if entity.access_hash is not None and not entity.min:
                yield Peer(entity.id, entity.access_hash, _username(entity), entity.phone)
        elif isinstance(entity, types.Channel):
            if entity.access_hash is not None and not entity.min:
                yield Peer(_channel_id(entity), entity.access_hash, _username(entity), None)
        elif isinstance(entity, types.ChannelForbidden):
            yield Peer(_channel_id(entity), entity.access_hash, None, None)
        elif isinstance(entity, types.Chat | types.ChatForbidden):
            yield Peer(-entity.id, 0, None, None)


def _username(entity: Any) -> str | None:
    """Return the name shown first; who has bought further names has no `username` but a list."""
    if entity.username:
        return str(entity.username)
    return next((str(name.username) for name in entity.usernames or () if name.active), None)


def _channel_id(entity: Any) -> int:
    return int(utils.get_peer_id(types.PeerChannel(entity.id)))
