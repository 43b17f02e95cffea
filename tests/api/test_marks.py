"""Forwards, deletions, read marks, typing, reactions and pins over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.problems import assert_problem
from vasya_sandbox.faults import Action, Fault

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.records import Message

KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}


@pytest.fixture
def five(scene: Scene) -> list[int]:
    """Return five messages that Carol wrote to Alice."""
    posted = [scene.world.post(scene.carol, scene.alice, f"m{n}").message for n in range(5)]
    return [message.copies[scene.alice.id] for message in posted]


@pytest.fixture
def message(scene: Scene) -> Message:
    return scene.world.post(scene.bob, scene.alice, "look").message


@pytest.fixture
def path(account: str, scene: Scene, message: Message) -> str:
    return f"{account}/chats/@bob_b/messages/{message.copies[scene.alice.id]}"


def _texts(scene: Scene) -> list[str]:
    """Return what Bob's box holds from Alice, oldest first."""
    ids = scene.world.ids(scene.bob, scene.alice)
    records = [scene.world.message(scene.bob, scene.alice, each) for each in ids]
    return [r.text for r in records if r is not None and r.author_id == scene.alice.id]


@pytest.mark.short_deadlines
@pytest.mark.parametrize("action", [None, Action.DROP, Action.DROP_AFTER, Action.SILENCE])
async def test_a_forward_of_five_stands_once_each(
    client: httpx.AsyncClient,
    account: str,
    dc: DataCentre,
    scene: Scene,
    five: list[int],
    action: Action | None,
) -> None:
    url = f"{account}/chats/@bob_b/messages/forward"
    body = {"fromChat": "@carol_c", "messageIds": five}
    if action is not None:
        dc.faults.add(Fault(action=action, request="messages.ForwardMessages"))

    response = await client.post(url, json=body, headers=KEY)
    if response.status_code == 409:
        response = await client.post(url, json=body, headers=KEY)

    answer = response.json()
    assert response.status_code == 201, response.text
    assert [item["text"] for item in answer["items"]] == ["m0", "m1", "m2", "m3", "m4"]
    assert answer["items"][0]["forwardedFrom"]["name"] == "Кэрол"
    assert "missing" not in answer
    assert _texts(scene)[-5:] == ["m0", "m1", "m2", "m3", "m4"]
    assert _texts(scene).count("m0") == 1
    assert response.headers["action-id"].startswith("act_")


async def test_a_protected_source_keeps_what_it_holds(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    scene.supergroup.is_protected = True
    body = {"fromChat": "@garden_club", "messageIds": [2]}

    response = await client.post(f"{account}/chats/@bob_b/messages/forward", json=body)

    assert_problem(response, 403, "chat_protected")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"messageIds": []}, "/messageIds"),
        ({"messageIds": list(range(1, 102))}, "/messageIds"),
        ({"messageIds": [0]}, "/messageIds"),
        ({"messageIds": [1, 1]}, "/messageIds"),
        ({"fromChat": ""}, "/fromChat"),
        ({"withoutCaption": True}, "/withoutCaption"),
        ({"topic": 5}, "/topic"),
        ({"scheduleAt": "today"}, "/scheduleAt"),
    ],
)
async def test_a_forward_that_cannot_be_is_refused_by_field(
    client: httpx.AsyncClient, account: str, change: dict[str, Any], pointer: str
) -> None:
    body = {"fromChat": "@carol_c", "messageIds": [1]} | change

    response = await client.post(f"{account}/chats/@bob_b/messages/forward", json=body)

    problem = assert_problem(response, 422, "validation_failed")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


async def test_a_forward_from_nowhere_is_not_found(client: httpx.AsyncClient, account: str) -> None:
    url = f"{account}/chats/@bob_b/messages/forward"

    nowhere = await client.post(url, json={"fromChat": "@nobody_here", "messageIds": [1]})
    nothing = await client.post(url, json={"fromChat": "@carol_c", "messageIds": [4711]})

    assert_problem(nowhere, 404, "chat_not_found")
    assert_problem(nothing, 404, "message_not_found")


async def test_several_messages_are_deleted_and_the_missing_ones_named(
    client: httpx.AsyncClient, account: str, scene: Scene, five: list[int]
) -> None:
    response = await client.post(
        f"{account}/chats/@carol_c/messages/delete",
        json={"ids": [*five[:2], 4711], "forEveryone": True},
    )

    assert response.status_code == 200
    assert response.json() == {"deleted": five[:2], "missing": [4711]}
    left = [
        scene.world.message(scene.carol, scene.alice, each)
        for each in scene.world.ids(scene.carol, scene.alice)
    ]
    assert [r.text for r in left if r is not None and r.author_id == scene.carol.id][-3:] == [
        "m2",
        "m3",
        "m4",
    ]


async def test_deletion_through_a_broken_connection_is_done(
    client: httpx.AsyncClient, account: str, dc: DataCentre, scene: Scene, five: list[int]
) -> None:
    dc.faults.add(Fault(action=Action.DROP_AFTER, request="messages.DeleteMessages"))

    response = await client.post(
        f"{account}/chats/@carol_c/messages/delete",
        json={"ids": five, "forEveryone": False},
        headers=KEY,
    )

    assert response.json() == {"deleted": five}
    assert not set(five) & set(scene.alice.box.numbers)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"ids": [1]}, "/forEveryone"),
        ({"forEveryone": True}, "/ids"),
        ({"ids": [], "forEveryone": True}, "/ids"),
        ({"ids": list(range(1, 102)), "forEveryone": True}, "/ids"),
    ],
)
async def test_a_deletion_says_what_and_for_whom(
    client: httpx.AsyncClient, account: str, body: dict[str, Any], pointer: str
) -> None:
    response = await client.post(f"{account}/chats/@carol_c/messages/delete", json=body)

    problem = assert_problem(response, 422, "validation_failed")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


async def test_a_chat_is_read_to_a_message_and_to_its_end_without_a_body(
    client: httpx.AsyncClient, account: str, scene: Scene, five: list[int]
) -> None:
    url = f"{account}/chats/@carol_c/read"

    part = await client.post(url, json={"upTo": five[2]})
    assert (part.status_code, part.content) == (204, b"")
    assert scene.alice.dialogs[scene.carol.id].read_in == five[2]

    rest = await client.post(url)
    assert rest.status_code == 204
    assert scene.alice.dialogs[scene.carol.id].read_in == five[4]


@pytest.mark.parametrize("up_to", [0, -1, "x"])
async def test_a_read_mark_is_a_message(
    client: httpx.AsyncClient, account: str, up_to: object
) -> None:
    response = await client.post(f"{account}/chats/@carol_c/read", json={"upTo": up_to})

    assert_problem(response, 422, "validation_failed")


async def test_typing_is_shown(client: httpx.AsyncClient, account: str, dc: DataCentre) -> None:
    response = await client.post(f"{account}/chats/@bob_b/typing")

    assert (response.status_code, response.content) == (204, b"")
    assert dc.requests["messages.SetTyping"] == 1


async def test_a_reaction_is_set_and_taken_back(
    client: httpx.AsyncClient, path: str, message: Message
) -> None:
    for _ in range(2):
        response = await client.put(f"{path}/reaction", json={"emoji": "👍"})
        assert (response.status_code, response.content) == (204, b"")
    assert [reaction.emoji for reaction in message.reactions] == ["👍"]

    for _ in range(2):
        assert (await client.delete(f"{path}/reaction")).status_code == 204
    assert message.reactions == []


@pytest.mark.parametrize("emoji", ["", "x" * 33, "nonsense"])
async def test_what_is_no_reaction_is_refused(
    client: httpx.AsyncClient, path: str, message: Message, emoji: str
) -> None:
    response = await client.put(f"{path}/reaction", json={"emoji": emoji})

    problem = assert_problem(response, 422, "validation_failed")
    assert [error["pointer"] for error in problem["errors"]] == ["/emoji"]
    assert message.reactions == []


async def test_a_message_is_pinned_and_unpinned(
    client: httpx.AsyncClient, path: str, message: Message
) -> None:
    for _ in range(2):
        assert (await client.put(f"{path}/pin")).status_code == 204
    assert message.pinned_in != []

    for _ in range(2):
        assert (await client.delete(f"{path}/pin")).status_code == 204
    assert message.pinned_in == []


@pytest.mark.parametrize(
    ("method", "what", "body"),
    [
        ("PUT", "reaction", {"emoji": "👍"}),
        ("DELETE", "reaction", None),
        ("PUT", "pin", None),
        ("DELETE", "pin", None),
    ],
)
async def test_what_is_not_there_cannot_be_marked(
    client: httpx.AsyncClient, account: str, method: str, what: str, body: object
) -> None:
    response = await client.request(
        method, f"{account}/chats/@bob_b/messages/4711/{what}", json=body
    )

    assert_problem(response, 404, "message_not_found")


@pytest.mark.parametrize(
    ("method", "path_end", "body"),
    [
        ("POST", "messages/forward", {"fromChat": "@carol_c", "messageIds": [1]}),
        ("POST", "messages/delete", {"ids": [1], "forEveryone": True}),
        ("POST", "read", None),
        ("POST", "typing", None),
        ("PUT", "messages/1/reaction", {"emoji": "👍"}),
        ("PUT", "messages/1/pin", None),
    ],
)
async def test_a_closed_gate_stops_every_mark(
    client: httpx.AsyncClient,
    account: str,
    dc: DataCentre,
    method: str,
    path_end: str,
    body: object,
) -> None:
    await client.patch(account, json={"canSend": False})
    dc.reset_counters()

    response = await client.request(method, f"{account}/chats/@bob_b/{path_end}", json=body)

    assert_problem(response, 403, "sending_disabled")
    # The refusal shows the chat that it is about.
    reads = {"contacts.ResolveUsername", "users.GetUsers", "updates.GetState"}
    assert set(dc.requests) <= {*reads, "messages.GetPeerDialogs"}
