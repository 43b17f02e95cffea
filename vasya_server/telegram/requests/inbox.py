"""What is new in chats, asked of Telegram: what the owner has not read, what came since a time, and messages by their ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from telethon import functions
from telethon.tl import types as t

from vasya_server.telegram.dialogs import PAGE, Row, rows_of_known
from vasya_server.telegram.directory import marked_id
from vasya_server.telegram.inbox_page import News
from vasya_server.telegram.peers import ResolvedPeer
from vasya_server.telegram.requests.history import Position, Walk, walk
from vasya_server.telegram.requests.listing import unread_mentions, whole_history
from vasya_server.telegram.requests.lookup import read_by_id
from vasya_server.telegram.requests.search import is_kind
from vasya_server.telegram.service_chat import kept_from_agents

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vasya_server.model.message import MessageKind
    from vasya_server.telegram.reading import Reading

# Beyond what is told of one chat, so many are counted.
_MAX_COUNTED: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which messages of a chat are news.

    Args:
        per_chat: How many of a chat are told at most.
        since: Those sent from then on, read or not, in seconds since the epoch; 0: those that the owner has not read.
    """

    kinds: frozenset[MessageKind]
    mentions: bool
    per_chat: int
    since: int = 0

    @property
    def is_all_unread(self) -> bool:
        """Whether Telegram itself counts them."""
        return not (self.kinds or self.mentions or self.since)

    def in_row(self, row: Row) -> bool:
        """Tell whether the row of the chat list promises any."""
        if self.since:
            return row.message is not None and row.message.date.timestamp() >= self.since
        return bool(row.dialog.unread_mentions_count if self.mentions else row.dialog.unread_count)


async def news_of(
    reading: Reading, row: Row, wanted: Wanted, new: Sequence[int], *, is_counted: bool = True
) -> News | None:
    """Return the news of a chat as its row of the chat list promised them; None: there are none.

    Args:
        new: Ids of messages that are told another time, and all behind the first of them as well.
        is_counted: Telegram's count in the row knows of nothing beside them.
    """
    below = min([row.dialog.top_message + 1, *new])
    low = 0 if wanted.since else row.dialog.read_inbox_max_id
    position = Position(low=low, high=below, since=wanted.since)
    is_top_all = row.dialog.unread_count == 1 and row.message is not None and not row.message.out
    if wanted.is_all_unread and is_top_all and not new:
        return News(row=row, messages=[row.message])
    plan = _plan(reading, row, wanted)
    found, after = await walk(reading, plan, position, wanted.per_chat)
    news = News(row=row, messages=found, after=low or None)
    if wanted.is_all_unread and is_counted:
        later = sum(message_id <= row.dialog.top_message for message_id in new)
        news.omitted = max(0, row.dialog.unread_count - later - len(found))
    elif after is not None:
        rest, beyond = await walk(reading, plan, after, _MAX_COUNTED)
        news.omitted, news.has_more = len(rest), beyond is not None
        news.after = min(message.id for message in rest) - 1 if rest else None
    return news if news.messages or news.omitted else None


def _plan(reading: Reading, row: Row, wanted: Wanted) -> Walk:
    peer = ResolvedPeer(row.id, row.input_peer)
    is_mentions = wanted.mentions and not wanted.since
    return Walk(
        peer=peer,
        request=unread_mentions(peer, None) if is_mentions else whole_history(peer),
        has_dates=not is_mentions,
        keeps=_test(reading, wanted),
        hides=None,
        is_ascending=False,
    )


def _test(reading: Reading, wanted: Wanted) -> Callable[[Any], bool]:
    directory, kinds = reading.directory, wanted.kinds
    is_agent = reading.account.is_agent

    def is_news(message: Any) -> bool:
        if message.out or marked_id(message.peer_id) == directory.self_id:
            return False
        if wanted.mentions and not message.mentioned:
            return False
        # What an agent may not read it must not find either: of which kind it is is what it says.
        return not kinds or (
            is_kind(message, kinds)
            and not (is_agent and kept_from_agents(message, directory) is not None)
        )

    return is_news


async def news_by_id(
    reading: Reading,
    new: Mapping[int, Sequence[int]],
    wanted: Wanted,
    fits: Callable[[Row], bool],
) -> list[News]:
    """Return these messages, as they are now, chat by chat; what has gone since, or is closed to the account, is left out.

    Args:
        new: The ids of each chat.
    """
    rows = {row.id: row for row in await rows_of_known(reading, new) if fits(row)}
    found: dict[int, list[Any]] = {chat_id: [] for chat_id in rows}
    boxed = {each for chat_id, row in rows.items() if not _is_channel(row) for each in new[chat_id]}
    messages = await _of_box(reading, sorted(boxed))
    for row in rows.values():
        if _is_channel(row):
            messages += await _of_channel(reading, row, new[row.id])
    for message in messages:
        chat_id = marked_id(message.peer_id)
        if message.id in new.get(chat_id, ()) and chat_id in found:
            found[chat_id].append(message)
    test, news = _test(reading, wanted), []
    for chat_id, told in found.items():
        kept = sorted(filter(test, told), key=lambda message: message.id, reverse=True)
        if kept:
            shown = kept[: wanted.per_chat]
            news.append(
                News(
                    row=rows[chat_id],
                    messages=shown,
                    omitted=len(kept) - len(shown),
                    after=kept[-1].id - 1,
                )
            )
    news.sort(key=lambda each: each.messages[0].date, reverse=True)
    return news


def _is_channel(row: Row) -> bool:
    return isinstance(row.entity, t.Channel)


async def _of_box(reading: Reading, ids: Sequence[int]) -> list[Any]:
    """Return messages between people and of basic groups, whichever chat they are in.

    Source: https://core.telegram.org/method/messages.getMessages
    """
    found: list[Any] = []
    for start in range(0, len(ids), PAGE):
        wanted = [t.InputMessageID(each) for each in ids[start : start + PAGE]]
        answer = await reading.call(functions.messages.GetMessagesRequest(wanted))
        found += [each for each in answer.messages if not isinstance(each, t.MessageEmpty)]
    return found


async def _of_channel(reading: Reading, row: Row, ids: Sequence[int]) -> list[Any]:
    peer = ResolvedPeer(row.id, row.input_peer)
    found: list[Any] = []
    for start in range(0, len(ids), PAGE):
        found += await read_by_id(reading, peer, ids[start : start + PAGE])
    return found
