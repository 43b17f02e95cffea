from __future__ import annotations

import asyncio

import pytest

from tests.clocks import MovableClock
from vasya_server.delivery.hosts import Hosts

HOST = "hooks.example.com"


@pytest.fixture
def hosts() -> Hosts:
    return Hosts(MovableClock(), 0.2)


def fail(hosts: Hosts, times: int) -> None:
    for _ in range(times):
        hosts.note(HOST, is_alive=False)


async def is_let_in(hosts: Hosts, host: str = HOST) -> bool:
    try:
        await asyncio.wait_for(hosts.admit(host), 0.05)
    except TimeoutError:
        return False
    return True


async def test_four_failures_in_a_row_stop_nobody(hosts: Hosts) -> None:
    fail(hosts, 4)
    hosts.note(HOST, is_alive=True)
    fail(hosts, 4)

    assert await is_let_in(hosts)


async def test_five_failures_stop_everybody_at_this_host_and_nobody_at_another(
    hosts: Hosts,
) -> None:
    fail(hosts, 5)

    assert not await is_let_in(hosts)
    assert await is_let_in(hosts, "other.example.com")


async def test_after_the_pause_one_is_let_in_and_decides_for_all(hosts: Hosts) -> None:
    fail(hosts, 5)
    waiting = [asyncio.create_task(hosts.admit(HOST)) for _ in range(3)]
    await asyncio.sleep(0.3)

    probes = [task for task in waiting if task.done()]
    assert [task.result() for task in probes] == [True]
    hosts.note(HOST, is_alive=True)

    async with asyncio.timeout(10):
        assert sorted(await asyncio.gather(*waiting)) == [False, False, True]


async def test_a_probe_that_fails_begins_another_pause(hosts: Hosts) -> None:
    fail(hosts, 5)
    await asyncio.wait_for(hosts.admit(HOST), 1)
    hosts.note(HOST, is_alive=False)

    assert not await is_let_in(hosts)
    assert await asyncio.wait_for(hosts.admit(HOST), 1) is True


async def test_a_probe_that_is_given_up_lets_the_next_one_in(hosts: Hosts) -> None:
    fail(hosts, 5)
    await asyncio.wait_for(hosts.admit(HOST), 1)
    assert not await is_let_in(hosts)

    hosts.abandon(HOST)

    assert await asyncio.wait_for(hosts.admit(HOST), 1) is True
