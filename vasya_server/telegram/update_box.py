"""Telegram's update sequences: what follows on what is known, what is missing, and how it is asked for.

Telethon's message box does the counting. Two things it leaves out are added here. Of a difference it returns new messages
alone: the edits, deletions and reads that came with them are taken from the difference itself. And what a difference does
not account for is said aloud: where pts moved further than what was told explains, something may be lost.

Source: https://core.telegram.org/api/updates
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from telethon._updates import (
    ChannelState,
    GapError,
    MessageBox,
    PrematureEndReason,
    SessionState,
)
from telethon._updates.messagebox import ENTRY_ACCOUNT, NO_UPDATES_TIMEOUT, PtsInfo
from telethon.tl import types as t

from vasya_server.model.event import EventType
from vasya_server.sessions.updates import UpdateState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vasya_server.telegram.backfill import Missed
    from vasya_server.telegram.catching_up import Seen

_log: Final = logging.getLogger(__name__)

_MAX_HASHES: Final = 1000
_ASK_AGAIN_SECS: Final = 60.0
# Where Telegram did not get to say it.
_POLL_SECS: Final = 30

EVERYTHING: Final = frozenset(
    {
        EventType.MESSAGE_NEW,
        EventType.MESSAGE_EDITED,
        EventType.MESSAGE_DELETED,
        EventType.MESSAGE_REACTION,
        EventType.CHAT_READ,
        EventType.CHAT_UPDATED,
    }
)
_BUT_NEW: Final = EVERYTHING - {EventType.MESSAGE_NEW}


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What a container of updates came down to.

    Args:
        missed: The types of what may be lost for good before these.
        channel_id: The channel in which it may be; None: anywhere else.
    """

    updates: list[Any] = field(default_factory=list)
    users: list[Any] = field(default_factory=list)
    chats: list[Any] = field(default_factory=list)
    missed: frozenset[EventType] = frozenset()
    channel_id: int | None = None


@dataclass(frozen=True, slots=True)
class Strange:
    """A channel of which Telegram says that something happened, and of which nothing is known.

    Args:
        since: From when on what was said there is untold, in seconds since the epoch, by Telegram's clock.
        at: From when on it may be asked about, on the loop's clock.
    """

    since: int
    at: float = 0.0


class ChannelHashes:
    """The access hashes of channels whose differences are asked for, in the form the message box reads."""

    self_bot = False

    def __init__(self) -> None:
        self._known: OrderedDict[int, int] = OrderedDict()

    def extend(self, _users: Iterable[Any], chats: Iterable[Any]) -> None:
        """Take in the channels among *chats*."""
        for chat in chats:
            if isinstance(chat, t.Channel) and chat.access_hash and not chat.min:
                self.put(chat.id, chat.access_hash)

    def put(self, channel_id: int, access_hash: int) -> None:
        """Know a channel's hash; those that were of use longest ago go first."""
        self._known[channel_id] = access_hash
        self._known.move_to_end(channel_id)
        if len(self._known) > _MAX_HASHES:
            self._known.popitem(last=False)

    def get(self, channel_id: int) -> Any:
        """Return the channel's id and hash; None where it is not known."""
        access_hash = self._known.get(channel_id)
        return None if access_hash is None else SimpleNamespace(id=channel_id, hash=access_hash)


class UpdateBox:
    """How far one account is, in the common sequence and in that of each channel."""

    def __init__(self) -> None:
        self._box = MessageBox(_log)
        self.hashes = ChannelHashes()
        # The last message of each channel that was told of.
        self._last_ids: dict[int, int] = {}
        # When this connection began to follow, by Telegram's clock.
        self._since = 0
        # Stored, because Telegram names them once; with their own `since`, because the next connection begins later.
        self._strange: dict[int, Strange] = {}
        # How often Telegram wants to be asked about a channel, where it said so.
        self._poll_secs: dict[int, int] = {}

    def begin(self, state: Any) -> None:
        """Begin at what `updates.getState` answered: nothing that was before is asked for."""
        self._since = int(state.date.timestamp())
        # Only `load` has deadlines watched.
        self._box.load(_account(state.pts, state.qts, self._since, state.seq), [])

    def pass_over(self, state: Any) -> None:
        """Go on from what `updates.getState` answered, in place of a difference that cannot be read."""
        self._box.set_state(state, reset=False)
        self._box.end_difference()

    def load(self, state: UpdateState) -> None:
        """Go on from *state*, which asks for the account's difference first.

        Channels are asked about when the account's difference names them. Those it does not name have their turn within a
        quarter of an hour, each at a moment of its own: two hundred at once, after every deployment, would be a flood.
        """
        box = self._box
        account = _account(state.pts, state.qts, state.date, state.seq)
        channels = state.channels.items()
        box.load(account, [ChannelState(channel_id, pts) for channel_id, (pts, _) in channels])
        self._last_ids = {channel_id: last_id for channel_id, (_, last_id) in channels if last_id}
        self._since = state.date
        self._strange = {
            each: Strange(state.strange_since.get(each, state.date)) for each in state.strange
        }
        now = asyncio.get_running_loop().time()
        for channel_id in state.channels:
            box.map[channel_id].deadline = now + random.uniform(0.2, 1) * NO_UPDATES_TIMEOUT  # noqa: S311 — spreads load
        if box.map:
            box.next_deadline = min(box.map, key=lambda entry: box.map[entry].deadline)
        self.doubt()

    def state(self) -> UpdateState:
        """Return how far it is."""
        account, channels = self._box.session_state()
        return UpdateState(
            pts=account["pts"],
            qts=account["qts"],
            seq=account["seq"],
            date=int(account["date"].timestamp()),
            channels={each: (pts, self._last_ids.get(each, 0)) for each, pts in channels.items()},
            strange=sorted(self._strange),
            strange_since={each: strange.since for each, strange in self._strange.items()},
        )

    def doubt(self, channel_ids: Iterable[int] = ()) -> None:
        """Ask for the account's difference, and for those of some channels, next."""
        self._box.try_begin_get_diff(ENTRY_ACCOUNT, "in doubt")
        for channel_id in channel_ids:
            self._box.try_begin_get_diff(channel_id, "in doubt")

    def due_in_secs(self) -> float:
        """Return how long nothing has to be asked for."""
        strange = (each.at for each in self._strange.values())
        due: float = min(self._box.check_deadlines(), *strange, math.inf)
        return max(0.0, due - asyncio.get_running_loop().time())

    def push(self, updates: Any) -> Applied:
        """Apply a container that Telegram pushed; what cannot be applied yet is kept, or asked for."""
        self.hashes.extend((), getattr(updates, "chats", ()))
        is_short = isinstance(updates, t.UpdateShort)
        told = [updates.update] if is_short else getattr(updates, "updates", None)
        if told is not None:
            news = self._without_repeats(told)
            if not news:
                return Applied(
                    users=getattr(updates, "users", []), chats=getattr(updates, "chats", [])
                )
            self._notice_strange(news)
            if not is_short:
                updates.updates = news
        applied: list[Any] = []
        try:
            users, chats = self._box.process_updates(updates, self.hashes, applied)
        except GapError:
            return Applied()
        self._note_told(applied)
        return Applied(updates=applied, users=list(users), chats=list(chats))

    # The account's difference

    def difference(self) -> Any:
        """Return the request for the account's difference, where one is needed."""
        return self._box.get_difference()

    def apply_difference(self, diff: Any) -> Applied:
        """Apply what `difference` was answered."""
        before = self._pts(ENTRY_ACCOUNT)
        self._notice_strange(getattr(diff, "other_updates", ()))
        updates, users, chats = self._box.apply_difference(diff, self.hashes)
        if isinstance(diff, t.updates.DifferenceTooLong):
            return Applied(missed=EVERYTHING)
        if isinstance(diff, t.updates.DifferenceEmpty):
            return Applied()
        return self._counted(ENTRY_ACCOUNT, before, diff, updates, users, chats)

    # A channel's difference

    def wanted_channel(self) -> int | None:
        """Return a channel whose difference is needed next."""
        return next((entry for entry in self._box.getting_diff_for if isinstance(entry, int)), None)

    def channel_difference(self) -> Any:
        """Return the request for the difference of `wanted_channel`; None where its hash is not known: it is forgotten."""
        return self._box.get_channel_difference(self.hashes)

    def apply_channel_difference(self, request: Any, diff: Any) -> Applied:
        """Apply what `channel_difference` was answered; one that is too long tells nothing but where the channel is now."""
        channel_id = request.channel.channel_id
        before = self._pts(channel_id)
        updates, users, chats = self._box.apply_channel_difference(request, diff, self.hashes)
        if diff.timeout or getattr(diff, "final", None):
            asked_secs = diff.timeout or self._poll_secs.get(channel_id, _POLL_SECS)
            self._poll_secs[channel_id] = asked_secs
        if not isinstance(diff, t.updates.ChannelDifference):
            return Applied()
        return self._counted(channel_id, before, diff, updates, users, chats)

    def applied_from_history(self, channel_id: int, missed: Missed) -> Applied:
        """Return what was read of a channel's history, because no difference tells it."""
        self._note_told(missed.updates)
        return Applied(
            updates=missed.updates,
            users=missed.users,
            chats=missed.chats,
            missed=_BUT_NEW if missed.is_all else EVERYTHING,
            channel_id=channel_id,
        )

    def last_id(self, channel_id: int) -> int:
        """Return the last message of the channel that was told of; 0: none was."""
        return self._last_ids.get(channel_id, 0)

    def next_strange(self) -> int | None:
        """Return a channel in which something happened, of which nothing is known, and which may be asked about."""
        now = asyncio.get_running_loop().time()
        return next((each for each, strange in self._strange.items() if strange.at <= now), None)

    def untold_since(self, channel_id: int) -> int:
        """Return from when on nothing was told of a channel, in seconds since the epoch, by Telegram's clock."""
        strange = self._strange.get(channel_id)
        return self._since if strange is None else strange.since

    def give_up_channel(self, channel_id: int, *, is_closed: bool) -> None:
        """End asking about a channel: for now, or for good where it is closed to the account."""
        strange = self._strange.pop(channel_id, None)
        if strange is not None and not is_closed:
            # Behind the others.
            again_at = asyncio.get_running_loop().time() + _ASK_AGAIN_SECS
            self._strange[channel_id] = replace(strange, at=again_at)
        self._poll_secs.setdefault(channel_id, _POLL_SECS)
        if channel_id not in self._box.getting_diff_for:
            return
        reason = (
            PrematureEndReason.BANNED if is_closed else PrematureEndReason.TEMPORARY_SERVER_ISSUES
        )
        request = SimpleNamespace(channel=SimpleNamespace(channel_id=channel_id))
        self._box.end_channel_difference(request, reason, self.hashes)
        if is_closed:
            self._last_ids.pop(channel_id, None)

    def seen(self, channels: Iterable[Seen], since: int) -> None:
        """Ask next about channels that are further than was told, and about those never heard of with news since *since*."""
        for channel in channels:
            if self.knows(channel.id):
                if channel.pts > self._pts(channel.id):
                    self._box.try_begin_get_diff(channel.id, "in doubt")
            elif channel.at >= since:
                self._strange[channel.id] = Strange(min(since, self.untold_since(channel.id)))

    # Channels that somebody watches

    def knows(self, channel_id: int) -> bool:
        """Tell whether the channel is followed."""
        return channel_id in self._box.map

    def begin_channel(self, channel_id: int, pts: int) -> None:
        """Follow a channel from *pts* on."""
        self._box.try_set_channel_state(channel_id, pts)
        self._strange.pop(channel_id, None)

    def poll(self, channel_ids: Iterable[int]) -> None:
        """Have watched channels asked about at Telegram's own interval, and not only after a silent quarter of an hour."""
        now = asyncio.get_running_loop().time()
        for channel_id in channel_ids:
            state = self._box.map.get(channel_id)
            # At once where it has not said how often yet.
            due = now + self._poll_secs.get(channel_id, 0)
            if state is not None and state.deadline > due:
                self._box.reset_deadlines({channel_id}, due)

    def _pts(self, entry: object) -> int:
        state = self._box.map.get(entry)
        return state.pts if state is not None else 0

    def _without_repeats(self, updates: list[Any]) -> list[Any]:
        """Take out messages that move no sequence: a send that is repeated is answered with the message of the first.

        Where that is ahead of what is known the difference tells it. The box would tell it here as well.
        """
        kept = []
        for update in updates:
            if not _is_new(update) or update.pts_count or not update.pts:
                kept.append(update)
                continue
            entry = PtsInfo.from_update(update).entry
            if entry not in self._box.map:
                self._strange.setdefault(entry, Strange(self._since))
            elif self._pts(entry) < update.pts:
                self._box.try_begin_get_diff(entry, "in doubt")
        return kept

    def _notice_strange(self, updates: Iterable[Any]) -> None:
        for update in updates:
            if isinstance(update, t.UpdateChannelTooLong) and not self.knows(update.channel_id):
                self._strange.setdefault(update.channel_id, Strange(self._since))

    def _note_told(self, updates: Iterable[Any]) -> None:
        for update in updates:
            if isinstance(update, t.UpdateNewChannelMessage):
                channel_id = getattr(update.message.peer_id, "channel_id", None)
                if channel_id is not None:
                    last_id = self._last_ids.get(channel_id, 0)
                    self._last_ids[channel_id] = max(last_id, update.message.id)

    def _counted(
        self,
        entry: object,
        before: int,
        diff: Any,
        updates: list[Any],
        users: list[Any],
        chats: list[Any],
    ) -> Applied:
        """Add the changes of the same sequence, which the box left out, and count whether anything is missing."""
        infos = ((update, PtsInfo.from_update(update)) for update in diff.other_updates)
        changes = [
            (info.pts, info.pts_count, update)
            for update, info in infos
            if info is not None and info.entry == entry and info.pts > before
        ]
        changes.sort(key=lambda change: change[0])
        told = len(diff.new_messages) + sum(count for _, count, _ in changes)
        self._note_told(updates)
        news = [update for update in updates if _is_new(update)]
        rest = [update for update in updates if not _is_new(update)]
        return Applied(
            # A message first, then what became of it.
            updates=[*news, *rest, *(update for _, _, update in changes)],
            users=users,
            chats=chats,
            missed=frozenset() if self._pts(entry) - before == told else _BUT_NEW,
            channel_id=entry if isinstance(entry, int) else None,
        )


def _account(pts: int, qts: int, date: int, seq: int) -> SessionState:
    return SessionState(0, 0, False, pts, qts, date, seq, None)  # noqa: FBT003 — Telethon's signature


def _is_new(update: Any) -> bool:
    return isinstance(update, t.UpdateNewMessage | t.UpdateNewChannelMessage)
