"""The account's own dialogs: rows of the chat list, one chat in full, and what a name may have meant."""

from __future__ import annotations

import asyncio
import difflib
import time
import weakref
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import ChatNotFound, TelegramTimeout, VasyaError
from vasya_server.telegram.convert import to_candidate, to_chat
from vasya_server.telegram.directory import entity_id, input_peer, marked_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vasya_server.model.chat import Candidate, Chat
    from vasya_server.telegram.accounts import AccountRuntime
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
    """One line of the chat list: who it is, the account's state of it, and its newest message."""

    entity: Any
    dialog: Any
    message: Any

    @property
    def id(self) -> int:
        """The chat's marked id."""
        return entity_id(self.entity)


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
            rows.append(Row(entities[peer_id], dialog, newest.get((peer_id, dialog.top_message))))
    return rows


def chat_of_row(row: Row) -> Chat:
    """Return a row of the chat list as a chat."""
    return to_chat(row.entity, now=datetime.now(UTC), dialog=row.dialog, last_message=row.message)


async def rows_of_peers(reading: Reading, input_peers: Iterable[Any]) -> list[Row]:
    """Return the rows of chats whether the account has talked there or not."""
    peers = [t.InputDialogPeer(peer) for peer in input_peers]
    answer = await reading.call(functions.messages.GetPeerDialogsRequest(peers))
    return rows_of(answer, reading)


async def read_chat(reading: Reading, peer_id: int, input_peer: Any) -> Chat:
    """Return one chat with its members counted where Telegram leaves that to a second request.

    Raises:
        ChatNotFound: Telegram tells nothing of it.
    """
    rows = await rows_of_peers(reading, [input_peer])
    row = next((row for row in rows if row.id == peer_id), None)
    entity = row.entity if row else reading.directory.entities.get(peer_id)
    if entity is None:
        raise ChatNotFound
    members_count = None
    if isinstance(entity, t.Channel) and not entity.participants_count:
        full = await reading.call(functions.channels.GetFullChannelRequest(input_peer))
        members_count = full.full_chat.participants_count
    return to_chat(
        entity,
        now=datetime.now(UTC),
        dialog=row.dialog if row else None,
        last_message=row.message if row else None,
        members_count=members_count,
    )


@dataclass(slots=True)
class _Index:
    """What was seen at the last walk through the dialogs."""

    read_at: float
    candidates: list[Candidate] = field(default_factory=list)


_indexes: weakref.WeakKeyDictionary[AccountRuntime, _Index] = weakref.WeakKeyDictionary()
# The walk under way; it ends with the refusal that everybody who waits for it shares, or with None.
_walks: weakref.WeakKeyDictionary[AccountRuntime, asyncio.Future[VasyaError | None]] = (
    weakref.WeakKeyDictionary()
)


async def own_candidates(reading: Reading) -> list[Candidate]:
    """Return the account's dialogs, at most half a minute old; reading them makes their ids known to it.

    Those who ask at the same time share one walk. Where it ends for a reason of the one who walks, the next goes on.
    """
    while True:
        index = _indexes.get(reading.account.runtime)
        if index is not None and time.monotonic() - index.read_at < _FRESH_SECS:
            return index.candidates
        if (walk := _walks.get(reading.account.runtime)) is None:
            return await _walk(reading)
        if (refusal := await reading.wait(walk)) is not None:
            raise refusal


async def _walk(reading: Reading) -> list[Candidate]:
    """Walk for everybody who waits."""
    account = reading.account.runtime
    walk = _walks[account] = asyncio.get_running_loop().create_future()
    refusal: VasyaError | None = None
    try:
        index = _indexes[account] = await _read_index(reading)
    except TelegramTimeout:
        raise  # the others may have more time
    except VasyaError as error:
        refusal = error
        raise
    else:
        return index.candidates
    finally:
        del _walks[account]
        walk.set_result(refusal)


async def _read_index(reading: Reading) -> _Index:
    index = _Index(time.monotonic())
    request, position = first_page(PAGE), TOP
    for _ in range(_MAX_PAGES):
        answer = await reading.call(request)
        rows = rows_of(answer, reading)
        index.candidates += [to_candidate(row.entity, row.message) for row in rows]
        if not rows or not isinstance(answer, t.messages.DialogsSlice):
            break
        position = position_of(rows[-1], position)
        request = page_after(position, PAGE)
    return index


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
