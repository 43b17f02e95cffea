"""A key that is held to one folder, tried with every operation there is: nothing outside the folder can be seen or touched.

New operations are walked without anybody remembering; what must not be seen is written down here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api import walking
from tests.api.changes import all_changes
from tests.api.conftest import listening
from tests.api.walking import STREAM, UNLIMITED, bodies, queries
from vasya_sandbox.chat_lists import Folder
from vasya_server.api.routes import BASE_PATH, OPERATIONS, Kind, Operation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

NAMED_FOLDER, OTHER_FOLDER = 7, 8
WORDS = "quokka"
# What stands outside the folder, and nowhere else in this world.
OUTSIDE = ("Quokka", "quokka", "Xylophone", "xylophone", "Mortgage", "Кэрол")
# What changes pictures stands with uploads, and not with the other changes.
PICTURES = {"messages.EditChatPhoto", "channels.EditPhoto", "photos.UploadProfilePhoto"}
# An end of the key, or of what the walk goes through; each has tests of its own.
LAST = {"delete_account", "revoke_own_agent_key", "disconnect_account"}


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | UNLIMITED


@pytest.fixture
def places(scene: Scene) -> dict[str, tuple[str, int]]:
    """Put Bob into a folder, and people, chats, words and another folder outside of it; return a message of each."""
    world, alice, bob = scene.world, scene.alice, scene.bob
    quokka = world.add_user("Quokka", "Zanzibar", "quokka_z", phone="99966210077")
    alice.contacts.add(quokka.id)
    group = world.add_group("Xylophone circle", alice, [quokka])
    channel = world.add_channel(
        "Xylophone news", quokka, [alice], "xylophone_news", is_broadcast=True
    )
    notes = {
        "quokka": (
            "@quokka_z",
            world.post(quokka, alice, "quokka writes").message.copies[alice.id],
        ),
        "group": (
            str(group.peer_id),
            world.post(quokka, group, "quokka sings").message.copies[alice.id],
        ),
        "channel": (
            "@xylophone_news",
            world.post(quokka, channel, "quokka prints").message.copies[channel.peer_id],
        ),
        "carol": ("@carol_c", world.ids(alice, scene.carol)[-1]),
        "me": ("me", world.post(alice, alice, "quokka for myself").message.copies[alice.id]),
    }
    alice.folders += [
        Folder(NAMED_FOLDER, "Support", included=[bob.id]),
        Folder(OTHER_FOLDER, "Mortgage", included=[quokka.id, group.peer_id]),
    ]
    world.post(bob, alice, "within")
    return notes


@pytest.fixture
async def held(
    with_key: Callable[..., Awaitable[httpx.AsyncClient]],
    account: str,
    places: dict[str, tuple[str, int]],
    gateway: Gateway,
    client: httpx.AsyncClient,
) -> httpx.AsyncClient:
    """Return a client of a key with every scope that is held to the folder."""
    assert places
    await client.get(f"{account}/chats")
    await listening(gateway)
    folder = {"folders": [NAMED_FOLDER]}
    account_id = account.rpartition("/")[2]
    return await with_key(accountIds=[account_id], chats={"read": folder, "write": folder})


def requests(
    operation: Operation, account: str, chat: str, message: int
) -> list[tuple[str, object]]:
    """Return paths and bodies that ask for something of that chat, whatever the parameter that names it."""
    path = operation.path.removeprefix("/accounts/{account}")
    root = BASE_PATH if path == operation.path else account
    named = walking.NAMED | {"chat": chat, "message": str(message), "user": chat, "folder": "8"}
    contents: list[object] = [None]
    if operation.body is not None:
        contents = list(bodies(operation, chat, message))
    return [
        (f"{root}{path.format(**named)}?{query}", content)
        for query in queries(operation, WORDS)
        for content in contents
    ]


def told(response: httpx.Response) -> str:
    return f"{response.text}{response.headers}"


WALK = [o for o in OPERATIONS if o.name not in {*LAST, STREAM}]


@pytest.mark.parametrize("operation", WALK, ids=lambda o: o.name)
async def test_nothing_outside_is_told(
    held: httpx.AsyncClient,
    account: str,
    scene: Scene,
    places: dict[str, tuple[str, int]],
    operation: Operation,
) -> None:
    inside = (str(scene.bob.id), scene.world.ids(scene.alice, scene.bob)[-1])
    for chat, message in (inside, *places.values()):
        for path, body in requests(operation, account, chat, message):
            response = await held.request(operation.method, path, json=body)
            assert response.status_code != 500, path
            said = told(response)
            found = [word for word in OUTSIDE if word in said]
            assert not found, (path, body, found)


@pytest.mark.parametrize("operation", [o for o in WALK if "{chat}" in o.path], ids=lambda o: o.name)
async def test_a_chat_outside_is_refused_as_one_that_is_not_there(
    held: httpx.AsyncClient,
    account: str,
    places: dict[str, tuple[str, int]],
    operation: Operation,
) -> None:
    nowhere = ("@nobody_at_all_here", 1)
    for chat, message in (*places.values(), nowhere):
        for path, body in requests(operation, account, chat, message):
            response = await held.request(operation.method, path, json=body)
            problem = response.json()
            assert (response.status_code, problem["code"]) == (403, "chat_not_allowed"), path
            assert problem["detail"] == "This credential does not reach that chat for this."


@pytest.mark.parametrize(
    "operation",
    [o for o in WALK if o.kind is Kind.TELEGRAM and "{chat}" in o.path],
    ids=lambda o: o.name,
)
async def test_nothing_outside_is_changed(
    held: httpx.AsyncClient,
    account: str,
    scene: Scene,
    dc: DataCentre,
    places: dict[str, tuple[str, int]],
    operation: Operation,
) -> None:
    sends = {name for change in all_changes(scene).values() for name in change.sends} | PICTURES
    dc.reset_counters()
    for chat, message in places.values():
        for path, body in requests(operation, account, chat, message):
            await held.request(operation.method, path, json=body)
    assert not sends & set(dc.requests)


async def test_what_is_in_the_folder_is_listed_searched_read_and_answered(
    held: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    chats = (await held.get(f"{account}/chats")).json()
    found = (await held.get(f"{account}/messages?q=within")).json()
    hidden = (await held.get(f"{account}/messages?q=quokka")).json()
    read = (await held.get(f"{account}/chats/@bob_b/messages?limit=1")).json()
    inbox = (await held.get(f"{account}/inbox?since=24h")).json()
    sent = await held.post(f"{account}/chats/@bob_b/messages", json={"text": "coming"})

    assert [each["id"] for each in chats["items"]] == [scene.bob.id]
    assert "next" not in chats
    assert [each["text"] for each in found["items"]] == ["within"]
    assert hidden["items"] == []
    assert "next" not in hidden
    assert [each["text"] for each in read["items"]] == ["within"]
    assert [each["chat"]["id"] for each in inbox["items"]] == [scene.bob.id]
    assert sent.status_code == 201
