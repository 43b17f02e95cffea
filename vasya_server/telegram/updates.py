"""Follows an account on one connection: what Telegram tells is written down before anybody hears of it.

Events, peers and how far the account has got are one unit of the database. A process that dies in between goes on from
what is stored, and Telegram tells the rest again; so no message is lost and none is written down twice.

What the gateway itself sends comes the same way. Telegram tells the sender in the answer alone, so the answer is taken as
an update and moves the sequence in the unit that stores its event (docs/adr/0009-own-changes-are-updates.md).
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from msgspec import structs
from telethon import errors as tg
from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import StorageFailed
from vasya_server.events.record import Draft
from vasya_server.model.event import EventChat, EventData, EventType
from vasya_server.store.database import ConstraintFailed
from vasya_server.telegram.backfill import missed_in
from vasya_server.telegram.cleaning import clean
from vasya_server.telegram.directory import CHANNEL_MARK, entity_id, entity_title, entity_type
from vasya_server.telegram.errors import ConnectionLost, is_session_over
from vasya_server.telegram.session import peers_in
from vasya_server.telegram.short_forms import expanded
from vasya_server.telegram.update_box import EVERYTHING, Applied, UpdateBox
from vasya_server.telegram.update_events import Converter, places_in, unplaced_in

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from telethon.tl.tlobject import TLRequest

    from vasya_server.events.log import EventLog
    from vasya_server.sessions.updates import UpdateState, UpdateStore
    from vasya_server.store.database import Statement
    from vasya_server.telegram.backfill import Missed
    from vasya_server.telegram.client import Client
    from vasya_server.telegram.following import Entities
    from vasya_server.telegram.inbox import Inbox
    from vasya_server.telegram.runtime import AccountRuntime

_log: Final = logging.getLogger(__name__)

_LONGEST_PAUSE_SECS: Final = 30.0
_WATCH_AGAIN_SECS: Final = 300.0
# Of no sequence, so that a time without a connection may have had some of which nobody will ever tell.
_UNCOUNTED: Final = frozenset({EventType.MESSAGE_REACTION, EventType.USER_STATUS})
_CLOSED_CHANNEL: Final = (tg.ChannelPrivateError, tg.ChannelInvalidError)


class Updates:
    """The updates of one account on one connection.

    Args:
        entities: Whom the account has met, on earlier connections too.
    """

    def __init__(
        self,
        account: AccountRuntime,
        client: Client,
        inbox: Inbox,
        *,
        entities: Entities,
        store: UpdateStore,
        log: EventLog,
    ) -> None:
        self._account = account
        self._client = client
        self._inbox = inbox
        self._entities = entities
        self._store = store
        self._log = log
        self._box = UpdateBox()
        self._saved: UpdateState | None = None
        # When a channel that could not be watched is tried again, on the loop's clock.
        self._watchable_at: dict[int, float] = {}

    async def follow(self) -> None:
        """Write down what comes until the connection ends; where following fails the connection is given up for it."""
        try:
            await self._resume()
            while not self._inbox.is_closed:
                await self._catch_up()
                self._account.following.is_current.set()
                await self._watch()
                await self._take()
        except ConnectionLost:
            pass
        except ConstraintFailed:
            _log.info("an account was erased while it was followed")
        except tg.RPCError as error:
            if is_session_over(error):
                await self._account._session_over()
            else:
                self._give_up(error)
        except Exception as error:  # noqa: BLE001 — a bug must not leave an account that looks connected and hears nothing
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        _log.error(
            "an account could not be followed; it is connected anew",
            exc_info=error,
            extra={"account_id": self._account.id},
        )
        self._account._lost(self._client)

    async def _resume(self) -> None:
        """Go on from what is stored, or begin now."""
        stored = await self._store.load()
        if stored is None:
            self._box.begin(await self._ask(functions.updates.GetStateRequest()))
            await self._write(Applied())
            return
        self._box.load(stored)
        self._saved = stored
        await self._tell([self._gap(_UNCOUNTED, None, since=stored.date)], ())

    async def _catch_up(self) -> None:
        """Ask for every difference that is needed."""
        if (dropped := self._inbox.take_dropped()) is not None:
            self._box.doubt(dropped)
        asked = self._inbox.take_asked()
        told_at = 0
        try:
            for each in asked:
                self._box.doubt()
                self._box.seen(each.channels, each.since)
            await self._ask_all()
            told_at = self._box.state().date
        finally:
            for each in asked:
                each.end(told_at)

    async def _ask_all(self) -> None:
        while True:
            if (request := self._box.difference()) is not None:
                await self._write(await self._difference(request))
            elif (channel_id := self._box.wanted_channel()) is not None:
                await self._about_channel(channel_id, self._channel_difference)
            elif (channel_id := self._box.next_strange()) is not None:
                await self._about_channel(channel_id, self._meet_channel)
            else:
                return

    async def _difference(self, request: TLRequest) -> Applied:
        try:
            diff = await self._insist(request)
        except (tg.TypeNotFoundError, tg.BadRequestError) as error:
            if is_session_over(error):
                raise
            # It would be so every time: what is in it is passed over, and said.
            self._box.pass_over(await self._ask(functions.updates.GetStateRequest()))
            return Applied(missed=EVERYTHING)
        self._meet(diff)
        return self._box.apply_difference(diff)

    async def _about_channel(self, channel_id: int, ask: Callable[[int], Awaitable[None]]) -> None:
        """Ask about a channel; where Telegram does not answer, it is asked another time."""
        if self._box.hashes.get(channel_id) is None:
            peer = await self._account.peers.by_id(-CHANNEL_MARK - channel_id)
            if peer is not None:
                self._box.hashes.put(channel_id, peer.access_hash)
        try:
            await ask(channel_id)
        except (tg.RPCError, tg.TypeNotFoundError) as error:
            if is_session_over(error):
                raise
            _log.info("a channel could not be asked about (%s)", type(error).__name__)
            self._box.give_up_channel(channel_id, is_closed=isinstance(error, _CLOSED_CHANNEL))

    async def _channel_difference(self, channel_id: int) -> None:
        if (request := self._box.channel_difference()) is None:
            return
        diff = await self._ask(request)
        self._meet(diff)
        if not isinstance(diff, t.updates.ChannelDifferenceTooLong):
            await self._write(self._box.apply_channel_difference(request, diff))
            return
        missed = await self._missed_in(channel_id, diff.dialog.top_message)
        self._box.apply_channel_difference(request, diff)
        await self._write(self._box.applied_from_history(channel_id, missed))

    async def _meet_channel(self, channel_id: int) -> None:
        """Go on in a channel that was never heard of while something happened there."""
        known = self._box.hashes.get(channel_id)
        if known is None:
            self._box.give_up_channel(channel_id, is_closed=True)  # nobody can ask about it
            return
        peer = t.InputDialogPeer(t.InputPeerChannel(channel_id, known.hash))
        dialogs = await self._ask(functions.messages.GetPeerDialogsRequest([peer]))
        self._meet(dialogs)
        dialog = dialogs.dialogs[0]
        missed = await self._missed_in(channel_id, dialog.top_message)
        self._box.begin_channel(channel_id, dialog.pts)
        await self._write(self._box.applied_from_history(channel_id, missed))

    async def _missed_in(self, channel_id: int, upto_id: int) -> Missed:
        known = self._box.hashes.get(channel_id)
        missed = await missed_in(
            self._ask,
            t.InputPeerChannel(channel_id, known.hash),
            after_id=self._box.last_id(channel_id),
            since=self._box.untold_since(channel_id),
            upto_id=upto_id,
        )
        self._meet(missed)
        return missed

    async def _watch(self) -> None:
        """Follow the channels that somebody watches, whether the account is in them or not."""
        watched = self._account.consumers.channels
        now = asyncio.get_running_loop().time()
        for channel_id in watched:
            if not self._box.knows(channel_id) and now >= self._watchable_at.get(channel_id, 0):
                self._watchable_at[channel_id] = now + _WATCH_AGAIN_SECS
                await self._about_channel(channel_id, self._begin_watching)
        self._box.poll(watched)

    async def _begin_watching(self, channel_id: int) -> None:
        known = self._box.hashes.get(channel_id)
        if known is not None:
            channel = t.InputChannel(channel_id, known.hash)
            full = await self._ask(functions.channels.GetFullChannelRequest(channel))
            self._meet(full)
            self._box.begin_channel(channel_id, full.full_chat.pts)

    async def _take(self) -> None:
        """Apply what has come, as one batch."""
        batch: list[Applied] = []
        for container in await self._inbox.take(self._box.due_in_secs()):
            self._meet(container)
            if isinstance(container, t.UpdateShortMessage | t.UpdateShortChatMessage):
                if not self._knows_people_of(container):
                    self._box.doubt()  # the difference introduces them
                    continue
                container = expanded(container, self._account.user_id)  # noqa: PLW2901 — the same in full
            batch.append(self._box.push(container))
        if batch:
            await self._write(
                Applied(
                    updates=[update for each in batch for update in each.updates],
                    users=[user for each in batch for user in each.users],
                    chats=[chat for each in batch for chat in each.chats],
                )
            )

    def _knows_people_of(self, short: Any) -> bool:
        known = self._entities
        if isinstance(short, t.UpdateShortChatMessage):
            return -short.chat_id in known and short.from_id in known
        return short.user_id in known

    def _meet(self, answer: Any) -> None:
        self._entities.add(
            *(getattr(answer, "users", None) or ()), *(getattr(answer, "chats", None) or ())
        )

    async def _write(self, applied: Applied) -> None:
        """Write down what was applied, with how far the account is now."""
        account, store = self._account, self._store
        drafts = []
        if applied.missed:
            drafts.append(self._gap(applied.missed, applied.channel_id))
        if applied.updates:
            drafts += await self._drafts(applied.updates)
        account.following.speech.note(applied.updates)
        wrote = account.owner_seen.wrote_in(applied.updates, account.user_id)
        met = account.peers.changed(peers_in(applied))
        state = self._box.state()
        saved = self._saved
        if not drafts and not met and saved is not None and _is_same(saved, state):
            return
        await self._tell(
            drafts,
            (
                store.saving(state),
                *account.peers.storing(met),
                *store.placing(places_in(applied.updates)),
                *(await account.owner_seen.storing(wrote) if wrote else ()),
                *(await account.line.storing(applied.updates) if account.line.is_on() else ()),
            ),
        )
        account.peers.stored(met)
        self._saved = state

    async def _drafts(self, updates: list[Any]) -> list[Draft]:
        account = self._account
        new = places_in(updates)
        missing = [each for each in unplaced_in(updates) if each not in new]
        places = new | (await self._store.places(missing) if missing else {})
        now = account._clock.now()
        scheduled = account.scheduled.take(updates, now)
        converter = Converter(
            account.user_id,
            self._entities,
            places,
            now,
            scheduled,
            has_line=account.line.holds(),
        )
        drafts: list[Draft] = []
        for update in updates:
            try:
                drafts += converter.drafts(update)
            except Exception:  # noqa: BLE001 — logged, and said in the log
                # One that cannot be told must not keep all that follow from being told.
                _log.exception("an update could not be told: %s", type(update).__name__)
                drafts.append(self._gap(EVERYTHING, None))
        return drafts

    async def _tell(self, drafts: list[Draft], statements: tuple[Statement, ...]) -> None:
        """Write down until it is stored: what is in memory only here is ahead of what is stored."""
        pause_secs = 1.0
        while True:
            try:
                await self._log.append(self._account.owner, self._account.id, drafts, *statements)
            except StorageFailed:
                if self._inbox.is_closed:
                    raise ConnectionLost(is_dispatched=False) from None
                _log.warning("events wait for the storage", extra={"account_id": self._account.id})
                await self._inbox.pause(pause_secs)
                pause_secs = min(pause_secs * 2, _LONGEST_PAUSE_SECS)
            else:
                return

    def _gap(
        self, missed: frozenset[EventType], channel_id: int | None, since: int | None = None
    ) -> Draft:
        chat = None
        if channel_id is not None:
            entity = self._entities.get(-CHANNEL_MARK - channel_id)
            if entity is not None:
                told = EventChat(
                    id=entity_id(entity), type=entity_type(entity), title=entity_title(entity)
                )
                chat = clean(told)
        begin = since if since is not None else (self._saved.date if self._saved else 0)
        data = EventData(
            missed=[kind for kind in EventType if kind in missed],
            since=datetime.fromtimestamp(begin, UTC) if begin else None,
        )
        return Draft(type=EventType.GAP, at=self._account._clock.now(), chat=chat, data=data)

    async def _insist(self, request: TLRequest) -> Any:
        """Ask until there is an answer: without this difference nothing can go on.

        Raises:
            ConnectionLost: The connection has ended meanwhile.
            BadRequestError: Telegram will never answer this.
        """
        pause_secs = 1.0
        while not self._inbox.is_closed:
            try:
                return await self._ask(request)
            except tg.BadRequestError:
                raise
            except tg.FloodWaitError as error:
                await self._inbox.pause(error.seconds)
            except tg.RPCError as error:
                if is_session_over(error):
                    raise
                _log.info("a difference is asked for again (%s)", type(error).__name__)
                await self._inbox.pause(pause_secs)
                pause_secs = min(pause_secs * 2, _LONGEST_PAUSE_SECS)
        raise ConnectionLost(is_dispatched=False)

    async def _ask(self, request: TLRequest) -> Any:
        """Ask on this connection.

        Raises:
            ConnectionLost: It is gone, or says nothing.
        """
        call = await self._client.post(request)
        try:
            async with asyncio.timeout(self._account._settings.read_deadline_secs):
                return await call.state.future
        except TimeoutError:
            self._account._lost(self._client)
            raise ConnectionLost(is_dispatched=True) from None


def _is_same(one: UpdateState, other: UpdateState) -> bool:
    """Tell whether nothing but the date has moved."""
    return structs.replace(one, date=0) == structs.replace(other, date=0)
