"""Webhooks over HTTP: made, shown, changed, rotated, tested and deleted; whose they are, and what they may be."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from standardwebhooks.webhooks import Webhook

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
from tests.disk import files_end_at
from tests.problems import assert_problem
from vasya_server.auth.principal import Principal, PrincipalKind
from vasya_server.auth.scopes import Scope
from vasya_server.ids import new_action_id
from vasya_server.model.event import EventData
from vasya_server.model.message import CompactMessage
from vasya_server.model.webhook import NewWebhook
from vasya_server.operations import Ready
from vasya_server.operations.webhooks import create_hook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.api.conftest import Scene, Serve
    from tests.clocks import MovableClock
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

PAGE = Path(__file__).parents[2] / "docs" / "api" / "webhooks.md"
URL = "https://hooks.example.com/vasya?token=s3cr3t-of-the-url"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")
NO_HOOK = "whk_" + "a" * 26
ONE_INTENT = {"Idempotency-Key": "one-intent"}


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | FAST


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


async def make(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    made = await client.post(HOOKS, json={"url": URL, **body})
    assert made.status_code == 201, made.text
    answer: dict[str, Any] = made.json()
    return answer


async def refused(client: httpx.AsyncClient, status: int, code: str, **body: Any) -> dict[str, Any]:
    return assert_problem(await client.post(HOOKS, json={"url": URL, **body}), status, code)


async def allow_content(client: httpx.AsyncClient, *, is_allowed: bool) -> None:
    done = await client.patch(f"{API}/settings", json={"canWebhooksCarryContent": is_allowed})
    assert done.status_code == 200, done.text


async def test_a_webhook_is_made_with_a_secret_that_is_shown_this_once(
    client: httpx.AsyncClient,
) -> None:
    response = await client.post(HOOKS, json={"url": URL}, headers=ONE_INTENT)
    made = response.json()
    again = await client.post(HOOKS, json={"url": URL}, headers=ONE_INTENT)
    shown = await client.get(f"{HOOKS}/{made['id']}")
    listed = await client.get(HOOKS)

    assert response.status_code == 201, response.text
    assert SECRET.fullmatch(made["secret"])
    assert response.headers["location"] == f"{HOOKS}/{made['id']}"
    assert set(made) == {"id", "url", "include", "createdAt", "secret"}
    assert (made["url"], made["include"]) == (URL, "ids")
    assert re.fullmatch(r"whk_[a-z2-7]{26}", made["id"])
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == {k: v for k, v in made.items() if k != "secret"} | {"secretShown": True}
    assert shown.json() == {k: v for k, v in made.items() if k != "secret"}
    assert listed.json()["items"] == [shown.json()]


async def test_a_webhook_says_what_it_is_limited_to(
    client: httpx.AsyncClient, account: str
) -> None:
    account_id = account.rpartition("/")[2]
    made = await make(
        client,
        types=["message.new", "gap"],
        accountIds=[account_id],
        chats=[7, -1001500001],
    )

    assert made["types"] == ["gap", "message.new"]
    assert made["accountIds"] == [account_id]
    assert made["chats"] == [-1001500001, 7]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("types", [], "empty_allowlist"),
        ("accountIds", [], "empty_allowlist"),
        ("chats", [], "empty_allowlist"),
        ("types", ["message.sent"], "validation_failed"),
        ("accountIds", ["acc_" + "z" * 26], "validation_failed"),
        ("chats", [0], "validation_failed"),
        ("include", "everything", "validation_failed"),
        ("secret", "mine", "validation_failed"),
        ("url", "ftp://hooks.example.com/", "url_not_allowed"),
        ("url", "https://10.0.0.1/", "url_not_allowed"),
        ("url", "https://user:word@hooks.example.com/", "url_not_allowed"),
        ("url", "", "validation_failed"),
    ],
)
async def test_what_a_webhook_cannot_be_is_refused(
    client: httpx.AsyncClient, field: str, value: Any, code: str
) -> None:
    await refused(client, 422, code, **{field: value})

    made = await make(client)
    patched = await client.patch(f"{HOOKS}/{made['id']}", json={field: value})

    assert_problem(patched, 422, code)
    assert len((await client.get(HOOKS)).json()["items"]) == 1


async def test_a_patch_changes_what_is_sent_and_null_takes_a_limit_away(
    client: httpx.AsyncClient,
) -> None:
    made = await make(client, types=["gap"], chats=[7])
    one = f"{HOOKS}/{made['id']}"

    other = await client.patch(one, json={"url": "https://other.example.com/", "chats": [8]})
    wider = await client.patch(one, json={"types": None, "isDisabled": True})
    nothing = await client.patch(one, json={})

    assert other.json()["url"] == "https://other.example.com/"
    assert (other.json()["types"], other.json()["chats"]) == (["gap"], [8])
    assert "types" not in wider.json()
    assert wider.json()["isDisabled"] is True
    assert nothing.json() == wider.json() == (await client.get(one)).json()


async def test_the_list_is_newest_first_and_comes_in_pages(client: httpx.AsyncClient) -> None:
    ids = [(await make(client))["id"] for _ in range(3)]

    first = (await client.get(HOOKS, params={"limit": 2})).json()
    rest = (await client.get(HOOKS, params={"limit": 2, "cursor": first["next"]})).json()

    assert [item["id"] for item in first["items"] + rest["items"]] == ids[::-1]
    assert "next" not in rest
    assert_problem(await client.get(HOOKS, params={"cursor": "x"}), 422, "validation_failed")


async def test_there_are_only_so_many(environment: dict[str, str], serve: Serve) -> None:
    environment["VASYA_WEBHOOK_MAX"] = "2"
    async with serve() as (_, client):
        made = await asyncio.gather(*(client.post(HOOKS, json={"url": URL}) for _ in range(3)))
        assert sorted(each.status_code for each in made) == [201, 201, 409]
        one = (await client.get(HOOKS)).json()["items"][0]["id"]
        await refused(client, 409, "too_many_webhooks")

        assert (await client.delete(f"{HOOKS}/{one}")).status_code == 204
        await make(client)


@pytest.mark.parametrize(
    ("method", "below"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/test"),
        ("POST", "/rotate"),
        ("GET", "/deliveries"),
        ("POST", "/deliveries/dlv_x/retry"),
    ],
)
async def test_a_webhook_that_is_not_there_is_refused_as_one_of_somebody_else(
    client: httpx.AsyncClient, agent: httpx.AsyncClient, method: str, below: str
) -> None:
    made = await make(client)
    json = {"isDisabled": True} if method == "PATCH" else None

    missing = await client.request(method, f"{HOOKS}/{NO_HOOK}{below}", json=json)
    foreign = await agent.request(method, f"{HOOKS}/{made['id']}{below}", json=json)

    one, other = (assert_problem(each, 403, "access_denied") for each in (missing, foreign))
    changing = {"requestId", "instance", "actionId"}
    assert {k: v for k, v in one.items() if k not in changing} == {
        k: v for k, v in other.items() if k not in changing
    }
    assert (await client.get(f"{HOOKS}/{made['id']}")).json()["url"] == URL


async def test_a_deleted_webhook_posts_nothing_more(
    gateway: Gateway, client: httpx.AsyncClient, account: str
) -> None:
    async with receiving(always(500)) as receiver:
        made = await hook(client, receiver)
        await happen(gateway, account, said(1))
        await receiver.got(1)
        deleted = await client.delete(f"{HOOKS}/{made['id']}")
        seen = len(receiver.posts)
        await happen(gateway, account, said(2))
        await asyncio.sleep(0.3)

        assert deleted.status_code == 204
        assert len(receiver.posts) == seen
    assert_problem(await client.get(f"{HOOKS}/{made['id']}"), 403, "access_denied")
    with closing(sqlite3.connect(gateway.settings.data_dir / "vasya.db")) as db:
        assert db.execute("SELECT count(*) FROM webhook_deliveries").fetchone() == (0,)


async def test_a_disabled_webhook_posts_nothing_and_goes_on_where_it_was(
    gateway: Gateway, client: httpx.AsyncClient, account: str, receiver: Receiver
) -> None:
    made = await hook(client, receiver)
    await client.patch(f"{HOOKS}/{made['id']}", json={"isDisabled": True})
    await happen(gateway, account, said(1), said(2))
    await asyncio.sleep(0.2)
    assert receiver.posts == []

    await client.patch(f"{HOOKS}/{made['id']}", json={"isDisabled": False})

    assert [body["data"]["messageId"] for body in await receiver.got(2)] == [1, 2]


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_with_a_full_disk_a_webhook_ends_all_the_same_and_a_restart_does_not_undo_it(
    serve: Serve, dc: DataCentre, scene: Scene, receiver: Receiver, method: str
) -> None:
    async with serve() as (gateway, client):
        session = {"session": dc.mint(scene.alice)}
        account = (await client.post(f"{API}/telegram/login/session", json=session)).json()
        made = await hook(client, receiver)
        await happen(gateway, account["accountId"], said(1))
        await receiver.got(1)
        with files_end_at(NO_ROOM_BYTES):
            body = {"isDisabled": True} if method == "PATCH" else None
            done = await client.request(method, f"{HOOKS}/{made['id']}", json=body)
        assert done.status_code in {200, 204}, done.text
        await happen(gateway, account["accountId"], said(2))
    async with serve() as (gateway, client):
        await happen(gateway, account["accountId"], said(3))
        await asyncio.sleep(0.3)
        listed = (await client.get(HOOKS)).json()["items"]

    assert len(receiver.posts) == 1
    assert [each["isDisabled"] for each in listed] == ([True] if method == "PATCH" else [])


async def test_a_test_is_posted_at_once_signed_and_told_of(
    client: httpx.AsyncClient, receiver: Receiver
) -> None:
    made = await hook(client, receiver)

    tested = await client.post(f"{HOOKS}/{made['id']}/test")

    delivery, [post], [body] = tested.json(), receiver.posts, receiver.bodies
    assert tested.status_code == 200, tested.text
    assert (delivery["type"], delivery["status"]) == ("webhook.test", "delivered")
    assert (delivery["attempts"], delivery["responseStatus"]) == (1, 200)
    assert body["data"] == {"webhookId": made["id"]}
    headers = {name: values[0] for name, values in post.headers.items()}
    assert Webhook(made["secret"]).verify(post.body, headers)["type"] == "webhook.test"
    assert headers["webhook-id"] == delivery["id"]
    assert await deliveries(client, made) == [delivery]
    again = await client.post(f"{HOOKS}/{made['id']}/deliveries/{delivery['id']}/retry")
    assert_problem(again, 410, "event_gone")


async def test_a_test_that_fails_is_a_finding_and_is_not_repeated(
    client: httpx.AsyncClient,
) -> None:
    async with receiving(always(404)) as receiver:
        made = await hook(client, receiver)
        tested = (await client.post(f"{HOOKS}/{made['id']}/test")).json()
        await asyncio.sleep(0.2)

        assert (tested["status"], tested["responseStatus"]) == ("failed", 404)
        assert "nextAttemptAt" not in tested
        assert len(receiver.posts) == 1


async def test_a_new_secret_is_shown_this_once_and_signs_from_now_on(
    client: httpx.AsyncClient, receiver: Receiver
) -> None:
    made = await hook(client, receiver)
    one = f"{HOOKS}/{made['id']}"

    rotated = await client.post(f"{one}/rotate", headers=ONE_INTENT)
    again = await client.post(f"{one}/rotate", headers=ONE_INTENT)
    await client.post(f"{one}/rotate")
    await client.post(f"{one}/test")

    new = rotated.json()["secret"]
    assert SECRET.fullmatch(new)
    assert new != made["secret"]
    assert again.json()["secretShown"] is True
    assert "secret" not in again.json()
    headers = {name: values[0] for name, values in receiver.posts[0].headers.items()}
    assert Webhook(new).verify(receiver.posts[0].body, headers)
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(made["secret"]).verify(receiver.posts[0].body, headers)


async def test_the_code_of_the_page_verifies_a_post(
    client: httpx.AsyncClient, receiver: Receiver
) -> None:
    made = await hook(client, receiver)
    await client.post(f"{HOOKS}/{made['id']}/test")
    [post] = receiver.posts
    headers = {name: values[0] for name, values in post.headers.items()}
    with_package, without = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    scope: dict[str, Any] = {"secret": made["secret"], "body": post.body, "headers": headers}

    exec(with_package, scope)  # noqa: S102 — the page's own lines
    exec(without, scope)  # noqa: S102 — as above

    verify = scope["verify"]
    assert len([line for line in without.splitlines() if line]) <= 15
    assert scope["event"] == verify(made["secret"], post.body, headers) == receiver.bodies[0]
    with pytest.raises(ValueError, match="not signed"):
        verify(made["secret"], post.body + b" ", headers)
    with pytest.raises(ValueError, match="too old"):
        verify(made["secret"], post.body, headers | {"webhook-timestamp": "1"})


async def test_deliveries_come_in_pages_and_by_status(
    gateway: Gateway, client: httpx.AsyncClient, account: str, receiver: Receiver
) -> None:
    made = await hook(client, receiver)
    one = f"{HOOKS}/{made['id']}/deliveries"
    await happen(gateway, account, *(said(number) for number in range(1, 6)))
    every = await settled(client, made, 5, status="delivered")

    first = (await client.get(one, params={"limit": 3})).json()
    rest = (await client.get(one, params={"limit": 3, "cursor": first["next"]})).json()

    assert first["items"] + rest["items"] == every[::-1]
    assert "next" not in rest
    assert (await client.get(one, params={"status": "dead"})).json() == {"items": []}
    other = {"status": "dead", "cursor": first["next"]}
    assert_problem(await client.get(one, params=other), 422, "validation_failed")
    assert_problem(await client.get(one, params={"status": "lost"}), 422, "validation_failed")
    stranger = await client.post(f"{HOOKS}/{made['id']}/deliveries/dlv_{'a' * 26}/retry")
    assert_problem(stranger, 403, "access_denied")


async def test_old_deliveries_are_forgotten(
    serve: Serve, clock: MovableClock, dc: DataCentre, scene: Scene
) -> None:
    async with receiving() as receiver:
        async with serve() as (gateway, client):
            session = {"session": dc.mint(scene.alice)}
            account = (await client.post(f"{API}/telegram/login/session", json=session)).json()
            made = await hook(client, receiver)
            receiver.saying = lambda number: (422 if number <= 6 else 200, "")
            await happen(gateway, account["accountId"], said(1), said(2))
            await settled(client, made, 2)
            await settled(client, made, 1, status="delivered")
        clock.ahead = timedelta(days=8)
        async with serve() as (_, client):
            [dead] = await settled(client, made, 1, status="dead")
        clock.ahead = timedelta(days=31)
        async with serve() as (_, client):
            async with asyncio.timeout(10):
                while await deliveries(client, made):
                    await asyncio.sleep(0.02)

    assert dead["status"] == "dead"


async def test_content_is_carried_only_while_the_owner_allows_it(
    gateway: Gateway, client: httpx.AsyncClient, account: str, receiver: Receiver
) -> None:
    await refused(client, 403, "content_not_allowed", include="content")
    thin = await make(client)
    patched = await client.patch(f"{HOOKS}/{thin['id']}", json={"include": "content"})
    assert_problem(patched, 403, "content_not_allowed")

    await allow_content(client, is_allowed=True)
    await hook(client, receiver, include="content")
    await happen(gateway, account, said(1))
    await receiver.got(1)
    await allow_content(client, is_allowed=False)
    await happen(gateway, account, said(2))
    full, ids = await receiver.got(2)

    assert full["data"]["data"]["message"]["text"] == "soup at noon"
    assert full["data"]["chat"]["title"] == "Ann Archer"
    assert full["data"]["trust"] == "untrusted"
    assert full["data"]["type"] == full["type"] == "message.new"
    assert set(ids["data"]) == {"id", "seq", "accountId", "chatId", "messageId"}


async def test_service_notifications_are_redacted_whoever_made_the_webhook(
    gateway: Gateway, client: httpx.AsyncClient, account: str, receiver: Receiver
) -> None:
    await allow_content(client, is_allowed=True)
    await hook(client, receiver, include="content")
    code = said(1, "Login code: 31415", 777000)
    told = CompactMessage(id=1, at=code.at, from_=777000, text="", redacted="service_notification")

    await happen(
        gateway, account, said(1, "Login code: 31415", 777000, agent_data=EventData(message=told))
    )
    [body] = await receiver.got(1)

    assert body["data"]["data"]["message"]["redacted"] == "service_notification"
    assert b"31415" not in receiver.posts[0].body


async def test_what_is_too_long_is_told_by_ids(
    gateway: Gateway, client: httpx.AsyncClient, account: str, receiver: Receiver
) -> None:
    await allow_content(client, is_allowed=True)
    await hook(client, receiver, include="content")

    await happen(gateway, account, said(1, "long " * 5000))
    [body] = await receiver.got(1)

    assert len(receiver.posts[0].body) < 20_000
    assert body["data"]["isShortened"] is True
    assert body["data"]["messageId"] == 1


async def test_a_request_that_is_repeated_after_a_crash_makes_one_webhook_with_a_secret_that_is_known(
    gateway: Gateway, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    who = Principal(
        kind=PrincipalKind.EMBEDDED, owner=gateway.owner, scopes=frozenset(Scope), is_human=True
    )
    first = Ready(action_id=new_action_id(), peer=None, random_ids=(), is_redrive=False)
    again = msgspec.structs.replace(first, is_redrive=True)
    body = NewWebhook(url=receiver.url)

    lost = await create_hook(gateway, who, first, body)
    made = await create_hook(gateway, who, again, body)
    never_made = Ready(action_id=new_action_id(), peer=None, random_ids=(), is_redrive=True)
    other = await create_hook(gateway, who, never_made, body)
    await client.post(f"{HOOKS}/{made.id}/test")

    assert made.id == lost.id != other.id
    assert lost.secret is not None
    assert lost.secret not in repr(lost)
    assert made.secret is not None
    assert made.secret != lost.secret
    headers = {name: values[0] for name, values in receiver.posts[0].headers.items()}
    assert len(headers["webhook-signature"].split()) == 1
    assert Webhook(made.secret).verify(receiver.posts[0].body, headers)


async def test_every_change_is_written_down_with_the_webhook_and_without_its_url(
    client: httpx.AsyncClient, log: Path
) -> None:
    made = await make(client)
    one = f"{HOOKS}/{made['id']}"
    await client.post(f"{one}/test")
    await client.post(f"{one}/rotate")
    await client.patch(one, json={"types": ["gap"]})
    await client.post(f"{one}/deliveries/dlv_x/retry")
    await client.delete(one)

    entries = (await client.get(f"{API}/audit")).json()["items"]
    done = [
        (entry["action"], entry["result"]["status"])
        for entry in reversed(entries)
        if entry.get("target") == made["id"] and entry["kind"] == "outcome"
    ]

    assert done == [
        ("webhook:create", "done"),
        ("webhook:test", "done"),
        ("webhook:rotate", "done"),
        ("webhook:update", "done"),
        ("webhook:retry", "failed"),
        ("webhook:delete", "done"),
    ]
    assert "hooks.example.com" not in log.read_text("utf-8")
    assert (await client.get(f"{API}/audit/verify")).json()["isOk"] is True


async def test_neither_urls_nor_secrets_nor_texts_stand_anywhere_in_clear(
    gateway: Gateway,
    client: httpx.AsyncClient,
    account: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG", "vasya")
    async with receiving(lambda number: (500 if number == 1 else 200, "")) as receiver:
        made = await hook(client, receiver)
        rotated = (await client.post(f"{HOOKS}/{made['id']}/rotate")).json()
        await happen(gateway, account, said(1))
        await settled(client, made, 1, status="delivered")
    files = {p: p.read_bytes() for p in gateway.settings.data_dir.rglob("*") if p.is_file()}
    needles = ["s3cr3t-of-the-url", "whsec_", made["secret"][6:-1], rotated["secret"][6:-1]]

    assert any(path.name.startswith("vasya.db") for path in files)
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name != "httpx")
    for needle in needles:
        assert [path for path, content in files.items() if needle.encode() in content] == []
        assert needle not in logged


@pytest.mark.parametrize(
    "change",
    [
        "is_disabled = 0",
        "lineage = NULL",
        "owner_id = (SELECT min(owner_id) FROM owners), lineage = 'ak0123456789abcdef'",
        "generation = generation + 1",
        "created_at_ms = created_at_ms + 1",
    ],
)
async def test_a_row_that_somebody_else_wrote_posts_nothing(
    environment: dict[str, str],
    serve: Serve,
    dc: DataCentre,
    scene: Scene,
    receiver: Receiver,
    change: str,
) -> None:
    async with serve() as (_, client):
        session = {"session": dc.mint(scene.alice)}
        account = (await client.post(f"{API}/telegram/login/session", json=session)).json()
        made = await hook(client, receiver)
        if change.startswith("is_disabled"):
            await client.patch(f"{HOOKS}/{made['id']}", json={"isDisabled": True})
        if change.startswith("lineage"):
            scopes = ["events:read", "webhooks:write"]
            key = await client.post(f"{API}/agent-keys", json={"name": "k", "scopes": scopes})
            await client.delete(f"{HOOKS}/{made['id']}")
            bearer = {"Authorization": f"Bearer {key.json()['secret']}"}
            await client.post(HOOKS, json={"url": receiver.url}, headers=bearer)
    with closing(sqlite3.connect(Path(environment["VASYA_DATA_DIR"]) / "vasya.db")) as db:
        assert db.execute(f"UPDATE webhooks SET {change}").rowcount == 1  # noqa: S608 — from above
        db.commit()
    async with serve() as (gateway, client):
        await happen(gateway, account["accountId"], said(1))
        await asyncio.sleep(0.3)
        listed = (await client.get(HOOKS)).json()["items"]

    assert receiver.posts == []
    assert listed == []
