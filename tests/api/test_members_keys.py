"""What a key with chat lists can tell of people by naming them in a chat of its own: nothing, whoever they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import API
from vasya_server.auth.chat_lists import ChatRule

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.api.conftest import Acting, Scene
    from vasya_sandbox.records import Channel, User

    WithKey = Callable[..., Awaitable[httpx.AsyncClient]]

NOBODY = 424242
CHANGES: dict[str, tuple[str, str, dict[str, Any] | None]] = {
    "ban": ("PATCH", "members/{}", {"role": "banned"}),
    "remove": ("DELETE", "members/{}", None),
    "let in": ("POST", "join-requests/{}", {"isApproved": True}),
}


@pytest.fixture
def club(scene: Scene) -> Channel:
    """Return a supergroup of Alice's, with Bob in it."""
    return scene.world.add_channel("Club", scene.alice, [scene.bob])


@pytest.fixture
async def dave(client: httpx.AsyncClient, account: str, scene: Scene) -> User:
    """Return somebody whom the account has met, and who is in no chat but his own."""
    dave = scene.world.add_user("Dave", "Dent", "dave_d", phone="99966210004")
    scene.world.post(dave, scene.alice, "remember me?")
    await client.get(f"{account}/chats")
    return dave


def told(response: httpx.Response, person: int) -> tuple[int, str]:
    """Return an answer without what is never the same twice, and without whom it was asked about."""
    body = response.text.replace(str(person), "…")
    return response.status_code, re.sub(r"(req|act|acc)_[a-z2-7]+", "…", body)


async def change(
    key: httpx.AsyncClient, chat: str, what: str, person: int, query: str = ""
) -> httpx.Response:
    method, path, body = CHANGES[what]
    return await key.request(method, f"{chat}/{path.format(person)}{query}", json=body)


@pytest.mark.parametrize("query", ["", "?dryRun=true"])
@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("place", ["channel", "supergroup", "own"])
async def test_a_stranger_is_not_told_from_nobody(
    account: str,
    acting: Acting,
    scene: Scene,
    club: Channel,
    dave: User,
    place: str,
    what: str,
    query: str,
) -> None:
    chat_id = club.peer_id if place == "own" else getattr(scene, place).peer_id
    key = await acting(ChatRule(ids=frozenset({chat_id})))

    met = await change(key, f"{account}/chats/{chat_id}", what, dave.id, query)
    unmet = await change(key, f"{account}/chats/{chat_id}", what, NOBODY, query)

    assert told(met, dave.id) == told(unmet, NOBODY)


async def test_who_waits_for_a_human_is_told_no_name_of_a_person_out_of_reach(
    client: httpx.AsyncClient, account: str, with_key: WithKey, club: Channel, dave: User
) -> None:
    key = await with_key(
        chats={"read": {"ids": [club.peer_id]}}, approval={"chats:moderate": "always"}
    )
    chat = f"{account}/chats/{club.peer_id}"

    for what in ("remove", "let in"):
        asked = await change(key, chat, what, dave.id)
        nobody = await change(key, chat, what, NOBODY)

        assert (asked.status_code, nobody.status_code) == (202, 202)
        assert asked.json()["preview"]["person"] == {"id": dave.id}
        assert nobody.json()["preview"]["person"] == {"id": NOBODY}
    action = f"{API}/actions/{asked.json()['actionId']}"
    assert (await key.get(action)).json()["preview"]["person"] == {"id": dave.id}
    assert (await client.get(action)).json()["preview"]["person"]["title"] == "Dave Dent"


async def test_who_only_writes_is_told_no_name_of_whom_it_changes(
    account: str, acting: Acting, scene: Scene, club: Channel
) -> None:
    key = await acting(
        ChatRule(ids=frozenset({scene.channel.peer_id})),
        ChatRule(ids=frozenset({club.peer_id, scene.bob.id})),
    )
    member = f"{account}/chats/{club.peer_id}/members/{scene.bob.id}"

    changed = await key.patch(member, json={"role": "member"})
    added = await key.post(f"{account}/contacts", json={"user": scene.bob.id})

    assert changed.status_code == 200, changed.text
    assert changed.json()["user"] == {"id": scene.bob.id, "type": "user"}
    assert added.json() == {"id": scene.bob.id, "type": "user", "isContact": True}


async def test_who_writes_to_a_forum_unread_is_told_no_title_of_its_topics(
    client: httpx.AsyncClient, account: str, with_key: WithKey, scene: Scene
) -> None:
    forum = await client.post(
        f"{account}/chats", json={"type": "supergroup", "title": "Plans", "isForum": True}
    )
    chat = f"{account}/chats/{forum.json()['id']}"
    topic = (await client.post(f"{chat}/topics", json={"title": "Summer"})).json()["id"]
    key = await with_key(
        chats={"read": {"ids": [scene.bob.id]}, "write": {"ids": [forum.json()["id"]]}},
        approval={"chats:delete": "always"},
    )

    asked = await key.delete(f"{chat}/topics/{topic}")

    assert asked.status_code == 202, asked.text
    assert asked.json()["preview"]["target"] == {"topic": str(topic)}
    action = f"{API}/actions/{asked.json()['actionId']}"
    told = (await client.get(action)).json()["preview"]["target"]
    assert told == {"topic": str(topic), "topicTitle": "Summer"}
