"""How long events can be had again, and what may leave the host: the server's word, and the owner's within it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.api.conftest import API
from tests.api.streaming import POLL, append, message, texts_of
from tests.problems import assert_problem
from vasya_server.crypto.derive import Purpose
from vasya_server.crypto.envelope import seal
from vasya_server.store import owner_settings as rows
from vasya_server.store.database import Query
from vasya_server.store.updates import PLACE, PUT_PLACES, PlaceRow

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Scene, Serve
    from tests.clocks import MovableClock
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

SETTINGS = f"{API}/settings"


async def log_in(client: httpx.AsyncClient, dc: DataCentre, scene: Scene) -> str:
    body = {"session": dc.mint(scene.alice)}
    made = await client.post(f"{API}/telegram/login/session", json=body)
    assert made.status_code == 200, made.text
    return str(made.json()["accountId"])


async def forgotten(gateway: Gateway) -> None:
    """Wait until something of the owner's has been forgotten."""
    async with asyncio.timeout(5):
        while not gateway.events.oldest(gateway.owner):
            await asyncio.sleep(0.02)


async def test_events_are_kept_for_seven_days_and_then_forgotten(
    serve: Serve, dc: DataCentre, scene: Scene, clock: MovableClock
) -> None:
    async with serve() as (gateway, client):
        account = await log_in(client, dc, scene)
        await append(gateway, account, message("old"))
        clock.ahead += timedelta(days=6)
        await append(gateway, account, message("kept"))
    async with serve() as (gateway, client):
        begin = gateway.events.cursor(gateway.owner, 0)
        page = (await client.get(POLL, params={"cursor": begin, "chat": 7})).json()
        assert texts_of(page) == ["old", "kept"]

    clock.ahead += timedelta(days=1, minutes=1)
    async with serve() as (gateway, client):
        await forgotten(gateway)
        refused = await client.get(POLL, params={"cursor": begin, "chat": 7})
        oldest = assert_problem(refused, 410, "cursor_expired")["oldestCursor"]
        page = (await client.get(POLL, params={"cursor": oldest, "chat": 7})).json()
    assert texts_of(page) == ["kept"]


async def test_an_owner_shortens_it(
    serve: Serve, dc: DataCentre, scene: Scene, clock: MovableClock
) -> None:
    async with serve() as (gateway, client):
        account = await log_in(client, dc, scene)
        changed = await client.patch(SETTINGS, json={"eventRetentionSecs": 3600})
        await append(gateway, account, message("old"))

    clock.ahead += timedelta(hours=1, minutes=1)
    async with serve() as (gateway, client):
        await forgotten(gateway)
        shown = (await client.get(SETTINGS)).json()
    assert changed.json()["eventRetentionSecs"] == shown["eventRetentionSecs"] == 3600


@pytest.mark.parametrize("secs", [3599, 604_801, 31_536_001, 0])
async def test_an_owner_cannot_have_more_than_the_server_keeps_nor_less_than_an_hour(
    client: httpx.AsyncClient, secs: int
) -> None:
    refused = await client.patch(SETTINGS, json={"eventRetentionSecs": secs})

    [fault] = assert_problem(refused, 422, "validation_failed")["errors"]
    assert (fault["pointer"], fault["code"]) == ("/eventRetentionSecs", "out_of_range")
    assert (await client.get(SETTINGS)).json()["eventRetentionSecs"] == 604_800


async def test_what_the_server_keeps_goes_before_what_an_owner_set(
    environment: dict[str, str], serve: Serve
) -> None:
    async with serve() as (_, client):
        await client.patch(SETTINGS, json={"eventRetentionSecs": 86_400})
    environment["VASYA_EVENT_RETENTION_SECS"] = "7200"
    async with serve() as (_, client):
        assert (await client.get(SETTINGS)).json()["eventRetentionSecs"] == 7200


async def test_content_leaves_in_webhooks_only_where_a_human_says_so(
    gateway: Gateway, client: httpx.AsyncClient, agent: httpx.AsyncClient
) -> None:
    wish = {"canWebhooksCarryContent": True}
    assert "canWebhooksCarryContent" not in (await client.get(SETTINGS)).json()
    assert_problem(await agent.patch(SETTINGS, json=wish), 403, "human_required")
    assert not gateway.owner_settings.held(gateway.owner).can_webhooks_carry_content

    changed = await client.patch(SETTINGS, json=wish)
    closed = await client.patch(SETTINGS, json={"sendGate": "off"})

    assert changed.json()["canWebhooksCarryContent"] is True
    assert closed.json()["canWebhooksCarryContent"] is True
    assert gateway.owner_settings.held(gateway.owner).can_webhooks_carry_content


async def test_settings_that_were_stored_before_there_were_these_still_hold(serve: Serve) -> None:
    async with serve() as (gateway, client):
        await client.patch(SETTINGS, json={"timeZone": "Asia/Tokyo"})
        older = msgspec.msgpack.encode({"can_send": True, "time_zone": "Europe/Berlin"})
        place: tuple[Any, ...] = (Purpose.SETTINGS, gateway.owner, "settings")
        box = seal(gateway.key, *place, generation=9, plaintext=older)
        await gateway.db.write(
            rows.ADD_SETTINGS.bind(owner_id=gateway.owner, generation=9, sealed=box)
        )
    async with serve() as (_, client):
        assert (await client.get(SETTINGS)).json() == {
            "sendGate": "on",
            "timeZone": "Europe/Berlin",
            "eventRetentionSecs": 604_800,
        }


async def test_where_old_messages_were_is_forgotten_after_ninety_days(
    serve: Serve, dc: DataCentre, scene: Scene, clock: MovableClock
) -> None:
    async with serve() as (gateway, client):
        account = await log_in(client, dc, scene)
        now_ms = int(clock.now().timestamp() * 1000)
        await gateway.db.write(
            PUT_PLACES.bind_many([(account, 1, now_ms, b"old"), (account, 2, now_ms, b"new")]),
            Query(
                "UPDATE message_places SET at_ms = at_ms - 90 * 86400000 WHERE message_id = 1"
            ).bind(),
        )
    clock.ahead += timedelta(minutes=1)
    async with serve() as (gateway, _):
        async with asyncio.timeout(5):
            while await gateway.db.one(PLACE, PlaceRow, account_id=account, message_id=1):
                await asyncio.sleep(0.02)
        assert await gateway.db.one(PLACE, PlaceRow, account_id=account, message_id=2)
