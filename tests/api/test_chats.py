"""Chats over HTTP: the list, one of them, and every way of naming one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.problems import assert_problem

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Scene


async def test_the_list_holds_every_dialog_with_unread_counts(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    page = (await client.get(f"{account}/chats")).json()

    chats = {chat["id"]: chat for chat in page["items"]}
    assert page["trust"] == "untrusted"
    assert chats[scene.bob.id]["type"] == "user"
    assert chats[scene.bob.id]["title"] == "Bob"
    assert chats[scene.carol.id]["unreadCount"] == 1
    assert chats[scene.carol.id]["lastMessage"]["text"] == "доброе утро"
    assert chats[-scene.group.id]["type"] == "group"
    assert chats[scene.supergroup.peer_id]["type"] == "supergroup"
    assert chats[scene.channel.peer_id]["type"] == "channel"
    assert "next" not in page


async def test_pages_join_to_the_whole_list_without_gap_or_repeat(
    client: httpx.AsyncClient, account: str
) -> None:
    whole = [c["id"] for c in (await client.get(f"{account}/chats")).json()["items"]]
    collected: list[int] = []
    parameters: dict[str, str | int] = {"limit": 2}
    while True:
        page = (await client.get(f"{account}/chats", params=parameters)).json()
        collected += [chat["id"] for chat in page["items"]]
        if "next" not in page:
            break
        parameters["cursor"] = page["next"]

    assert collected == whole


async def test_every_form_of_reference_names_the_same_chat(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    for reference in (str(scene.bob.id), "@bob_b", "@BOB_B"):
        chat = (await client.get(f"{account}/chats/{reference}")).json()
        assert chat["id"] == scene.bob.id
    assert (await client.get(f"{account}/chats/me")).json()["id"] == scene.alice.id
    garden = (await client.get(f"{account}/chats/@garden_club")).json()
    assert garden["id"] == scene.supergroup.peer_id


async def test_a_title_is_never_resolved_but_answered_with_candidates(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    response = await client.get(f"{account}/chats/garden")

    problem = assert_problem(response, 404, "chat_not_found")
    assert [c["id"] for c in problem["candidates"]] == [scene.supergroup.peer_id]
    assert problem["candidates"][0]["title"] == "Garden club"


@pytest.mark.parametrize(
    "reference", ["999", "-999", "-100999", "@nobody_here", "+4915112345678", "no such title"]
)
async def test_a_chat_that_is_not_there_is_404(
    client: httpx.AsyncClient, account: str, reference: str
) -> None:
    assert_problem(await client.get(f"{account}/chats/{reference}"), 404, "chat_not_found")


async def test_resolve_reads_links(client: httpx.AsyncClient, account: str, scene: Scene) -> None:
    for q in ("https://t.me/bob_b", "t.me/bob_b", "@bob_b", "tg://resolve?domain=bob_b"):
        found = (await client.get(f"{account}/resolve", params={"q": q})).json()
        assert found["chat"]["id"] == scene.bob.id, q


async def test_resolve_answers_a_title_with_candidates(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    found = (await client.get(f"{account}/resolve", params={"q": "lunch"})).json()

    assert "chat" not in found
    assert [each["id"] for each in found["candidates"]] == [-scene.group.id]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "?limit"),
        ("limit=201", "?limit"),
        ("limit=ten", "?limit"),
        ("type=persons", "?type"),
        ("unread=yes", "?unread"),
        ("unraed=true", "?unraed"),
        ("limit=5&limit=6", "?limit"),
        ("cursor=AAAA", "?cursor"),
        ("q=", "?q"),
        ("folder=4711", "?folder"),
        ("folder=99999999999999999999", "?folder"),
    ],
)
async def test_a_wrong_filter_is_refused_and_never_ignored(
    client: httpx.AsyncClient, account: str, query: str, pointer: str
) -> None:
    problem = assert_problem(await client.get(f"{account}/chats?{query}"), 422, "validation_failed")

    assert problem["errors"][0]["pointer"] == pointer
