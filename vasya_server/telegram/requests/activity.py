"""Which chats the audit log's pseudonyms stand for, and what was written there: looked up when a person asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vasya_server.telegram.convert import to_message
from vasya_server.telegram.dialogs import known_peer, own_candidates
from vasya_server.telegram.directory import CHANNEL_MARK
from vasya_server.telegram.peers import ResolvedPeer
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.lookup import read_by_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vasya_server.model.chat import Candidate
    from vasya_server.telegram.view import AccountView


@dataclass(frozen=True, slots=True)
class Seen:
    """A chat behind a pseudonym, and the texts of the messages that were asked for and still stand."""

    chat: Candidate
    texts: dict[int, str] = field(default_factory=dict)

    def link(self, message_id: int) -> str | None:
        """Return where the Telegram apps open that message; only supergroups and channels have such places.

        Source: https://core.telegram.org/api/links#message-links
        """
        if self.chat.id > -CHANNEL_MARK:
            return None
        place = self.chat.username or f"c/{-self.chat.id - CHANNEL_MARK}"
        return f"https://t.me/{place}/{message_id}"


async def look_up(
    account: AccountView, wanted: Mapping[str, Sequence[int]], pseudonym: Callable[[str], str]
) -> dict[str, Seen]:
    """Return the account's own chats whose pseudonyms are *wanted*, with the texts of the messages named there.

    Nothing is marked as read. Chats that are no longer among the account's dialogs stay unknown.

    Args:
        pseudonym: What the log calls the chat of a canonical key.

    Raises:
        TelegramError: Telegram cannot be asked.
    """
    reading = Reading(account)
    found = {}
    for candidate in await own_candidates(reading):
        name = pseudonym(ResolvedPeer(candidate.id, None).key)
        if name in wanted:
            found[name] = Seen(candidate)
    for name, seen in found.items():
        peer = await known_peer(reading, seen.chat.id)
        if wanted[name] and peer is not None:
            chat = ResolvedPeer(seen.chat.id, peer)
            for message in await read_by_id(reading, chat, wanted[name]):
                seen.texts[message.id] = to_message(message, reading.directory).text
    return found
