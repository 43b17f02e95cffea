"""The account's own dialogs: rows of the chat list, one chat in full, and what a name may have meant."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import ChatNotFound
from vasya_server.telegram.chat_details import read_full
from vasya_server.telegram.convert import to_candidate, to_chat
from vasya_server.telegram.directory import entity_id, input_peer, marked_id
from vasya_server.telegram.reach import readable
from vasya_server.telegram.shared import Shared

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vasya_server.model.chat import Candidate, Chat
    from vasya_server.telegram.directory import Directory
    from vasya_server.telegram.reading import Reading

PAGE = 100
MAX_CANDIDATES = 5
# 1,000 dialogs: who has more finds the rest through the chat list.
_MAX_PAGES = 10
# A client that asks for many unknown names must not make Telegram list the dialogs for each.
_FRESH_SECS = 30.0
_CLOSE_ENOUGH = 0.6


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the chat list: who it is, the account's state of it, its newest message, and who else is in the answer."""

    entity: Any
    dialog: Any
    message: Any
    directory: Directory

    @property
    def id(self) -> int:
        """The chat's marked id."""
        return entity_id(self.entity)

    @property
    def input_peer(self) -> Any:
        """What a request names the chat by."""
        if self.id == self.directory.self_id:
            return t.InputPeerSelf()
        return input_peer(self.id, getattr(self.entity, "access_hash", None) or 0)


def rows_of(answer: Any, reading: Reading) -> list[Row]:
    """Return the rows of a dialogs answer in its order, folders and unknown peers left out."""
    entities = reading.directory.entities
    newest = {
        (marked_id(message.peer_id), message.id): message
        for message in answer.messages
        if message.peer_id
    }
    rows = []
    for dialog in answer.dialogs:
        peer_id = marked_id(dialog.peer)
        if isinstance(dialog, t.Dialog) and peer_id in entities:
            message = newest.get((peer_id, dialog.top_message))
            rows.append(Row(entities[peer_id], dialog, message, reading.directory))
    return rows


def chat_of_row(row: Row) -> Chat:
    """Return a row of the chat list as a chat."""
    return to_chat(
        row.entity,
        row.directory,
        now=datetime.now(UTC),
        dialog=row.dialog,
        last_message=row.message,
    )


def chat_of_entity(reading: Reading, entity: Any) -> Chat:
    """Return a chat as it is told by itself, without the account's own view of it."""
    return to_chat(entity, reading.directory, now=datetime.now(UTC))


async def rows_of_peers(reading: Reading, input_peers: Iterable[Any]) -> list[Row]:
    """Return the rows of chats whether the account has talked there or not."""
    peers = [t.InputDialogPeer(peer) for peer in input_peers]
    answer = await reading.call(functions.messages.GetPeerDialogsRequest(peers))
    return rows_of(answer, reading)


async def read_chat(
    reading: Reading, peer_id: int, input_peer: Any, *, in_full: bool = False
) -> Chat:
    """Return one chat with its members counted where Telegram leaves that to a second request.

    Args:
        in_full: With what that second request tells besides.

    Raises:
        ChatNotFound: Telegram tells nothing of it.
    """
    rows = await rows_of_peers(reading, [input_peer])
    row = next((row for row in rows if row.id == peer_id), None)
    entity = row.entity if row else reading.directory.entities.get(peer_id)
    if entity is None:
        raise ChatNotFound
    full = None
    if in_full or (isinstance(entity, t.Channel) and not entity.participants_count):
        full = await read_full(reading, peer_id, input_peer)
    return to_chat(
        entity,
        reading.directory,
        now=datetime.now(UTC),
        dialog=row.dialog if row else None,
        last_message=row.message if row else None,
        members_count=getattr(full, "participants_count", None),
        full=full if in_full else None,
    )


async def rows_of_known(reading: Reading, chat_ids: Iterable[int]) -> list[Row]:
    """Return the rows of those chats that the account knows and may still look into, whether it has talked there or not."""
    wanted = frozenset(chat_ids)
    peers = [peer for each in sorted(wanted) if (peer := await known_peer(reading, each))]
    rows: list[Row] = []
    for start in range(0, len(peers), PAGE):
        rows += await _rows_of_open(reading, peers[start : start + PAGE])
    return [row for row in rows if row.id in wanted]


async def _rows_of_open(reading: Reading, peers: Sequence[Any]) -> list[Row]:
    """Leave out the chats that are closed to the account: for one of them Telegram refuses to tell of all."""
    try:
        return await rows_of_peers(reading, peers)
    except ChatNotFound:
        if len(peers) == 1:
            return []
        middle = len(peers) // 2
        return [
            *await _rows_of_open(reading, peers[:middle]),
            *await _rows_of_open(reading, peers[middle:]),
        ]


async def known_peer(reading: Reading, peer_id: int) -> Any:
    """Return how a request names the chat of that id; None where the account has never met it."""
    if peer_id == reading.directory.self_id:
        return t.InputPeerSelf()
    peers = reading.account.runtime.peers
    known = await peers.by_id(peer_id)
    if known is None:
        await _dialogs.get(reading)  # listing them makes their ids known
        known = await peers.by_id(peer_id)
    return known and input_peer(known.id, known.access_hash)


async def own_candidates(reading: Reading) -> list[Candidate]:
    """Return the account's dialogs that may be read, at most half a minute old."""
    reach = await readable(reading)
    if reach.listed is None:
        return [each for each in await _dialogs.get(reading) if reach.allows(each.id)]
    rows = await rows_of_known(reading, reach.listed)
    return [to_candidate(row.entity, row.message) for row in rows]


async def _read_dialogs(reading: Reading) -> list[Candidate]:
    found: list[Candidate] = []
    request, position = first_page(PAGE), TOP
    for _ in range(_MAX_PAGES):
        answer = await reading.call(request)
        rows = rows_of(answer, reading)
        found += [to_candidate(row.entity, row.message) for row in rows]
        if not rows or not isinstance(answer, t.messages.DialogsSlice):
            break
        position = position_of(rows[-1], position)
        request = page_after(position, PAGE)
    return found


_dialogs: Final = Shared(_FRESH_SECS, _read_dialogs)


def first_page(limit: int, folder_id: int | None = None) -> Any:
    """Return the request for the top of the chat list, pinned chats included."""
    return functions.messages.GetDialogsRequest(
        offset_date=None,
        offset_id=0,
        offset_peer=t.InputPeerEmpty(),
        limit=limit,
        hash=0,
        folder_id=folder_id,
    )


class Position(msgspec.Struct, array_like=True, frozen=True):
    """Below which chat the list goes on, as Telegram counts: by its newest message."""

    date: int
    message_id: int
    chat_id: int
    access_hash: int


TOP = Position(0, 0, 0, 0)


def position_of(row: Row, above: Position) -> Position:
    """Return the place right below *row*; without a message it stands as high as what is above it."""
    date = int(row.message.date.timestamp()) if row.message else above.date
    access_hash = getattr(row.entity, "access_hash", None) or 0
    return Position(date, row.dialog.top_message, row.id, access_hash)


def page_after(position: Position, limit: int, folder_id: int | None = None) -> Any:
    """Return the request for what comes below *position*; pinned chats stand above all others and are not repeated."""
    return functions.messages.GetDialogsRequest(
        offset_date=datetime.fromtimestamp(position.date, UTC) if position.date else None,
        offset_id=position.message_id,
        offset_peer=input_peer(position.chat_id, position.access_hash),
        limit=limit,
        hash=0,
        exclude_pinned=True,
        folder_id=folder_id,
    )


def closest(words: str, candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Return at most five candidates that *words* may mean: the same name, then one that holds it, then a similar one."""
    wanted = words.removeprefix("@").casefold().strip()
    if not wanted:
        return ()
    matcher: difflib.SequenceMatcher[str] = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(wanted)  # the side that it prepares once
    ranked = []
    for order, candidate in enumerate(candidates):
        names = [name.casefold() for name in (candidate.title, candidate.username) if name]
        score = max((_likeness(matcher, wanted, name) for name in names), default=0.0)
        if score >= _CLOSE_ENOUGH:
            ranked.append((-score, order, candidate))
    ranked.sort(key=lambda entry: entry[:2])
    return tuple(candidate for _, _, candidate in ranked[:MAX_CANDIDATES])


def _likeness(matcher: difflib.SequenceMatcher[str], wanted: str, name: str) -> float:
    if wanted == name:
        return 4.0
    if name.startswith(wanted):
        return 3.0
    if wanted in name:
        return 2.0
    best = 0.0
    for part in (name, *name.split()):
        matcher.set_seq1(part)
        if matcher.real_quick_ratio() >= _CLOSE_ENOUGH:
            best = max(best, matcher.ratio())
    return best
