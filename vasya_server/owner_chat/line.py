"""The line of one account: what is asked and told there, and what is answered.

Everything is stored before it is posted, under a random_id that its reason gives, so that a crash posts it once.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import secrets
from datetime import time, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.clock import from_ms
from vasya_server.crypto.derive import Purpose, length_prefixed
from vasya_server.errors import AccessDenied, CursorExpired, VasyaError
from vasya_server.guards.owner_line import Asked
from vasya_server.idempotency.random_id import to_random_id
from vasya_server.model.action import ActionStatus
from vasya_server.model.event import EventType
from vasya_server.owner_chat import words
from vasya_server.owner_chat.commands import Commands
from vasya_server.owner_chat.digest import day_until
from vasya_server.telegram.control_line import post

if TYPE_CHECKING:
    from vasya_server.events.log import Follower
    from vasya_server.events.record import Recorded
    from vasya_server.gateway import Gateway
    from vasya_server.idempotency.asked import AskedAction
    from vasya_server.operations.deciding import Executor
    from vasya_server.telegram.accounts import AccountRuntime
    from vasya_server.telegram.control_line import Heard

_log: Final = logging.getLogger(__name__)

# What is scheduled for sooner is sent at once and does not ring; whole seconds, and one for the way.
_RINGS_AFTER: Final = timedelta(seconds=16)
_CODE_BYTES: Final = 5
_LOOK_EVERY_SECS: Final = 30.0
_UNDER_WAY: Final = frozenset({ActionStatus.STARTED, ActionStatus.DISPATCHED})
_ALARM_FOR: Final = timedelta(days=1)


class AccountLine:
    """Posts and obeys in the Saved Messages of one account."""

    def __init__(self, gateway: Gateway, account: AccountRuntime, executor: Executor) -> None:
        self._gateway = gateway
        self._account = account
        self._commands = Commands(gateway, account, executor)
        # What was answered and is not posted yet: nothing is carried out again for that.
        self._answers: dict[int, str | None] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        # Up to where events are told, and when to look without one (on the clock that only goes forward).
        self._position: int | None = None
        self._ask_at = 0.0

    async def close(self) -> None:
        """End what is under way."""
        for task in self._running.values():
            task.cancel()
        if self._running:
            await asyncio.wait(set(self._running.values()))

    async def hear(self) -> None:
        """Carry out what is written there, for as long as the line is on."""
        gateway, account = self._gateway, self._account
        with gateway.events.follow(account.owner) as follower:
            position, look_at = gateway.events.now, 0.0
            while gateway.guards.line.is_on(account):
                try:
                    records, position = await follower.read(position)
                    now = gateway.clock.monotonic()
                    if now >= look_at or any(map(self._is_here, records)):
                        await self._listen()
                        look_at = now + _LOOK_EVERY_SECS
                except VasyaError as error:
                    _log.warning("the owner's chat could not be read (%s)", error.code)
                    position = gateway.events.now
                    await asyncio.sleep(1)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_EVERY_SECS):
                        await follower.wait(position)

        if self._running:  # the one that closed the line is still to be answered
            await asyncio.wait(set(self._running.values()))

    def _is_here(self, record: Recorded) -> bool:
        chat = record.draft.chat
        return (
            record.account_id == self._account.id
            and chat is not None
            and chat.id == self._account.user_id
        )

    async def _listen(self) -> None:
        """Carry out every command that waits, each by itself: a slow yes must not hold up a lock.

        Raises:
            StorageFailed: They cannot be read.
        """
        for heard in await self._gateway.guards.line.heard(self._account):
            task = self._running.get(heard.message_id)
            if task is None or task.done():
                self._running[heard.message_id] = asyncio.create_task(self._obey(heard))
        for message_id in [each for each, task in self._running.items() if task.done()]:
            del self._running[message_id]

    async def _obey(self, heard: Heard) -> None:
        line, answers = self._gateway.guards.line, self._answers
        try:
            if heard.message_id not in answers:
                if not line.is_on(self._account) or heard.opening != line.of(self._account).opening:
                    await line.forget_heard(self._account, heard.message_id)
                    return
                answers[heard.message_id] = await self._commands.obey(heard)
            if (answer := answers[heard.message_id]) is not None:
                await post(self._account, answer, self._random_id("answer", heard.message_id))
            code = heard.said if heard.word in {"yes", "no"} else ""
            await line.forget_heard(self._account, heard.message_id, code)
            answers.pop(heard.message_id, None)
        except VasyaError as error:
            _log.warning("a command of the owner's chat is not answered yet (%s)", error.code)
        except Exception:  # noqa: BLE001 — the line outlives what goes wrong with one command
            _log.exception("a command of the owner's chat could not be carried out")

    async def tell(self) -> None:
        """Post what has to be asked and told, for as long as the line is on."""
        gateway, account = self._gateway, self._account
        with gateway.events.follow(account.owner) as follower:
            while gateway.guards.line.is_on(account):
                position = gateway.events.now
                try:
                    position = await self._round(follower)
                except VasyaError as error:
                    _log.info("the owner's chat is posted to later (%s)", error.code)
                    await asyncio.sleep(1)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_EVERY_SECS):
                        await follower.wait(position)

    async def _round(self, follower: Follower) -> int:
        """Tell of what has happened, and return up to where."""
        log, position = self._gateway.events, await self._begin()
        try:
            records, upto = await follower.read(position)
        except CursorExpired:
            records, upto = (), log.now
        for record in records:
            await self._alarm(record)
        now = self._gateway.clock.monotonic()
        if now >= self._ask_at or any(_is_of_actions(record) for record in records):
            await self._ask()
            await self._digest()
            self._ask_at = now + _LOOK_EVERY_SECS
        if any(_is_alarm(record) for record in records):
            await self._gateway.guards.line.change_state(self._account, position=upto)
        self._position = upto
        return upto

    async def _begin(self) -> int:
        """Return behind which position to go on: of an opening of the line, nothing from before it is told."""
        line, account, now = self._gateway.guards.line, self._account, self._gateway.events.now
        state, opening = await line.state(account), line.of(account).opening
        if state.position is None or state.opening != opening:
            await line.change_state(account, position=now, opening=opening, wrong_at_ms=())
            self._position, self._ask_at = now, 0.0
        elif self._position is None:
            self._position = state.position
        return now if self._position is None else self._position

    async def _alarm(self, record: Recorded) -> None:
        draft, name = record.draft, None
        if not _is_alarm(record) or draft.at < self._gateway.clock.now() - _ALARM_FOR:
            return
        if draft.key_id is not None:
            name = await self._key_name(draft.key_id)
        if (said := words.alarm(draft, name)) is not None:
            await post(self._account, said, self._random_id("alarm", record.position))

    async def _ask(self) -> None:
        """Ask about what waits, and say what became of what was asked about and decided elsewhere."""
        gateway, account = self._gateway, self._account
        known = {asked.action_id: asked for asked in await gateway.guards.line.asked(account)}
        waiting = {
            each.known.action_id: each
            for each in await gateway.asked.waiting()
            if each.known.owner == account.owner and each.status is ActionStatus.AWAITING_APPROVAL
        }
        for action in waiting.values():
            await self._ask_about(action, known.get(action.known.action_id))
        for each in known.values():
            if each.action_id not in waiting:
                await self._close(each)

    async def _ask_about(self, action: AskedAction, asked: Asked | None) -> None:
        line, question = self._gateway.guards.line, action.question
        opening = line.of(self._account).opening
        if question is None or not line.is_on(self._account):
            return
        if asked is None or asked.opening != opening:
            asked = Asked(
                action_id=action.known.action_id,
                digest=question.digest,
                code=base64.b32encode(secrets.token_bytes(_CODE_BYTES)).decode().lower(),
                title=words.title_of(await self._key_name(question.key_id), question.preview),
                opening=opening,
            )
            await line.put_asked(self._account, asked)
        if asked.is_posted:
            return
        zone = self._gateway.owner_settings.held(self._account.owner).zone
        until = from_ms(question.expires_at_ms).astimezone(zone).strftime("%d %b %H:%M")
        rings_at = self._gateway.clock.now().replace(microsecond=0) + _RINGS_AFTER
        said = words.request(asked, question.preview, until)
        random_id = self._random_id("request", asked.action_id, asked.code)
        await post(self._account, said, random_id, rings_at=rings_at)
        if await self._still_asks(asked):
            await line.put_asked(self._account, msgspec.structs.replace(asked, is_posted=True))

    async def _still_asks(self, asked: Asked) -> bool:
        """Tell whether the code is not used up: the answer may come while the question is being posted."""
        found = await self._gateway.guards.line.asked(self._account)
        return any(each.code == asked.code for each in found)

    async def _close(self, asked: Asked) -> None:
        """Forget a code whose action waits no more, and say how that ended where it was not said as an answer."""
        action, line = await self._gateway.asked.find(asked.action_id), self._gateway.guards.line
        if action is not None and action.status in _UNDER_WAY:
            return
        if any(each.said == asked.code for each in await line.heard(self._account)):
            return  # its answer is on its way
        decision = None if action is None else action.decision
        if (
            asked.is_posted
            and action is not None
            and (decision is None or decision.by != "owner_chat")
        ):
            said = words.ended(asked.title, action.status)
            await post(self._account, said, self._random_id("ended", asked.action_id))
        await line.forget_asked(asked.action_id)

    async def _digest(self) -> None:
        gateway, account = self._gateway, self._account
        settings = gateway.owner_settings.held(account.owner)
        if settings.owner_chat.digest_at is None:
            return
        now = gateway.clock.now()
        local = now.astimezone(settings.zone)
        today, state = local.date().isoformat(), await gateway.guards.line.state(account)
        is_due = local.time() >= time.fromisoformat(settings.owner_chat.digest_at)
        if not is_due or state.digested_on == today:
            if state.digested_on is None and not is_due:
                await self._note_digest((local - timedelta(days=1)).date().isoformat())
            return
        if state.digested_on is not None:
            day = await day_until(gateway, account.owner, now)
            if not day.is_quiet:
                await post(account, words.digest(day), self._random_id("digest", today))
        await self._note_digest(today)

    async def _note_digest(self, day: str) -> None:
        await self._gateway.guards.line.change_state(self._account, digested_on=day)

    async def _key_name(self, key_id: str) -> str:
        try:
            return (await self._gateway.keys.find(self._account.owner, key_id)).grant.name
        except AccessDenied:
            return key_id

    def _random_id(self, *reason: str | int) -> int:
        account = self._account
        digest = self._gateway.key.digest(Purpose.RANDOM_ID, account.owner, account.id)
        return to_random_id(digest(length_prefixed("owner-chat", *map(str, reason))))


def _is_of_actions(record: Recorded) -> bool:
    return record.draft.type is EventType.ACTION_UPDATED


def _is_alarm(record: Recorded) -> bool:
    return record.draft.type in {
        EventType.ACCOUNT_LIMITED,
        EventType.BUDGET_EXHAUSTED,
        EventType.KEY_NEW_ADDRESS,
    }
