"""Folders of the chat list over HTTP: what is told of them, making, changing and deleting them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.problems import assert_problem
from vasya_sandbox.chat_lists import Folder
from vasya_sandbox.faults import Action, Fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre

KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}
SAVING = "messages.UpdateDialogFilter"


@pytest.fixture
def folders(account: str) -> str:
    return f"{account}/folders"


@pytest.fixture
def support(scene: Scene) -> Folder:
    """Return a folder with everything that a folder can have."""
    folder = Folder(
        7,
        "Support",
        included=[scene.bob.id, scene.group.peer_id],
        pinned=[scene.channel.peer_id],
        excluded=[scene.carol.id],
        rules=["broadcasts", "exclude_muted"],
        title_emoji=[(0, 2, 5368324170671202286)],
        is_title_still=True,
        emoticon="🛟",
        color=3,
    )
    scene.alice.folders.append(folder)
    return folder


def only(scene: Scene) -> Folder:
    (folder,) = scene.alice.folders
    return folder


async def test_folders_are_told_in_their_order_with_all_that_they_have(
    client: httpx.AsyncClient, folders: str, scene: Scene, support: Folder
) -> None:
    scene.alice.folders.append(Folder(3, "Club", [scene.alice.id], is_shared=True))

    page = (await client.get(folders)).json()

    assert page == {
        "trust": "untrusted",
        "items": [
            {
                "id": 7,
                "title": "Support",
                "emoji": "🛟",
                "chatIds": [scene.channel.peer_id, scene.bob.id, scene.group.peer_id],
                "pinnedChatIds": [scene.channel.peer_id],
                "excludedChatIds": [scene.carol.id],
                "rules": ["channels", "exclude_muted"],
                "hasRules": True,
            },
            {"id": 3, "title": "Club", "chatIds": [scene.alice.id], "isShared": True},
        ],
    }


async def test_what_hides_in_a_title_is_told_to_humans_alone(
    client: httpx.AsyncClient, agent: httpx.AsyncClient, folders: str, scene: Scene
) -> None:
    scene.alice.folders.append(Folder(2, "Wo\u200brk", [scene.bob.id]))

    [cleaned] = (await client.get(folders)).json()["items"]
    [raw] = (await client.get(folders, params={"raw": "true"})).json()["items"]

    assert cleaned["title"] == "Work"
    assert cleaned["sanitized"] == {"removed": 1, "classes": ["zero_width"]}
    assert raw["title"] == "Wo\u200brk"
    assert_problem(await agent.get(folders, params={"raw": "true"}), 403, "human_required")


async def test_a_folder_is_made_of_chats_named_in_any_way(
    client: httpx.AsyncClient, folders: str, scene: Scene
) -> None:
    body = {
        "title": "Friends",
        "emoji": "🐟",
        "chatIds": ["@bob_b", scene.group.peer_id],
        "pinnedChatIds": ["me"],
    }

    made = await client.post(folders, json=body)

    assert made.status_code == 201, made.text
    assert made.json() == {
        "id": 2,
        "title": "Friends",
        "emoji": "🐟",
        "chatIds": [scene.alice.id, scene.bob.id, scene.group.peer_id],
        "pinnedChatIds": [scene.alice.id],
    }
    assert made.headers["location"].endswith("/folders/2")
    assert only(scene).included == [scene.bob.id, scene.group.peer_id]
    assert (only(scene).pinned, only(scene).emoticon) == ([scene.alice.id], "🐟")


async def test_a_folder_is_made_of_rules(
    client: httpx.AsyncClient, folders: str, scene: Scene
) -> None:
    body = {
        "title": "News",
        "rules": ["channels", "exclude_read"],
        "excludedChatIds": ["@daily_news"],
    }

    made = await client.post(folders, json=body)

    assert made.json()["rules"] == ["channels", "exclude_read"]
    assert only(scene).rules == ["broadcasts", "exclude_read"]
    assert only(scene).excluded == [scene.channel.peer_id]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"title": ""}, "/title"),
        ({"title": "thirteen char"}, "/title"),
        ({"chatIds": []}, "/chatIds"),
        ({"chatIds": [], "rules": ["exclude_muted"]}, "/chatIds"),
        ({"chatIds": ["@bob_b", "@bob_b"]}, "/chatIds/1"),
        ({"excludedChatIds": ["@bob_b"]}, "/excludedChatIds"),
        ({"rules": ["everything"]}, "/rules"),
        ({"id": 5}, "/id"),
    ],
)
async def test_a_folder_that_cannot_be_is_refused_by_field(
    client: httpx.AsyncClient, folders: str, scene: Scene, body: dict[str, Any], pointer: str
) -> None:
    said = {"title": "Friends", "chatIds": ["@bob_b"]} | body

    problem = assert_problem(await client.post(folders, json=said), 422, "validation_failed")
    dry = await client.post(f"{folders}?dryRun=true", json=said)

    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert_problem(dry, 422, "validation_failed")
    assert scene.alice.folders == []


async def test_a_folder_of_an_unknown_chat_is_not_made(
    client: httpx.AsyncClient, folders: str
) -> None:
    body = {"title": "Friends", "chatIds": ["@nobody_here"]}

    assert_problem(await client.post(folders, json=body), 404, "chat_not_found")


@pytest.mark.short_deadlines
@pytest.mark.parametrize("action", [Action.DROP, Action.DROP_AFTER, Action.SILENCE])
async def test_a_folder_is_made_once_whatever_the_network_does(
    client: httpx.AsyncClient, folders: str, dc: DataCentre, scene: Scene, action: Action
) -> None:
    body = {"title": "Friends", "chatIds": ["@bob_b"]}
    dc.faults.add(Fault(action=action, request=SAVING))

    response = await client.post(folders, json=body, headers=KEY)
    if response.status_code == 409:
        response = await client.post(folders, json=body, headers=KEY)
    replayed = await client.post(folders, json=body, headers=KEY)

    assert response.status_code == 201, response.text
    assert replayed.headers["idempotency-replayed"] == "true"
    assert only(scene).title == "Friends"


async def test_a_change_loses_nothing_that_it_does_not_name(
    client: httpx.AsyncClient, folders: str, scene: Scene, support: Folder
) -> None:
    changed = await client.patch(f"{folders}/7", json={"emoji": "🎣"})

    assert changed.status_code == 200, changed.text
    now = only(scene)
    assert now.emoticon == "🎣"
    assert (now.title, now.title_emoji) == ("Support", [(0, 2, 5368324170671202286)])
    assert (now.is_title_still, now.color) == (True, 3)
    assert (now.pinned, now.excluded) == ([scene.channel.peer_id], [scene.carol.id])
    assert now.included == [scene.bob.id, scene.group.peer_id]
    assert now.rules == ["broadcasts", "exclude_muted"]


async def test_chats_are_replaced_as_they_are_named_and_what_is_pinned_is_in_the_folder(
    client: httpx.AsyncClient, folders: str, scene: Scene, support: Folder
) -> None:
    path, news = f"{folders}/7", scene.channel.peer_id

    named = (await client.patch(path, json={"chatIds": [scene.carol.id, news]})).json()
    assert named["chatIds"] == [news, scene.carol.id]
    assert named["pinnedChatIds"] == [news]
    assert "excludedChatIds" not in named
    unpinned = (await client.patch(path, json={"pinnedChatIds": [scene.carol.id]})).json()
    assert unpinned["chatIds"] == [scene.carol.id, news]
    assert unpinned["pinnedChatIds"] == [scene.carol.id]
    emptied = (await client.patch(path, json={"chatIds": [], "rules": ["bots"]})).json()
    assert emptied == {
        "id": 7,
        "title": "Support",
        "emoji": "🛟",
        "rules": ["bots"],
        "hasRules": True,
    }
    assert only(scene).rules == ["bots"]


async def test_a_folder_is_given_no_icon_by_null(
    client: httpx.AsyncClient, folders: str, scene: Scene, support: Folder
) -> None:
    assert "emoji" not in (await client.patch(f"{folders}/7", json={"emoji": None})).json()
    assert (only(scene).emoticon, only(scene).title) == ("", "Support")


async def test_a_folder_moves_among_the_others(
    client: httpx.AsyncClient, folders: str, dc: DataCentre, scene: Scene
) -> None:
    scene.alice.folders += [Folder(each, f"F{each}", [scene.bob.id]) for each in (4, 2, 9)]

    async def moved(folder: int, position: int) -> list[int]:
        answer = await client.patch(f"{folders}/{folder}", json={"position": position})
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in (await client.get(folders)).json()["items"]]

    assert await moved(9, 0) == [9, 4, 2]
    assert await moved(9, 1) == [4, 9, 2]
    assert await moved(4, 200) == [9, 2, 4]
    dc.reset_counters()
    assert await moved(4, 2) == [9, 2, 4]
    assert set(dc.requests) == {"messages.GetDialogFilters"}


async def test_a_shared_folder_takes_another_title_and_no_rules(
    client: httpx.AsyncClient, folders: str, scene: Scene
) -> None:
    scene.alice.folders.append(Folder(3, "Club", [scene.bob.id], is_shared=True))
    path = f"{folders}/3"

    renamed = await client.patch(path, json={"title": "Ours"})
    ruled = await client.patch(path, json={"rules": ["bots"]})
    excluding = await client.patch(path, json={"excludedChatIds": ["@carol_c"]})

    assert renamed.json() == {
        "id": 3,
        "title": "Ours",
        "chatIds": [scene.bob.id],
        "isShared": True,
    }
    for refused, pointer in ((ruled, "/rules"), (excluding, "/excludedChatIds")):
        problem = assert_problem(refused, 422, "validation_failed")
        assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [
            (pointer, "folder_is_shared")
        ]


@pytest.mark.parametrize("is_shared", [False, True])
async def test_a_deleted_folder_leaves_its_chats_where_they_are(
    client: httpx.AsyncClient, folders: str, dc: DataCentre, scene: Scene, *, is_shared: bool
) -> None:
    scene.alice.folders.append(Folder(3, "Club", [scene.supergroup.peer_id], is_shared=is_shared))
    method = "chatlists.LeaveChatlist" if is_shared else SAVING
    dc.faults.add(Fault(action=Action.DROP_AFTER, request=method))

    deleted = await client.delete(f"{folders}/3", headers=KEY)
    if deleted.status_code == 409:
        deleted = await client.delete(f"{folders}/3", headers=KEY)

    assert deleted.status_code == 204, deleted.text
    assert scene.alice.folders == []
    assert scene.supergroup.members[scene.alice.id].is_inside


async def test_a_folder_that_is_not_there_is_not_found(
    client: httpx.AsyncClient, folders: str
) -> None:
    assert_problem(await client.patch(f"{folders}/9", json={"title": "x"}), 404, "folder_not_found")
    assert_problem(await client.delete(f"{folders}/9"), 404, "folder_not_found")
    for nowhere in ("0", "x"):
        problem = assert_problem(
            await client.delete(f"{folders}/{nowhere}"), 422, "validation_failed"
        )
        assert [error["pointer"] for error in problem["errors"]] == ["{folder}"]


async def test_changes_at_the_same_time_do_not_undo_each_other(
    client: httpx.AsyncClient, folders: str, dc: DataCentre, scene: Scene, support: Folder
) -> None:
    dc.faults.add(Fault(action=Action.DELAY, request=SAVING, secs=0.3))

    async with asyncio.TaskGroup() as both:
        both.create_task(client.patch(f"{folders}/7", json={"title": "Help"}))
        both.create_task(client.patch(f"{folders}/7", json={"emoji": "🎣"}))

    assert (only(scene).title, only(scene).emoticon) == ("Help", "🎣")


async def test_folders_take_their_scopes(
    with_key: Callable[..., Awaitable[httpx.AsyncClient]], folders: str, support: Folder
) -> None:
    reader = await with_key(scopes=["folders:read"])
    writer = await with_key(scopes=["folders:write"])

    assert (await reader.get(folders)).status_code == 200
    for refused in (
        await writer.get(folders),
        await reader.post(folders, json={"title": "x", "chatIds": [1]}),
        await reader.patch(f"{folders}/7", json={"title": "x"}),
        await reader.delete(f"{folders}/7"),
    ):
        assert_problem(refused, 403, "scope_required")
