"""Folders that agent keys name decide what those keys reach: only humans change them, and keys see no other."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import pytest

from tests.api.conftest import API, BASE_URL, transport
from tests.problems import assert_problem
from vasya_sandbox.chat_lists import Folder
from vasya_sandbox.faults import Action, Fault
from vasya_server.crypto.master_key import parse_master_key
from vasya_server.gateway import open_gateway
from vasya_server.settings import load

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.api.conftest import Scene, Serve
    from tests.clocks import MovableClock
    from vasya_sandbox.dc import DataCentre

    Keyed = Callable[..., Awaitable[httpx.AsyncClient]]

SAVING = "messages.UpdateDialogFilter"
FILTERS = "messages.GetDialogFilters"
SECRET = "Fq3vT9xLm2Kp7WzR4yHc8NsJ6bDgUeAo"


@pytest.fixture
def folders(account: str) -> str:
    return f"{account}/folders"


@pytest.fixture
def support(scene: Scene) -> Folder:
    folder = Folder(7, "Support", included=[scene.bob.id])
    scene.alice.folders += [folder, Folder(8, "Private", included=[scene.carol.id])]
    return folder


def bound(account_id: str, *folder_ids: int, half: str = "read") -> dict[str, Any]:
    """Return what makes a key of one account that is held to folders."""
    halves = {half: {"folders": [*folder_ids]}}
    if half == "write":
        halves["read"] = {"ids": [1]}
    return {"accountIds": [account_id], "chats": halves}


def titles(scene: Scene) -> list[str]:
    return [folder.title for folder in scene.alice.folders]


@pytest.mark.parametrize("half", ["read", "write"])
async def test_an_agent_does_not_change_a_folder_that_a_key_names(
    client: httpx.AsyncClient,
    agent: httpx.AsyncClient,
    with_key: Keyed,
    account: str,
    dc: DataCentre,
    support: Folder,
    half: str,
) -> None:
    folders = f"{account}/folders"
    await with_key(**bound(account.rpartition("/")[2], 7, half=half))

    for change in ({"chatIds": ["@carol_c"]}, {"title": "Mine"}, {"position": 1}, {}):
        for suffix in ("", "?dryRun=true"):
            refused = await agent.patch(f"{folders}/7{suffix}", json=change)
            problem = assert_problem(refused, 403, "human_required")
            assert "Telegram app" in problem["remedy"]
    assert_problem(await agent.delete(f"{folders}/7"), 403, "human_required")
    assert not dc.requests[SAVING]
    assert (await agent.patch(f"{folders}/8", json={"title": "Free"})).status_code == 200
    assert (await client.patch(f"{folders}/7", json={"title": "Help"})).status_code == 200
    told = (await client.get(folders)).json()["items"]
    assert [each["title"] for each in told] == ["Help", "Free"]


async def test_who_decides_about_a_folder_is_told_which(
    client: httpx.AsyncClient, with_key: Keyed, folders: str, scene: Scene, support: Folder
) -> None:
    asking = await with_key(
        chats={"read": {"ids": [scene.bob.id]}}, approval={"folders:write": "always"}
    )
    body = {"title": "Help"}

    blind = (await asking.patch(f"{folders}/7?dryRun=true", json=body)).json()
    waiting = (await asking.patch(f"{folders}/7", json=body)).json()
    shown = (await client.get(f"{API}/actions/{waiting['actionId']}")).json()

    assert blind["preview"]["target"] == {"folder": "7"}
    assert shown["preview"]["target"] == {"folder": "7", "folderTitle": "Support"}
    assert shown["preview"]["request"] == {"title": "Help"}


async def test_a_key_does_not_change_the_folder_that_it_is_held_to(
    with_key: Keyed, account_id: str, folders: str, support: Folder, scene: Scene
) -> None:
    key = await with_key(**bound(account_id, 7))

    widened = await key.patch(f"{folders}/7", json={"chatIds": ["@bob_b", "@carol_c"]})

    assert_problem(widened, 403, "human_required")
    assert_problem(await key.delete(f"{folders}/7"), 403, "human_required")
    assert support.included == [scene.bob.id]


async def test_a_folder_whose_keys_have_ended_is_free_again(
    serve: Serve, clock: MovableClock, dc: DataCentre, scene: Scene, support: Folder
) -> None:
    async with serve() as (gateway, client):
        imported = await client.post(
            f"{API}/telegram/login/session", json={"session": dc.mint(scene.alice)}
        )
        account_id = imported.json()["accountId"]
        path = f"{API}/accounts/{account_id}/folders/7"
        made = [
            (await client.post(f"{API}/agent-keys", json=body)).json()
            for body in (
                {"name": "writer", "scopes": ["folders:write"]},
                {"name": "a", "scopes": ["chats:read"], "ttlSecs": 60, **bound(account_id, 7)},
                {"name": "b", "scopes": ["chats:read"], **bound(account_id, 7)},
            )
        ]
        bearer = {"Authorization": f"Bearer {made[0]['secret']}"}

        async def change() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=transport(gateway), base_url=BASE_URL, headers=bearer
            ) as agent:
                return await agent.patch(path, json={"title": "Mine"})

        assert_problem(await change(), 403, "human_required")
        clock.ahead = timedelta(seconds=61)
        assert_problem(await change(), 403, "human_required")
        await client.delete(f"{API}/agent-keys/{made[2]['id']}")
        assert (await change()).status_code == 200


async def test_a_new_folder_takes_no_id_that_a_key_names(
    client: httpx.AsyncClient,
    agent: httpx.AsyncClient,
    with_key: Keyed,
    account_id: str,
    folders: str,
    scene: Scene,
) -> None:
    scene.alice.folders.append(Folder(2, "Support", [scene.bob.id]))
    await with_key(**bound(account_id, 2))
    scene.alice.folders.clear()
    body = {"title": "Friends", "chatIds": ["@carol_c"]}

    made = [(await each.post(folders, json=body)).json()["id"] for each in (agent, client)]

    assert made == [3, 4]
    assert_problem(await agent.delete(f"{folders}/2"), 403, "human_required")
    assert_problem(await client.delete(f"{folders}/2"), 404, "folder_not_found")


async def test_a_key_is_not_bound_to_a_folder_while_an_agent_changes_it(
    client: httpx.AsyncClient,
    agent: httpx.AsyncClient,
    account_id: str,
    folders: str,
    dc: DataCentre,
    support: Folder,
) -> None:
    await agent.get(folders)
    dc.faults.add(Fault(action=Action.DELAY, request=SAVING, secs=0.5))
    done: list[str] = []

    async def change() -> None:
        changed = await agent.patch(f"{folders}/7", json={"rules": ["contacts"]})
        assert changed.status_code == 200, changed.text
        done.append("changed")

    async def bind() -> None:
        async with asyncio.timeout(5):
            while not dc.requests[SAVING]:
                await asyncio.sleep(0.01)
        body = {"name": "x", "scopes": ["chats:read"], **bound(account_id, 7)}
        made = await client.post(f"{API}/agent-keys", json=body)
        assert_problem(made, 422, "folder_unsuitable")
        done.append("judged")

    async with asyncio.TaskGroup() as both:
        both.create_task(change())
        both.create_task(bind())

    assert done == ["changed", "judged"]


@pytest.mark.parametrize("is_patch", [False, True], ids=["made", "changed"])
async def test_an_agent_changes_no_folder_that_a_key_is_just_bound_to(
    client: httpx.AsyncClient,
    agent: httpx.AsyncClient,
    account_id: str,
    folders: str,
    scene: Scene,
    dc: DataCentre,
    support: Folder,
    *,
    is_patch: bool,
) -> None:
    body = {"name": "x", "scopes": ["chats:read"]}
    old = (await client.post(f"{API}/agent-keys", json=body)).json()["id"]
    await agent.post(f"{folders}?dryRun=true", json={"title": "x", "chatIds": ["@bob_b"]})
    dc.reset_counters()
    dc.faults.add(Fault(action=Action.DELAY, request=FILTERS, secs=0.5))
    await asyncio.sleep(2.1)  # what was asked before is known no more

    async def bind() -> httpx.Response:
        if is_patch:
            return await client.patch(f"{API}/agent-keys/{old}", json=bound(account_id, 7))
        return await client.post(f"{API}/agent-keys", json={**body, **bound(account_id, 7)})

    async def change() -> httpx.Response:
        async with asyncio.timeout(5):
            while not dc.requests[FILTERS]:
                await asyncio.sleep(0.01)
        return await agent.patch(f"{folders}/7", json={"chatIds": ["@carol_c"]})

    made, refused = await asyncio.gather(bind(), change())

    assert made.is_success, made.text
    assert_problem(refused, 403, "human_required")
    assert support.included == [scene.bob.id]


async def test_a_key_sees_the_folders_that_it_names_and_in_them_what_it_may_read(
    with_key: Keyed, account_id: str, folders: str, scene: Scene, support: Folder
) -> None:
    support.included += [scene.carol.id, scene.group.peer_id]
    support.pinned = [scene.channel.peer_id]
    support.excluded = [scene.supergroup.peer_id]
    lists = {"folders": [7], "except": [scene.carol.id, scene.channel.peer_id]}
    key = await with_key(accountIds=[account_id], chats={"read": lists})

    page = (await key.get(folders)).json()

    assert page["items"] == [
        {"id": 7, "title": "Support", "chatIds": [scene.bob.id, scene.group.peer_id]}
    ]


@pytest.mark.parametrize("half", ["ids", "except"])
async def test_a_key_that_names_no_folder_sees_none(
    with_key: Keyed, folders: str, scene: Scene, support: Folder, half: str
) -> None:
    key = await with_key(chats={"read": {half: [scene.bob.id]}})

    assert (await key.get(folders)).json() == {"items": [], "trust": "untrusted"}


async def test_a_key_with_chat_lists_makes_and_changes_folders_of_what_it_may_read(
    with_key: Keyed, folders: str, scene: Scene, support: Folder
) -> None:
    ids = [scene.bob.id, scene.group.peer_id]
    key = await with_key(chats={"read": {"ids": ids}})

    made = await key.post(folders, json={"title": "Mine", "chatIds": ["@bob_b"]})
    assert made.status_code == 201, made.text
    path = f"{folders}/{made.json()['id']}"
    assert (await key.patch(path, json={"chatIds": ids})).json()["chatIds"] == ids
    for body in ({"chatIds": ["@carol_c"]}, {"rules": ["contacts"]}, {"chatIds": [4711]}):
        assert_problem(await key.patch(path, json=body), 403, "chat_not_allowed")
        made = await key.post(folders, json={"title": "Mine", "chatIds": ids} | body)
        assert_problem(made, 403, "chat_not_allowed")
    assert (await key.delete(path)).status_code == 204
    assert titles(scene) == ["Support", "Private"]


async def test_a_key_with_chat_lists_does_not_learn_which_other_folders_there_are(
    with_key: Keyed, account_id: str, folders: str, scene: Scene, support: Folder
) -> None:
    await with_key(**bound(account_id, 7))
    scene.alice.folders += [
        Folder(9, "Rules", [scene.bob.id], rules=["contacts"]),
        Folder(10, "Shared", [scene.bob.id], is_shared=True),
        Folder(11, "Without", [scene.bob.id], excluded=[scene.carol.id]),
    ]
    key = await with_key(chats={"read": {"ids": [scene.bob.id]}})

    said = []
    for folder in (7, 8, 9, 10, 11, 200):
        for answer in (
            await key.patch(f"{folders}/{folder}", json={"title": "x"}),
            await key.delete(f"{folders}/{folder}"),
        ):
            problem = assert_problem(answer, 403, "access_denied")
            said.append((problem["detail"], problem["remedy"]))

    assert len(set(said)) == 1
    assert titles(scene) == ["Support", "Private", "Rules", "Shared", "Without"]


async def test_what_a_human_takes_out_of_a_folder_is_out_of_the_keys_reach_at_once(
    client: httpx.AsyncClient, with_key: Keyed, account: str, account_id: str, support: Folder
) -> None:
    key = await with_key(**bound(account_id, 7))
    chats = f"{account}/chats"

    async def seen() -> list[str]:
        return [chat["title"] for chat in (await key.get(chats)).json()["items"]]

    assert await seen() == ["Bob"]
    await client.patch(f"{account}/folders/7", json={"chatIds": ["@carol_c"]})
    assert await seen() == ["Кэрол"]
    await client.delete(f"{account}/folders/7")
    assert await seen() == []


async def test_a_token_that_is_narrowed_and_not_human_changes_no_folder_that_a_key_names(
    environment: dict[str, str],
    clock: MovableClock,
    dc: DataCentre,
    scene: Scene,
    support: Folder,
) -> None:
    settings = load(environment | {"AUTH_MODE": "jwt", "JWT_SECRET": SECRET})
    key = parse_master_key(secrets.token_hex(32))
    async with (
        open_gateway(settings, clock=clock, key=key) as gateway,
        httpx.AsyncClient(transport=transport(gateway), base_url=BASE_URL) as client,
    ):

        def bearer(**claims: str) -> dict[str, str]:
            token = jwt.encode({"sub": "alice", "exp": 2**31, **claims}, SECRET, "HS256")
            return {"Authorization": f"Bearer {token}"}

        whole, narrowed = bearer(), bearer(scope="folders:read folders:write")
        imported = await client.post(
            f"{API}/telegram/login/session",
            json={"session": dc.mint(scene.alice)},
            headers=whole,
        )
        account_id = imported.json()["accountId"]
        path = f"{API}/accounts/{account_id}/folders"
        body = {"name": "x", "scopes": ["chats:read"], **bound(account_id, 7)}
        await client.post(f"{API}/agent-keys", json=body, headers=whole)

        refused = await client.patch(f"{path}/7", json={"title": "Mine"}, headers=narrowed)
        free = await client.patch(f"{path}/8", json={"title": "Mine"}, headers=narrowed)
        human = await client.patch(f"{path}/7", json={"title": "Help"}, headers=whole)

    assert_problem(refused, 403, "human_required")
    assert free.status_code == 200, free.text
    assert human.status_code == 200, human.text
    assert titles(scene) == ["Help", "Mine"]
