"""Refusals are told in the log, however many there are: none is lost, no disk is filled, no request waits."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.audit.conftest import ALICE, BOB
from vasya_server.audit.denials import MAX_KINDS, WINDOW_SECS, Denials
from vasya_server.audit.entry import Actor
from vasya_server.audit.verify import Verdict
from vasya_server.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.audit.conftest import Opened

REQUEST = "req_" + "e" * 26
ACCOUNT = "acc_" + "c" * 26
ADDRESS = "203.0.113.7"


class HandClock(SystemClock):
    """Moves where a test moves it."""

    def __init__(self) -> None:
        self.secs = 1000.0

    def monotonic(self) -> float:
        return self.secs


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def denials(log: Opened, clock: HandClock) -> AsyncIterator[Denials]:
    denials = Denials(log.audit, clock)
    yield denials
    await denials.close()


def agent(number: int = 1, owner: str = ALICE) -> Actor:
    return Actor(type="agent_key", owner=owner, key=f"ak{number:016x}", lineage=f"ak{number:016x}")


def deny(denials: Denials, actor: Actor | None = None, code: str = "scope_required") -> None:
    denials.note_denied(
        actor or agent(), code, operation="send_message", request_id=REQUEST, account_id=ACCOUNT
    )


def told(log: Opened) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.lines()]


def counted(log: Opened) -> int:
    return sum(line.get("n", 1) for line in told(log))


async def test_a_denial_says_who_was_refused_what_and_why(log: Opened, denials: Denials) -> None:
    deny(denials)
    await denials.flush()

    (line,) = told(log)
    assert (line["kind"], line["act"]) == ("denied", "access:denied")
    assert line["actor"]["key"] == "ak0000000000000001"
    assert line["actor"]["owner"] == ALICE
    assert (line["what"], line["acc"], line["rid"]) == ("send_message", ACCOUNT, REQUEST)
    assert line["res"] == {"code": "scope_required", "status": "refused"}
    assert "n" not in line


async def test_what_is_like_it_within_the_minute_is_one_more_line(
    log: Opened, denials: Denials, clock: HandClock
) -> None:
    for _ in range(40):
        deny(denials)
    await denials.flush()
    for _ in range(60):
        deny(denials)
    await denials.flush()
    assert len(told(log)) == 1

    clock.secs += WINDOW_SECS
    await denials.flush()

    _, rest = told(log)
    assert rest["n"] == 99
    assert rest["actor"]["key"] == "ak0000000000000001"
    assert rest["res"] == {"code": "scope_required", "status": "refused"}
    assert {"what", "acc", "rid"} & set(rest) == set()


async def test_a_denial_of_the_next_minute_is_told_by_itself(
    log: Opened, denials: Denials, clock: HandClock
) -> None:
    deny(denials)
    await denials.flush()
    clock.secs += WINDOW_SECS
    await denials.flush()
    deny(denials)
    await denials.flush()

    assert [line["what"] for line in told(log)] == ["send_message", "send_message"]


async def test_another_key_and_another_reason_are_told_by_themselves(
    log: Opened, denials: Denials
) -> None:
    deny(denials)
    deny(denials, agent(2))
    deny(denials, code="human_required")
    await denials.flush()

    assert len(told(log)) == 3


async def test_failed_authentications_of_an_address_are_one_line_a_minute(
    log: Opened, denials: Denials, clock: HandClock
) -> None:
    for _ in range(500):
        denials.note_failed(ADDRESS, "invalid_token")
    denials.note_failed("203.0.113.8", "invalid_token")
    await denials.flush()
    assert not log.lines()

    clock.secs += WINDOW_SECS
    await denials.flush()

    first, other = told(log)
    assert (first["kind"], first["act"], first["n"]) == ("auth", "auth:failed", 500)
    assert first["actor"] == {"t": "anonymous"}
    assert first["res"] == {"code": "invalid_token", "status": "refused"}
    assert first["ip"] != other["ip"]
    assert other["n"] == 1


async def test_an_address_is_a_pseudonym_that_stays_the_same(log: Opened, denials: Denials) -> None:
    name = log.audit.address(ADDRESS)

    # By openssl, under KEY: see tests/vectors/audit.json.
    assert name == "a:23d351c2589afaa6"
    assert name == log.audit.address("::ffff:203.0.113.7") != log.audit.address("203.0.113.70")
    assert log.audit.address("2001:db8::1") == log.audit.address("2001:db8::ffff:2")
    assert log.audit.address("2001:db8::1") != log.audit.address("2001:db8:0:1::1")
    denials.note_failed(ADDRESS, "invalid_token")
    await denials.close()
    assert ADDRESS.encode() not in log.path.read_bytes()


async def test_whatever_is_tried_leaves_a_bounded_number_of_lines_and_a_whole_count(
    log: Opened, denials: Denials, clock: HandClock
) -> None:
    for n in range(5000):
        denials.note_failed(f"203.0.{n // 250}.{n % 250}", "invalid_token")
    for n in range(1000):
        deny(denials, agent(n))
    await denials.flush()
    clock.secs += WINDOW_SECS
    await denials.flush()

    lines = told(log)
    assert len(lines) == 2 * (MAX_KINDS + 1)
    assert counted(log) == 6000
    others = [line for line in lines if line["actor"]["t"] == "system"]
    assert [(line["act"], line["actor"].get("owner"), line["n"]) for line in others] == [
        ("auth:failed", None, 5000 - MAX_KINDS),
        ("access:denied", ALICE, 1000 - MAX_KINDS),
    ]


async def test_nobody_crowds_out_what_is_told_to_another_owner(
    log: Opened, denials: Denials
) -> None:
    for n in range(1000):
        deny(denials, agent(n, BOB))
    deny(denials, agent(1, ALICE))
    await denials.flush()

    assert [line["oseq"] for line in told(log) if line["actor"]["owner"] == ALICE] == [1]


async def test_they_are_written_within_seconds_without_anybody_asking(
    log: Opened, denials: Denials
) -> None:
    deny(denials)
    async with asyncio.timeout(5):
        while not log.lines():
            await asyncio.sleep(0.05)

    assert counted(log) == 1


async def test_the_end_of_the_server_writes_every_number(log: Opened, denials: Denials) -> None:
    for _ in range(7):
        deny(denials)
        denials.note_failed(ADDRESS, "key_revoked")
    await denials.close()

    assert counted(log) == 14
    assert await log.verdict() == Verdict(3)


async def test_what_comes_while_lines_are_written_is_counted_once(
    log: Opened, denials: Denials, clock: HandClock
) -> None:
    for _ in range(50):
        writing = asyncio.create_task(denials.flush())
        for _ in range(20):
            deny(denials)
            await asyncio.sleep(0)
        await writing
        clock.secs += 20
    await denials.close()

    assert counted(log) == 1000


async def test_a_log_that_cannot_be_written_loses_none_and_stops_nobody(
    log: Opened, denials: Denials, clock: HandClock
) -> None:
    await log.add(1)
    kept = log.path.with_name("kept")
    log.path.rename(kept)
    log.path.mkdir()
    for _ in range(10):
        deny(denials)
        await denials.flush()
    clock.secs += WINDOW_SECS
    await denials.flush()

    log.path.rmdir()
    kept.rename(log.path)
    await denials.flush()

    assert counted(log) == 11
    assert await log.verdict() == Verdict(3)


async def test_an_end_that_cannot_be_written_is_said(
    log: Opened, denials: Denials, caplog: pytest.LogCaptureFixture
) -> None:
    await log.add(1)
    log.path.rename(log.path.with_name("kept"))
    log.path.mkdir()
    for _ in range(3):
        deny(denials)
    await denials.close()

    assert "3 refusals are not in the audit log, which cannot be written" in caplog.messages
