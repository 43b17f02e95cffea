"""The picture of a chat over HTTP: shown, changed, taken away, and those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.problems import assert_problem
from vasya_sandbox import images
from vasya_sandbox.faults import Action, Fault
from vasya_sandbox.records import Action as Told
from vasya_sandbox.records import FileMedia, Size
from vasya_server.auth.chat_lists import ChatRule

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.api.conftest import Acting, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.records import Channel, Group, User

SMALL, LARGE = images.landscape(1, 20, 20), images.landscape(2, 60, 60)
KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}


def picture(scene: Scene) -> int:
    sizes = [Size("a", 160, 160, SMALL), Size("c", 480, 480, LARGE)]
    return scene.world.add_file("photo", "image/jpeg", sizes=sizes).id


def show(scene: Scene, by: User, chat: Group | Channel, count: int) -> list[str]:
    """Give a chat pictures, each with its note; return their ids, the newest first."""
    ids = [picture(scene) for _ in range(count)]
    for file_id in ids:
        scene.world.post(by, chat, action=Told("ChatEditPhoto"), media=FileMedia(file_id))
        chat.photo_id = file_id
    return [str(file_id) for file_id in reversed(ids)]


async def upload(client: httpx.AsyncClient, account: str, data: bytes, kind: str = "jpeg") -> str:
    headers = {"Content-Type": f"image/{kind}" if kind == "jpeg" else "text/plain"}
    made = await client.post(f"{account}/uploads", content=data, headers=headers)
    assert made.status_code == 201, made.text
    found: str = made.json()["uploadId"]
    return found


def notes(scene: Scene, viewer: User, chat: Group | Channel) -> list[str]:
    """Return the service messages of a chat, the latest last."""
    records = [scene.world.message(viewer, chat, each) for each in scene.world.ids(viewer, chat)]
    return [record.action.kind for record in records if record is not None and record.action]


@pytest.mark.parametrize("kind", ["group", "supergroup"])
async def test_an_upload_becomes_the_picture_of_a_chat_and_is_taken_away(
    client: httpx.AsyncClient, account: str, scene: Scene, kind: str
) -> None:
    own = scene.world.add_channel("Plans", scene.alice, [scene.bob])
    chats: dict[str, Group | Channel] = {"group": scene.group, "supergroup": own}
    chat = chats[kind]
    url = f"{account}/chats/{chat.peer_id}"
    body = {"uploadId": await upload(client, account, LARGE)}

    done = await client.put(f"{url}/photo", json=body, headers=KEY)
    again = await client.put(f"{url}/photo", json=body, headers=KEY)

    assert (done.status_code, done.content) == (204, b""), done.text
    assert again.headers["idempotency-replayed"] == "true"
    assert notes(scene, scene.bob, chat)[-1:] == ["ChatEditPhoto"]
    assert notes(scene, scene.bob, chat).count("ChatEditPhoto") == 1
    shown = await client.get(f"{url}/photo")
    assert (shown.status_code, shown.content) == (200, LARGE)
    assert shown.headers["content-type"] == "image/jpeg"
    part = await client.get(f"{url}/photo", headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, LARGE[:10])
    assert (await client.get(url)).json()["hasPhoto"] is True

    for _ in range(2):
        assert (await client.delete(f"{url}/photo")).status_code == 204
    assert (chat.photo_id, notes(scene, scene.bob, chat)[-1]) == (0, "ChatDeletePhoto")
    assert_problem(await client.get(f"{url}/photo"), 404, "media_not_found")
    assert "hasPhoto" not in (await client.get(url)).json()


async def test_a_picture_whose_answer_was_lost_is_not_shown_twice(
    client: httpx.AsyncClient, account: str, scene: Scene, dc: DataCentre
) -> None:
    dc.faults.add(Fault(action=Action.DROP_AFTER, request="messages.EditChatPhoto"))
    url = f"{account}/chats/{scene.group.peer_id}/photo"
    body = {"uploadId": await upload(client, account, LARGE)}

    for _ in range(2):
        response = await client.put(url, json=body, headers=KEY)
        assert assert_problem(response, 409, "outcome_unknown")["isRetryable"] is False

    assert notes(scene, scene.bob, scene.group).count("ChatEditPhoto") == 1
    assert (await client.get(url)).content == LARGE


async def test_what_is_no_picture_for_a_chat_is_said_so(
    client: httpx.AsyncClient, account: str, scene: Scene, dc: DataCentre
) -> None:
    text = await upload(client, account, b"words", "text")
    good = await upload(client, account, LARGE)
    url = f"{account}/chats/{scene.group.peer_id}/photo"

    refused = await client.put(url, json={"uploadId": text})
    problem = assert_problem(refused, 422, "validation_failed")
    assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [
        ("/uploadId", "not_a_picture")
    ]
    nothing = await client.put(url, json={"uploadId": "upl_" + "a" * 26})
    assert_problem(nothing, 404, "upload_not_found")
    for method in ("PUT", "DELETE"):
        body = {"uploadId": good} if method == "PUT" else None
        private = await client.request(method, f"{account}/chats/@bob_b/photo", json=body)
        problem = assert_problem(private, 422, "validation_failed")
        assert problem["errors"] == [{"pointer": "{chat}", "code": "not_a_group"}]
        theirs = await client.request(method, f"{account}/chats/@garden_club/photo", json=body)
        assert_problem(theirs, 403, "admin_required")
    for told, expected in (
        ("PHOTO_CROP_SIZE_SMALL", (422, "validation_failed")),
        ("FILE_PART_0_MISSING", (404, "upload_not_found")),
        ("SOMETHING_ELSE", (502, "telegram_error")),
    ):
        fault = Fault(
            action=Action.RPC_ERROR, request="messages.EditChatPhoto", code=400, text=told
        )
        dc.faults.add(fault)
        assert_problem(await client.put(url, json={"uploadId": good}), *expected)
    assert scene.group.photo_id == 0


async def test_a_dry_run_and_a_closed_gate_change_no_picture(
    client: httpx.AsyncClient, account: str, scene: Scene, dc: DataCentre
) -> None:
    url = f"{account}/chats/{scene.group.peer_id}/photo"
    body = {"uploadId": await upload(client, account, LARGE)}

    told = (await client.put(f"{url}?dryRun=true", json=body)).json()
    await client.patch(account, json={"canSend": False})
    refused = await client.put(url, json=body)

    assert (told["wouldExecute"], told["preview"]["chat"]["title"]) == (True, "Lunch")
    assert_problem(refused, 403, "sending_disabled")
    assert dc.requests["messages.EditChatPhoto"] == 0


@pytest.mark.parametrize("kind", ["group", "channel", "user"])
async def test_pictures_are_listed_the_newest_first_and_each_can_be_had(
    client: httpx.AsyncClient, account: str, scene: Scene, kind: str
) -> None:
    if kind == "user":
        scene.bob.photos += [picture(scene) for _ in range(5)]
        ids, chat_id = [str(each) for each in reversed(scene.bob.photos)], scene.bob.id
    elif kind == "group":
        ids, chat_id = show(scene, scene.alice, scene.group, 5), scene.group.peer_id
    else:
        ids, chat_id = show(scene, scene.carol, scene.channel, 5), scene.channel.peer_id
    url = f"{account}/chats/{chat_id}/photos"

    found: list[str] = []
    cursor = ""
    for _ in range(3):
        page = (await client.get(f"{url}?limit=2{cursor}")).json()
        found += [item["id"] for item in page["items"]]
        cursor = f"&cursor={page['next']}" if "next" in page else ""

    assert (found, cursor) == (ids, "")
    (first, *_) = (await client.get(url)).json()["items"]
    assert (first["width"], first["sizeBytes"]) == (480, len(LARGE))
    assert ("messageId" in first) is (kind != "user")
    assert (await client.get(f"{url}/{ids[3]}")).content == LARGE
    assert_problem(await client.get(f"{url}/4711"), 404, "media_not_found")
    assert (await client.get(f"{account}/chats/{chat_id}/photo")).content == LARGE


async def test_a_cursor_belongs_to_its_chat(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    show(scene, scene.alice, scene.group, 3)
    url = f"{account}/chats/{scene.group.peer_id}/photos"
    cursor = (await client.get(f"{url}?limit=1")).json()["next"]

    for refused in (
        await client.get(f"{account}/chats/@bob_b/photos?cursor={cursor}"),
        await client.get(f"{url}?cursor=x"),
    ):
        problem = assert_problem(refused, 422, "validation_failed")
        assert problem["errors"] == [{"pointer": "?cursor", "code": "invalid"}]
    assert (await client.get(f"{account}/chats/@garden_club/photos")).json() == {"items": []}


async def test_keys_have_the_pictures_of_their_chats(
    account: str,
    scene: Scene,
    acting: Acting,
    with_key: Callable[..., Awaitable[httpx.AsyncClient]],
) -> None:
    (of_group,) = show(scene, scene.alice, scene.group, 1)
    key = await acting(ChatRule(ids=frozenset({scene.group.peer_id})))
    reader = await with_key(scopes=["chats:read"])
    chat = f"{account}/chats/{scene.group.peer_id}"

    assert (await key.get(f"{chat}/photo")).content == LARGE
    assert (await key.get(f"{chat}/photos/{of_group}")).content == LARGE
    for other in ("@garden_club", "@nobody_here", str(scene.bob.id), "-1004711"):
        for path in ("photo", "photos", f"photos/{of_group}"):
            refused = await key.get(f"{account}/chats/{other}/{path}")
            assert_problem(refused, 403, "chat_not_allowed")
        refused = await key.delete(f"{account}/chats/{other}/photo")
        assert_problem(refused, 403, "chat_not_allowed")
    assert_problem(await reader.delete(f"{chat}/photo"), 403, "scope_required")
