"""What a webhook's receiver gets, whatever it does: everything, in order, signed, and nothing that is not for it."""

from __future__ import annotations

import asyncio
import random
import resource
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.api.conftest import API
from tests.api.hooking import (
    FAST,
    HOOKS,
    Receiver,
    always,
    deliveries,
    happen,
    hook,
    receiving,
    said,
    settled,
)
from tests.api.test_risk import NO_ROOM_BYTES
from tests.problems import assert_problem
from vasya_server.events.record import Draft
from vasya_server.model.event import EventData, EventType

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.api.conftest import Serve
    from tests.clocks import MovableClock
    from tests.outbound.servers import Received
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | FAST


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


def numbers(bodies: list[dict[str, Any]]) -> list[int]:
    return [body["data"]["messageId"] for body in bodies]


def headers_of(post: Received) -> dict[str, str]:
    return {name: values[0] for name, values in post.headers.items()}


async def test_events_are_posted_in_order_with_ids_alone(
    gateway: Gateway, client: httpx.AsyncClient, account: str, receiver: Receiver
) -> None:
    made = await hook(client, receiver)

    await happen(gateway, account, said(1), said(2))
    await happen(gateway, account, said(3))
    bodies = await receiver.got(3)

    assert numbers(bodies) == [1, 2, 3]
    assert bodies[0]["type"] == "message.new"
    assert bodies[0]["timestamp"] == "2026-03-01T12:00:00Z"
    assert set(bodies[0]["data"]) == {"id", "seq", "accountId", "chatId", "messageId"}
    assert bodies[0]["data"]["accountId"] == account.rpartition("/")[2]
    assert bodies[0]["data"]["chatId"] == 7
    everything = b"".join(post.body for post in receiver.posts)
    assert b"soup" not in everything
    assert b"Ann" not in everything
    listed = await settled(client, made, 3, status="delivered")
    assert [each["eventId"] for each in listed] == [body["data"]["id"] for body in bodies]
    assert [each["attempts"] for each in listed] == [1, 1, 1]
    assert {each["responseStatus"] for each in listed} == {200}


async def test_what_happened_before_a_webhook_was_made_is_not_posted(
    gateway: Gateway, client: httpx.AsyncClient, account: str, receiver: Receiver
) -> None:
    await happen(gateway, account, said(1))
    await hook(client, receiver)
    await happen(gateway, account, said(2))

    assert numbers(await receiver.got(1)) == [2]


async def test_a_post_is_signed_as_the_published_package_verifies(
    gateway: Gateway, client: httpx.AsyncClient, account: str, receiver: Receiver
) -> None:
    made = await hook(client, receiver)
    await happen(gateway, account, said(1))
    await receiver.got(1)
    [post], [delivery] = receiver.posts, await settled(client, made, 1)

    headers = headers_of(post)

    assert made["secret"].startswith("whsec_")
    assert Webhook(made["secret"]).verify(post.body, headers)["type"] == "message.new"
    assert headers["webhook-id"] == delivery["id"]
    assert "." not in headers["webhook-id"]
    assert headers["content-type"] == "application/json"
    assert len(headers["webhook-signature"].split()) == 1
    with pytest.raises(WebhookVerificationError):
        Webhook(made["secret"]).verify(post.body + b" ", headers)


async def test_after_a_rotation_both_secrets_verify_for_a_day(
    serve: Serve, clock: MovableClock, dc: DataCentre, scene: Any, receiver: Receiver
) -> None:
    async with serve() as (gateway, client):
        session = {"session": dc.mint(scene.alice)}
        account = (await client.post(f"{API}/telegram/login/session", json=session)).json()
        made = await hook(client, receiver)
        rotated = await client.post(f"{HOOKS}/{made['id']}/rotate")
        await happen(gateway, account["accountId"], said(1))
        await receiver.got(1)
        clock.ahead = timedelta(hours=24, minutes=1)
        await happen(gateway, account["accountId"], said(2))
        await receiver.got(2)

    assert rotated.status_code == 200, rotated.text
    old, new = made["secret"], rotated.json()["secret"]
    during, after = receiver.posts
    assert old != new
    assert Webhook(old).verify(during.body, headers_of(during))
    assert Webhook(new).verify(during.body, headers_of(during))
    later = headers_of(after)
    assert len(later["webhook-signature"].split()) == 1
    assert int(later["webhook-timestamp"]) - int(headers_of(during)["webhook-timestamp"]) > 86_400


async def test_a_receiver_that_fails_one_time_in_five_loses_nothing_and_keeps_the_order(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    dice = random.Random(7)  # noqa: S311 — the same faults every time
    answers: list[int] = []

    def saying(_number: int) -> tuple[int, str]:
        answers.append(500 if dice.random() < 0.2 else 200)
        return answers[-1], ""

    async with receiving(saying) as receiver:
        made = await hook(client, receiver)
        await happen(gateway, account, *(said(number) for number in range(1, 51)))
        listed = await settled(client, made, 50, status="delivered")

    taken = [
        n for n, status in zip(numbers(receiver.bodies), answers, strict=True) if status == 200
    ]
    assert taken == list(range(1, 51))
    assert len(receiver.posts) > 50
    ids = [headers_of(post)["webhook-id"] for post in receiver.posts]
    assert len(set(ids)) == 50
    assert [each["id"] for each in listed] == list(dict.fromkeys(ids))
    assert sum(each["attempts"] for each in listed) == len(receiver.posts)


async def test_a_repeated_attempt_has_the_same_id_and_body_and_a_time_of_its_own(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    async with receiving(lambda number: (500 if number == 1 else 204, "")) as receiver:
        made = await hook(client, receiver)
        await happen(gateway, account, said(1))
        await receiver.got(2)
        first, second = receiver.posts

        assert headers_of(first)["webhook-id"] == headers_of(second)["webhook-id"]
        assert first.body == second.body
        assert Webhook(made["secret"]).verify(second.body, headers_of(second))


async def test_a_receiver_that_does_not_answer_is_tried_again(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    async with receiving(lambda number: (0 if number == 1 else 200, "")) as receiver:
        made = await hook(client, receiver)
        await happen(gateway, account, said(1), said(2))
        [waiting] = await settled(client, made, 1)

        assert waiting["status"] == "pending"
        assert waiting["reason"] == "timeout"
        assert "responseStatus" not in waiting
        assert "nextAttemptAt" in waiting
        assert numbers(await receiver.got(3)) == [1, 1, 2]


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_waited_for(
    gateway: Gateway, client: httpx.AsyncClient, account: str, status: int
) -> None:
    moments: list[float] = []

    def saying(number: int) -> tuple[int, str]:
        moments.append(asyncio.get_running_loop().time())
        return (status, "Retry-After: 1\r\n") if number == 1 else (200, "")

    async with receiving(saying) as receiver:
        await hook(client, receiver)
        await happen(gateway, account, said(1))
        await receiver.got(2)

    assert 0.95 <= moments[1] - moments[0] < 3


async def test_a_redirect_is_a_failure_and_is_not_followed(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    async with receiving() as inside:
        to = f"Location: http://169.254.169.254:{inside.server.port}/latest\r\n"
        async with receiving(lambda n: (302, to) if n < 3 else (200, "")) as receiver:
            made = await hook(client, receiver)
            await happen(gateway, account, said(1))
            await receiver.got(3)
            [delivery] = await settled(client, made, 1, status="delivered")

    assert delivery["attempts"] == 3
    assert inside.posts == []


async def test_a_receiver_that_wants_nothing_any_more_disables_its_webhook(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    async with receiving(lambda number: (410 if number == 1 else 200, "")) as receiver:
        made = await hook(client, receiver)
        await happen(gateway, account, said(1), said(2))
        await receiver.got(1)
        [delivery] = await settled(client, made, 1, status="failed")
        shown = (await client.get(f"{HOOKS}/{made['id']}")).json()
        audit = await client.get(f"{API}/audit", params={"action": "webhook:disable"})

        assert shown["isDisabled"] is True
        assert delivery["responseStatus"] == 410
        [line] = audit.json()["items"]
        assert (line["kind"], line["actor"]) == ("system", {"type": "system"})
        assert line["target"] == made["id"]
        assert line["result"] == {"status": "done", "code": "gone"}
        assert len(receiver.posts) == 1

        enabled = await client.patch(f"{HOOKS}/{made['id']}", json={"isDisabled": False})
        assert "isDisabled" not in enabled.json()
        assert numbers(await receiver.got(3)) == [1, 1, 2]


async def test_what_a_receiver_refuses_six_times_is_set_aside_and_can_be_sent_by_hand(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    poison = True

    async with receiving() as receiver:
        receiver.saying = lambda _: (
            422 if poison and numbers(receiver.bodies)[-1] == 1 else 200,
            "",
        )
        made = await hook(client, receiver)
        await happen(gateway, account, said(1), said(2))
        bodies = await receiver.got(7)
        [dead] = await settled(client, made, 1, status="dead")
        poison = False
        again = await client.post(f"{HOOKS}/{made['id']}/deliveries/{dead['id']}/retry")

        assert numbers(bodies) == [1, 1, 1, 1, 1, 1, 2]
        assert (dead["attempts"], dead["responseStatus"]) == (6, 422)
        assert "nextAttemptAt" not in dead
        assert again.status_code == 200, again.text
        assert again.json()["status"] == "delivered"
        assert headers_of(receiver.posts[-1])["webhook-id"] == dead["id"]
        assert receiver.posts[-1].body == receiver.posts[0].body


async def test_a_delivered_event_can_be_sent_again_and_a_failure_takes_nothing_back(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    async with receiving(lambda number: (200 if number == 1 else 500, "")) as receiver:
        made = await hook(client, receiver)
        await happen(gateway, account, said(1))
        [delivery] = await settled(client, made, 1, status="delivered")
        again = await client.post(f"{HOOKS}/{made['id']}/deliveries/{delivery['id']}/retry")

        assert again.json()["status"] == "delivered"
        assert again.json()["responseStatus"] == 500
        assert again.json()["attempts"] == 2
        assert len(receiver.posts) == 2


async def test_the_event_that_waits_can_be_sent_now(
    environment: dict[str, str], serve: Serve, dc: DataCentre, scene: Any
) -> None:
    environment["VASYA_WEBHOOK_RETRY_SECS"] = "3600"
    async with (
        serve() as (gateway, client),
        receiving(lambda number: (500 if number == 1 else 200, "")) as receiver,
    ):
        session = {"session": dc.mint(scene.alice)}
        account = (await client.post(f"{API}/telegram/login/session", json=session)).json()
        made = await hook(client, receiver)
        await happen(gateway, account["accountId"], said(1), said(2))
        [waiting] = await settled(client, made, 1, status="pending")
        again = await client.post(f"{HOOKS}/{made['id']}/deliveries/{waiting['id']}/retry")

        assert again.json()["status"] == "delivered"
        assert numbers(await receiver.got(3)) == [1, 1, 2]


async def test_an_event_is_given_up_when_its_time_is_over_and_the_next_one_comes(
    environment: dict[str, str], serve: Serve, dc: DataCentre, scene: Any
) -> None:
    environment["VASYA_WEBHOOK_GIVE_UP_SECS"] = "1"
    environment["VASYA_WEBHOOK_DEADLINE_SECS"] = "15"
    async with serve() as (gateway, client), receiving() as receiver:
        receiver.saying = lambda _: (500 if numbers(receiver.bodies)[-1] == 1 else 200, "")
        session = {"session": dc.mint(scene.alice)}
        account = (await client.post(f"{API}/telegram/login/session", json=session)).json()
        made = await hook(client, receiver)
        await happen(gateway, account["accountId"], said(1), said(2))
        [dead] = await settled(client, made, 1, status="dead")
        [done] = await settled(client, made, 1, status="delivered")

    assert dead["attempts"] > 3
    assert dead["responseStatus"] == 500
    assert done["attempts"] == 1
    assert numbers(receiver.bodies)[-1] == 2


async def test_a_restart_in_the_middle_loses_nothing_and_repeats_only_what_was_not_answered(
    serve: Serve, dc: DataCentre, scene: Any
) -> None:
    down = False
    async with receiving(lambda _: (500 if down else 200, "")) as receiver:
        async with serve() as (gateway, client):
            session = {"session": dc.mint(scene.alice)}
            account = (await client.post(f"{API}/telegram/login/session", json=session)).json()
            made = await hook(client, receiver)
            await happen(gateway, account["accountId"], said(1), said(2))
            await settled(client, made, 2, status="delivered")
            down = True
            await happen(gateway, account["accountId"], said(3), said(4))
            [before] = await settled(client, made, 1, status="pending")
        down, seen = False, len(receiver.posts)
        async with serve() as (gateway, client):
            done = await settled(client, made, 4, status="delivered")

    assert numbers(receiver.bodies[:2]) == [1, 2]
    assert set(numbers(receiver.bodies[2:seen])) == {3}
    assert numbers(receiver.bodies[seen:]) == [3, 4]
    assert done[2]["id"] == before["id"]
    assert done[2]["attempts"] > before["attempts"]
    assert headers_of(receiver.posts[seen])["webhook-id"] == before["id"]


async def test_a_name_that_stands_for_this_machine_is_not_posted_to(
    environment: dict[str, str], serve: Serve, dc: DataCentre, scene: Any
) -> None:
    async with receiving() as receiver:
        environment |= {
            "VASYA_OUTBOUND_LOOPBACK": "off",
            "VASYA_OUTBOUND_HOSTS": "hooks.example.com=127.0.0.1",
            "VASYA_OUTBOUND_PORTS": f"443,{receiver.server.port}",
            "VASYA_WEBHOOK_RETRY_SECS": "0.05,3600",
        }
        async with serve() as (gateway, client):
            session = {"session": dc.mint(scene.alice)}
            account = (await client.post(f"{API}/telegram/login/session", json=session)).json()
            url = f"https://hooks.example.com:{receiver.server.port}/"
            made = (await client.post(HOOKS, json={"url": url})).json()
            await happen(gateway, account["accountId"], said(1))
            async with asyncio.timeout(5):
                while [d["attempts"] for d in await deliveries(client, made)] != [2]:
                    await asyncio.sleep(0.02)
            [waiting] = await deliveries(client, made)
            tested = await client.post(f"{HOOKS}/{made['id']}/test")

    assert (waiting["status"], waiting["reason"]) == ("pending", "private_address")
    assert (tested.json()["status"], tested.json()["reason"]) == ("failed", "private_address")
    assert receiver.server.connections == 0


async def test_a_dead_host_is_left_alone_by_every_webhook_and_then_asked_by_one(
    environment: dict[str, str], serve: Serve, dc: DataCentre, scene: Any
) -> None:
    environment["VASYA_WEBHOOK_PAUSE_SECS"] = "1"
    async with serve() as (gateway, client), receiving(always(500)) as receiver:
        session = {"session": dc.mint(scene.alice)}
        account = (await client.post(f"{API}/telegram/login/session", json=session)).json()
        for _ in range(4):
            await hook(client, receiver)
        await happen(gateway, account["accountId"], said(1))
        await receiver.got(5)
        await asyncio.sleep(0.5)
        paused = len(receiver.posts)
        receiver.saying = always(200)
        await receiver.got(paused + 4)
        await asyncio.sleep(0.2)

    assert 5 <= paused <= 8  # those that were under way already
    assert len(receiver.posts) == paused + 4


async def test_a_webhook_that_wants_little_gets_little(
    gateway: Gateway, client: httpx.AsyncClient, account: str, receiver: Receiver
) -> None:
    await hook(client, receiver, types=["message.new"], chats=[8])
    read = Draft(
        type=EventType.CHAT_READ, at=said(1).at, data=EventData(), chat=said(1, chat_id=8).chat
    )
    own = EventData(message=said(3).data.message, is_outgoing=True)
    outgoing = Draft(type=EventType.MESSAGE_NEW, at=said(1).at, data=own, chat=read.chat)

    await happen(gateway, account, said(1), read, outgoing, said(2, chat_id=8))

    assert numbers(await receiver.got(1)) == [2]
    await asyncio.sleep(0.1)
    assert len(receiver.posts) == 1


async def test_what_was_forgotten_before_a_webhook_was_enabled_is_told_of_by_a_gap(
    gateway: Gateway, client: httpx.AsyncClient, account: str, receiver: Receiver
) -> None:
    made = await hook(client, receiver, types=["message.new", "message.edited"])
    await client.patch(f"{HOOKS}/{made['id']}", json={"isDisabled": True})
    await happen(gateway, account, said(1), said(2))
    await gateway.events.forget(gateway.owner, int(4e12))
    await happen(gateway, account, said(3))
    await client.patch(f"{HOOKS}/{made['id']}", json={"isDisabled": False})

    gap, new = await receiver.got(2)

    assert gap["type"] == "gap"
    assert gap["data"]["missed"] == ["message.edited", "message.new"]
    assert set(gap["data"]) == {"id", "missed"}
    assert new["data"]["messageId"] == 3
    delivered, _ = await settled(client, made, 2, status="delivered")
    again = await client.post(f"{HOOKS}/{made['id']}/deliveries/{delivered['id']}/retry")
    assert_problem(again, 410, "event_gone")


async def test_an_event_that_is_forgotten_while_it_waits_is_given_up_and_a_gap_says_so(
    environment: dict[str, str], serve: Serve, dc: DataCentre, scene: Any
) -> None:
    environment["VASYA_WEBHOOK_RETRY_SECS"] = "3600"
    async with receiving(lambda number: (500 if number == 1 else 200, "")) as receiver:
        async with serve() as (gateway, client):
            session = {"session": dc.mint(scene.alice)}
            account = (await client.post(f"{API}/telegram/login/session", json=session)).json()
            made = await hook(client, receiver)
            await happen(gateway, account["accountId"], said(1))
            await settled(client, made, 1, status="pending")
        async with serve() as (gateway, client):
            await gateway.events.forget(gateway.owner, int(4e12))
            await client.patch(f"{HOOKS}/{made['id']}", json={"isDisabled": True})
            await client.patch(f"{HOOKS}/{made['id']}", json={"isDisabled": False})
            [dead] = await settled(client, made, 1, status="dead")
            again = await client.post(f"{HOOKS}/{made['id']}/deliveries/{dead['id']}/retry")
            bodies = await receiver.got(2)

    assert dead["reason"] == "event_gone"
    assert_problem(again, 410, "event_gone")
    assert [body["type"] for body in bodies] == ["message.new", "gap"]


async def test_nothing_of_an_erased_account_is_posted(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    async with receiving(always(500)) as receiver:
        made = await hook(client, receiver)
        await happen(gateway, account, said(1))
        await receiver.got(1)
        erased = await client.delete(account)
        assert erased.status_code == 200, erased.text
        [dead] = await settled(client, made, 1, status="dead")

    assert dead["reason"] in {"not_allowed", "event_gone"}


async def test_with_a_full_disk_what_was_taken_is_not_posted_again_and_the_rest_waits(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    async with receiving() as receiver:
        made = await hook(client, receiver)
        taken = asyncio.Event()

        def saying(number: int) -> tuple[int, str]:
            if number == 1:
                resource.setrlimit(resource.RLIMIT_FSIZE, (NO_ROOM_BYTES, hard))
                taken.set()
            return 200, ""

        receiver.saying = saying
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        try:
            await happen(gateway, account, said(1), said(2))
            await taken.wait()
            await asyncio.sleep(0.3)
            during = numbers(receiver.bodies)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        await receiver.got(2)
        listed = await settled(client, made, 2, status="delivered")

    assert during == [1]
    assert numbers(receiver.bodies) == [1, 2]
    assert [each["attempts"] for each in listed] == [1, 1]


async def test_a_disabled_webhook_sends_by_hand_what_it_stopped_at_and_goes_on_behind_it(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    async with receiving(lambda number: (410 if number == 1 else 200, "")) as receiver:
        made = await hook(client, receiver)
        await happen(gateway, account, said(1), said(2))
        [stopped] = await settled(client, made, 1, status="failed")
        again = await client.post(f"{HOOKS}/{made['id']}/deliveries/{stopped['id']}/retry")
        await client.patch(f"{HOOKS}/{made['id']}", json={"isDisabled": False})
        await receiver.got(3)

    assert again.json()["status"] == "delivered"
    assert numbers(receiver.bodies) == [1, 1, 2]


async def test_an_account_that_is_erased_while_its_event_waits_holds_up_nothing(
    environment: dict[str, str], serve: Serve, dc: DataCentre, scene: Any
) -> None:
    environment["VASYA_WEBHOOK_RETRY_SECS"] = "3600"
    async with (
        serve() as (gateway, client),
        receiving(lambda number: (500 if number == 1 else 200, "")) as receiver,
    ):
        erased, other = [
            (
                await client.post(f"{API}/telegram/login/session", json={"session": dc.mint(user)})
            ).json()["accountId"]
            for user in (scene.alice, scene.carol)
        ]
        made = await hook(client, receiver)
        await happen(gateway, erased, said(1))
        await settled(client, made, 1, status="pending")
        assert (await client.delete(f"{API}/accounts/{erased}")).is_success
        await happen(gateway, other, said(2))
        for is_disabled in (True, False):
            await client.patch(f"{HOOKS}/{made['id']}", json={"isDisabled": is_disabled})
        [dead] = await settled(client, made, 1, status="dead")

        assert numbers(await receiver.got(2)) == [1, 2]
        assert dead["reason"] == "event_gone"
