"""What narrows the chat list by asking Telegram more: common groups and folders; and invite links."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.problems import assert_problem
from vasya_sandbox.chat_lists import Folder
from vasya_sandbox.membership import Invite

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre

INVITE = "AbCdEfGh12345678"


async def listed(client: httpx.AsyncClient, account: str, **query: str | int) -> list[int]:
    """Return the ids of the chats on all pages."""
    ids: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        response = await client.get(f"{account}/chats", params={**query, **cursor})
        assert response.status_code == 200, response.text
        page = response.json()
        ids += [chat["id"] for chat in page["items"]]
        if "next" not in page:
            return ids
        cursor = {"cursor": page["next"]}


@pytest.mark.parametrize("reference", ["@bob_b", "id"])
async def test_with_lists_the_groups_shared_with_somebody(
    client: httpx.AsyncClient, account: str, scene: Scene, reference: str
) -> None:
    who = reference.replace("id", str(scene.bob.id))

    assert await listed(client, account, **{"with": who}) == [
        scene.supergroup.peer_id,
        scene.group.peer_id,
    ]


async def test_with_tells_a_common_group_as_the_list_does(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    page = (await client.get(f"{account}/chats", params={"with": "@bob_b"})).json()

    garden, lunch = page["items"]
    assert (garden["type"], garden["title"]) == ("supergroup", "Garden club")
    assert (garden["unreadCount"], garden["lastMessage"]["text"]) == (2, "the roses are out")
    assert lunch["lastMessage"]["text"] == "soup?"


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_pages_of_common_groups_join_without_gap_or_repeat(
    client: httpx.AsyncClient, account: str, scene: Scene, limit: int
) -> None:
    made = [scene.world.add_group(f"G{n}", scene.bob, [scene.alice]).peer_id for n in range(4)]

    assert await listed(client, account, **{"with": "@bob_b"}, limit=limit) == [
        scene.supergroup.peer_id,
        *reversed(made),
        scene.group.peer_id,
    ]


async def test_more_common_groups_than_telegram_tells_at_once(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    world = scene.world
    made = [world.add_group(f"G{n}", scene.bob, [scene.alice]).peer_id for n in range(110)]

    found = await listed(client, account, **{"with": "@bob_b"}, limit=200)

    assert found == [scene.supergroup.peer_id, *reversed(made), scene.group.peer_id]


async def test_with_keeps_to_the_other_filters(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    scene.world.dialog(scene.alice, scene.group.peer_id).folder_id = 1

    for query, expected in (
        ({"type": "group"}, [scene.group.peer_id]),
        ({"q": "GARDEN"}, [scene.supergroup.peer_id]),
        ({"archived": "true"}, [scene.group.peer_id]),
        ({"archived": "false"}, [scene.supergroup.peer_id]),
    ):
        assert await listed(client, account, **{"with": "@bob_b"}, **query) == expected


async def test_nothing_in_common_is_an_empty_list(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    scene.world.add_user("Dave", username="dave_d")

    assert await listed(client, account, **{"with": "@dave_d"}) == []


@pytest.mark.parametrize(
    ("who", "code"), [("me", "is_oneself"), ("@garden_club", "not_a_user")], ids=["me", "a group"]
)
async def test_with_takes_another_user(
    client: httpx.AsyncClient, account: str, who: str, code: str
) -> None:
    response = await client.get(f"{account}/chats", params={"with": who})

    problem = assert_problem(response, 422, "validation_failed")
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("?with", code)]


async def test_a_folder_lists_its_chats_in_the_order_of_the_chat_list(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    scene.alice.folders.append(
        Folder(2, "Mine", [scene.bob.id, scene.group.peer_id], pinned=[scene.channel.peer_id])
    )
    whole = await listed(client, account)
    wanted = {scene.bob.id, scene.group.peer_id, scene.channel.peer_id}

    for limit in (1, 50):
        found = await listed(client, account, folder=2, limit=limit)
        assert found == [chat_id for chat_id in whole if chat_id in wanted]
        assert len(found) == 3


async def test_a_folder_takes_chats_in_by_its_rules(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    world, alice = scene.world, scene.alice
    alice.contacts.add(scene.bob.id)
    bot = world.add_user("Helper", username="helper_bot", bot=True)
    world.post(bot, alice, "at your service")
    alice.folders += [
        Folder(2, "Friends", rules=["contacts"]),
        Folder(3, "Strangers", rules=["non_contacts"]),
        Folder(4, "Groups", rules=["groups"], excluded=[scene.group.peer_id]),
        Folder(5, "News", [scene.bob.id], rules=["broadcasts", "bots"]),
    ]

    for folder, expected in (
        (2, {scene.bob.id}),
        (3, {scene.carol.id}),
        (4, {scene.supergroup.peer_id}),
        (5, {scene.bob.id, scene.channel.peer_id, bot.id}),
    ):
        assert {*await listed(client, account, folder=folder)} == expected


async def test_a_folder_leaves_out_what_is_muted_read_or_archived(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    world, alice = scene.world, scene.alice
    world.mark_read(alice, scene.carol)
    world.dialog(alice, scene.group.peer_id).muted_until = 2**31 - 1
    world.dialog(alice, scene.supergroup.peer_id).folder_id = 1
    kinds = Folder(2, "All", rules=["non_contacts", "groups"])
    kinds.rules += ["exclude_read", "exclude_muted", "exclude_archived"]
    alice.folders.append(kinds)
    named = Folder(3, "Named", [scene.group.peer_id], rules=["groups", "exclude_muted"])
    alice.folders.append(named)

    assert await listed(client, account, folder=2) == [scene.bob.id]
    assert {*await listed(client, account, folder=3)} == {
        scene.group.peer_id,
        scene.supergroup.peer_id,
    }


async def test_a_shared_folder_lists_its_chats(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    scene.alice.folders.append(
        Folder(4, "Club", [scene.supergroup.peer_id], [scene.channel.peer_id], is_shared=True)
    )

    assert {*await listed(client, account, folder=4)} == {
        scene.supergroup.peer_id,
        scene.channel.peer_id,
    }


async def test_an_unknown_folder_is_refused_with_those_there_are(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    scene.alice.folders += [Folder(2, "Mine"), Folder(7, "Club", is_shared=True)]

    response = await client.get(f"{account}/chats?folder=4711")

    problem = assert_problem(response, 422, "validation_failed")
    assert problem["errors"] == [
        {"pointer": "?folder", "code": "unknown", "allowed": ["0", "2", "7"]}
    ]


@pytest.mark.parametrize(
    "link",
    [f"https://t.me/+{INVITE}", f"t.me/joinchat/{INVITE}", f"tg://join?invite={INVITE}"],
    ids=["plus", "joinchat", "app"],
)
async def test_an_invite_link_of_a_chat_one_is_in_is_that_chat(
    client: httpx.AsyncClient, account: str, scene: Scene, link: str
) -> None:
    scene.group.invites.append(Invite(INVITE))

    found = (await client.get(f"{account}/resolve", params={"q": link})).json()

    assert (found["chat"]["id"], found["chat"]["title"]) == (scene.group.peer_id, "Lunch")
    assert "candidates" not in found


async def test_an_invite_link_of_a_supergroup_makes_it_usable(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    scene.supergroup.invites.append(Invite(INVITE))

    found = (await client.get(f"{account}/resolve", params={"q": f"t.me/+{INVITE}"})).json()
    messages = await client.get(f"{account}/chats/{found['chat']['id']}/messages")

    assert messages.json()["items"][0]["text"] == "the roses are out"


async def test_an_invite_link_of_a_chat_one_is_not_in_joins_nothing(
    client: httpx.AsyncClient, account: str, scene: Scene, dc: DataCentre
) -> None:
    elsewhere = scene.world.add_channel("Elsewhere", scene.bob)
    elsewhere.invites.append(Invite(INVITE))

    response = await client.get(f"{account}/resolve", params={"q": f"t.me/+{INVITE}"})

    problem = assert_problem(response, 404, "chat_not_found")
    assert problem["detail"] == "The invite link is good, but the account has not joined its chat."
    assert list(elsewhere.members) == [scene.bob.id]
    assert dc.requests["messages.CheckChatInvite"] == 1


@pytest.mark.parametrize("expires_at", [None, 1], ids=["unknown", "expired"])
async def test_an_invite_link_that_leads_nowhere_is_404(
    client: httpx.AsyncClient, account: str, scene: Scene, expires_at: int | None
) -> None:
    if expires_at is not None:
        elsewhere = scene.world.add_channel("Elsewhere", scene.bob)
        elsewhere.invites.append(Invite(INVITE, expires_at))

    response = await client.get(f"{account}/resolve", params={"q": f"t.me/+{INVITE}"})

    assert_problem(response, 404, "chat_not_found")
