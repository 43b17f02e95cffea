from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.events.conftest import ACCOUNTS
from vasya_server.clock import to_ms
from vasya_server.crypto.cursor import CursorInvalid
from vasya_server.errors import CursorExpired
from vasya_server.events.log import EventLog
from vasya_server.events.record import Draft
from vasya_server.model.chat import ChatType
from vasya_server.model.event import EventChat, EventData, EventType
from vasya_server.model.message import CompactMessage
from vasya_server.store.database import ConstraintFailed, Query

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clocks import MovableClock
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.ids import OwnerId
    from vasya_server.store.database import Database

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FIRST, SECOND = ACCOUNTS


def draft(text: str) -> Draft:
    message = CompactMessage(id=1, at=AT, from_=7, text=text)
    return Draft(
        type=EventType.MESSAGE_NEW,
        at=AT,
        chat=EventChat(id=7, type=ChatType.USER, title="Ann"),
        data=EventData(message=message, people={"7": "Ann"}),
    )


async def read_all(log: EventLog, owner: OwnerId, position: int = 0, limit: int = 200) -> list[str]:
    texts: list[str] = []
    with log.follow(owner) as follower:
        while True:
            found, upto = await follower.read(position, limit)
            texts += [text_of(record.told("c", is_agent=True)) for record in found]
            if upto == position:
                return texts
            position = upto


def text_of(told: bytes) -> str:
    return str(msgspec.json.decode(told)["data"]["message"]["text"])


async def test_events_are_read_in_the_order_in_which_they_were_written(
    log: EventLog, owner: OwnerId
) -> None:
    await log.append(owner, FIRST, [draft("one"), draft("two")])
    await log.append(owner, SECOND, [draft("three")])

    assert await read_all(log, owner) == ["one", "two", "three"]
    assert await read_all(log, owner, limit=1) == ["one", "two", "three"]


async def test_numbers_have_no_gap_within_an_account_and_go_on_after_a_restart(
    log: EventLog, owner: OwnerId, db: Database, key: MasterKey, clock: MovableClock
) -> None:
    await log.append(owner, FIRST, [draft("one"), draft("two")])
    await log.append(owner, SECOND, [draft("other")])
    await log.forget(owner, to_ms(clock.now() + timedelta(seconds=1)))

    again = EventLog(db, key, clock)
    await again.open()
    await again.append(owner, FIRST, [draft("three")])

    with again.follow(owner) as follower:
        found, _ = await follower.read(again.oldest(owner))
    assert [(record.account_id, record.seq, record.position) for record in found] == [(FIRST, 3, 4)]


async def test_a_follower_is_woken_by_what_comes_and_by_nothing_of_other_owners(
    log: EventLog, owner: OwnerId
) -> None:
    with log.follow(owner) as follower:
        _, upto = await follower.read(log.now)
        waiting = asyncio.create_task(follower.wait(upto))
        await asyncio.sleep(0)
        assert not waiting.done()

        await log.append(owner, FIRST, [draft("one")])
        await asyncio.wait_for(waiting, 10)
        found, after = await follower.read(upto)

    assert [text_of(record.told("c", is_agent=False)) for record in found] == ["one"]
    assert after > upto


async def test_events_of_many_writers_at_once_reach_a_follower_once_and_in_order(
    log: EventLog, owner: OwnerId
) -> None:
    seen: dict[str, list[int]] = {FIRST: [], SECOND: []}

    async def write(account_id: str) -> None:
        for n in range(300):
            await log.append(owner, account_id, [draft(str(n))] * (1 + n % 3))  # type: ignore[arg-type]

    async def follow() -> None:
        position = 0
        with log.follow(owner) as follower:
            while sum(map(len, seen.values())) < 1200:
                found, position = await follower.read(position, 50)
                for record in found:
                    seen[record.account_id].append(record.seq)
                if not found:
                    await follower.wait(position)

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(follow())
        group.create_task(write(FIRST))
        group.create_task(write(SECOND))

    assert seen == {FIRST: list(range(1, 601)), SECOND: list(range(1, 601))}


async def test_what_fails_leaves_no_event_and_no_gap(log: EventLog, owner: OwnerId) -> None:
    await log.append(owner, FIRST, [draft("one")])
    contradiction = Query("INSERT INTO event_heads (account_id, seq) VALUES ('nobody', 1)").bind()
    with log.follow(owner) as follower:
        _, upto = await follower.read(log.now)
        with pytest.raises(ConstraintFailed):
            await log.append(owner, FIRST, [draft("lost")], contradiction)
        await log.append(owner, FIRST, [draft("two")])
        found, _ = await follower.read(upto)

    assert [(record.seq, text_of(record.told("c", is_agent=True))) for record in found] == [
        (2, "two")
    ]
    assert await read_all(log, owner) == ["one", "two"]


async def test_a_position_that_was_never_stored_is_told_to_nobody(
    log: EventLog, owner: OwnerId, db: Database, key: MasterKey, clock: MovableClock
) -> None:
    """After a restart it is given to another event, which whoever held it would never hear of."""
    await log.append(owner, FIRST, [draft("one")])
    contradiction = Query("INSERT INTO event_heads (account_id, seq) VALUES ('nobody', 1)").bind()
    with log.follow(owner) as follower:
        for _ in range(5):
            with pytest.raises(ConstraintFailed):
                await log.append(owner, FIRST, [draft("lost")] * 3, contradiction)
        _, held = await follower.read(1)

    again = EventLog(db, key, clock)
    await again.open()
    await again.append(owner, FIRST, [draft("two")])

    assert held == 1
    assert await read_all(again, owner, held) == ["two"]


async def test_a_writer_that_goes_away_does_not_stop_what_it_began(
    log: EventLog, owner: OwnerId
) -> None:
    writing = asyncio.create_task(log.append(owner, FIRST, [draft("one")]))
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.wait({writing})
    await log.close()

    await log.append(owner, FIRST, [draft("two")])
    assert await read_all(log, owner) == ["one", "two"]


async def test_a_cursor_of_forgotten_events_is_expired_and_names_the_oldest(
    log: EventLog, owner: OwnerId, clock: MovableClock
) -> None:
    await log.append(owner, FIRST, [draft("old")])
    clock.ahead += timedelta(hours=1)
    await log.append(owner, FIRST, [draft("new")])
    await log.forget(owner, to_ms(clock.now() - timedelta(minutes=1)))

    with log.follow(owner) as follower, pytest.raises(CursorExpired) as refused:
        await follower.read(0)
    oldest = log.position(owner, refused.value.oldest)
    assert await read_all(log, owner, oldest) == ["new"]


async def test_a_position_that_was_never_reached_is_expired(log: EventLog, owner: OwnerId) -> None:
    """As after a backup that was put back: what came since under the same numbers is another thing."""
    await log.append(owner, FIRST, [draft("one")])
    with log.follow(owner) as follower, pytest.raises(CursorExpired):
        await follower.read(log.now + 1)


async def test_a_cursor_is_bound_to_its_owner(log: EventLog, owner: OwnerId) -> None:
    cursor = log.cursor(owner, 17)
    assert log.position(owner, cursor) == 17
    with pytest.raises(CursorInvalid):
        log.position("own_" + "z" * 26, cursor)  # type: ignore[arg-type]


async def test_what_is_stored_says_nothing_in_clear(
    log: EventLog, owner: OwnerId, path: Path, db: Database
) -> None:
    await log.append(owner, FIRST, [draft("unmistakable words")])
    await db.close()
    assert b"unmistakable" not in path.read_bytes()


async def test_a_row_that_was_moved_is_left_out(
    log: EventLog, owner: OwnerId, db: Database, path: Path
) -> None:
    await log.append(owner, FIRST, [draft("one"), draft("two"), draft("three")])
    await db.write(
        Query(
            "UPDATE events SET sealed = (SELECT sealed FROM events WHERE seq = 1) WHERE seq = 2"
        ).bind()
    )
    assert await read_all(log, owner) == ["one", "three"]
    assert await read_all(log, owner, limit=2) == ["one", "three"]


async def test_the_events_of_an_erased_account_are_gone(
    log: EventLog, owner: OwnerId, db: Database, path: Path
) -> None:
    await log.append(owner, FIRST, [draft("one")])
    await log.append(owner, SECOND, [draft("other")])
    await db.write(Query("DELETE FROM accounts WHERE account_id = :id").bind(id=FIRST))
    assert await read_all(log, owner) == ["other"]
