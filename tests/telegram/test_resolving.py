"""What Telegram is asked of names: seldom, one at a time, and not again what is known."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.telegram.conftest import as_owner
from vasya_server.errors import ChatNotFound, RateLimited
from vasya_server.telegram.peers import resolve

if TYPE_CHECKING:
    from tests.telegram.conftest import Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.model import World
    from vasya_server.telegram.accounts import AccountRuntime

RESOLVE = "contacts.ResolveUsername"


async def test_ten_who_ask_for_one_name_at_once_ask_telegram_once(
    alice: AccountRuntime, world: World, dc: DataCentre
) -> None:
    dave = world.add_user("Dave", username="dave_d")

    found = await asyncio.gather(*(resolve(as_owner(alice), "@Dave_D") for _ in range(10)))

    assert {peer.id for peer in found} == {dave.id}
    assert dc.requests[RESOLVE] == 1


async def test_a_name_that_nobody_has_is_asked_for_once(
    alice: AccountRuntime, dc: DataCentre
) -> None:
    for name in ("@nobody_at_all", "@NOBODY_at_all", "@nobody_at_all"):
        with pytest.raises(ChatNotFound):
            await resolve(as_owner(alice), name)

    assert dc.requests[RESOLVE] == 1


async def test_a_name_that_is_given_to_somebody_else_is_asked_for_again(
    alice: AccountRuntime, scene: Scene, world: World, dc: DataCentre
) -> None:
    assert (await resolve(as_owner(alice), "@bob_b")).id == scene.bob.id
    world.rename(scene.bob, "")
    world.rename(scene.carol, "bob_b")

    assert (await resolve(as_owner(alice), "@bob_b")).id == scene.carol.id
    assert dc.requests[RESOLVE] <= 2


class TestPaced:
    """With pacing, as it is with Telegram's own data centres."""

    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        return environment | {"VASYA_PACING": "human", "VASYA_READ_DEADLINE_SECS": "1"}

    async def test_whose_turn_would_come_too_late_is_told_so_and_telegram_is_not_asked(
        self, alice: AccountRuntime, world: World, dc: DataCentre
    ) -> None:
        names = [f"person_{n}" for n in range(6)]
        for name in names:
            world.add_user(name, username=name)

        found = await asyncio.gather(
            *(resolve(as_owner(alice), f"@{name}") for name in names), return_exceptions=True
        )

        refused = [each for each in found if isinstance(each, RateLimited)]
        assert len(refused) >= len(names) - 2
        assert dc.requests[RESOLVE] <= 2
        assert refused[0].violated == ("resolve",)
