"""Profile pictures over HTTP: other people's, and the account's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.conftest import API
from tests.problems import assert_problem
from vasya_sandbox import images
from vasya_sandbox.faults import Action, Fault
from vasya_sandbox.records import Size
from vasya_server.auth.chat_lists import ChatRule

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.api.conftest import Acting, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_sandbox.records import User

SMALL, LARGE = images.landscape(1, 20, 20), images.landscape(2, 60, 60)
KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}


def show(scene: Scene, who: User, count: int = 1) -> list[str]:
    """Give somebody pictures; return their ids, the newest first."""
    for _ in range(count):
        sizes = [Size("a", 160, 160, SMALL), Size("c", 480, 480, LARGE)]
        who.photos.append(scene.world.add_file("photo", "image/jpeg", sizes=sizes).id)
    return [str(each) for each in who.photos[::-1]]


async def upload(client: httpx.AsyncClient, account: str, data: bytes, name: str = "me.jpg") -> str:
    headers = {
        "Content-Type": "image/jpeg" if name.endswith("jpg") else "text/plain",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    made = await client.post(f"{account}/uploads", content=data, headers=headers)
    assert made.status_code == 201, made.text
    found: str = made.json()["uploadId"]
    return found


async def test_pictures_are_listed_the_newest_first_page_by_page(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    ids = show(scene, scene.bob, 5)
    path = f"{account}/users/@bob_b/photos"

    whole = (await client.get(path)).json()
    first = (await client.get(f"{path}?limit=3")).json()
    second = (await client.get(f"{path}?limit=3&cursor={first['next']}")).json()

    assert [item["id"] for item in whole["items"]] == ids
    assert "next" not in whole
    assert whole["items"][0] | {"addedAt": ""} == {
        "id": ids[0],
        "addedAt": "",
        "sizeBytes": len(LARGE),
        "width": 480,
        "height": 480,
    }
    assert [item["id"] for item in first["items"]] == ids[:3]
    assert [item["id"] for item in second["items"]] == ids[3:]
    assert "next" not in second
    elsewhere = f"{account}/users/@carol_c/photos?cursor={first['next']}"
    assert_problem(await client.get(elsewhere), 422, "validation_failed")


async def test_who_shows_none_has_none(client: httpx.AsyncClient, account: str) -> None:
    assert (await client.get(f"{account}/users/@carol_c/photos")).json() == {"items": []}


async def test_a_picture_comes_whole_or_in_part_as_an_attachment(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    newest, oldest = show(scene, scene.bob, 2)
    path = f"{account}/users/{scene.bob.id}/photos"
    await client.get(path.replace(str(scene.bob.id), "@bob_b"))

    for photo in (newest, oldest):
        whole = await client.get(f"{path}/{photo}")
        assert whole.status_code == 200, whole.text
        assert whole.content == LARGE
        assert whole.headers["content-type"] == "image/jpeg"
        assert whole.headers["content-disposition"].startswith("attachment")
        assert "photo.jpg" in whole.headers["content-disposition"]
    part = await client.get(f"{path}/{newest}", headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, LARGE[5:10])


@pytest.mark.parametrize("photo", ["1", "x", "5200000000000000099"])
async def test_a_picture_that_is_not_there_is_not_found(
    client: httpx.AsyncClient, account: str, scene: Scene, photo: str
) -> None:
    show(scene, scene.bob)

    problem = assert_problem(
        await client.get(f"{account}/users/@bob_b/photos/{photo}"), 404, "media_not_found"
    )

    assert "users/{user}/photos" in problem["remedy"]


async def test_a_reference_that_expires_is_renewed(
    client: httpx.AsyncClient, account: str, scene: Scene, dc: DataCentre
) -> None:
    (photo,) = show(scene, scene.bob)
    dc.faults.add(
        Fault(
            action=Action.RPC_ERROR,
            request="upload.GetFile",
            code=400,
            text="FILE_REFERENCE_EXPIRED",
        )
    )

    response = await client.get(f"{account}/users/@bob_b/photos/{photo}")

    assert response.content == LARGE


async def test_a_key_gets_pictures_of_the_people_within_its_reach(
    client: httpx.AsyncClient, account: str, scene: Scene, acting: Acting
) -> None:
    dave = scene.world.add_user("Dave", username="dave_d")
    scene.world.post(dave, scene.alice, "hello")
    (of_bob,), (of_dave,) = show(scene, scene.bob), show(scene, dave)
    await client.get(f"{account}/chats")
    key = await acting(ChatRule(ids=frozenset({scene.group.peer_id})))

    got = await key.get(f"{account}/users/{scene.bob.id}/photos/{of_bob}")
    assert got.content == LARGE
    for who in (str(dave.id), "@dave_d", "424242", "@nobody_at_all"):
        for path in ("photos", f"photos/{of_dave}", f"photos/{of_bob}"):
            refused = await key.get(f"{account}/users/{who}/{path}")
            assert_problem(refused, 403, "chat_not_allowed")


async def test_an_upload_becomes_what_the_account_shows_and_can_be_taken_away(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    (before,) = show(scene, scene.alice)
    upload_id = await upload(client, account, LARGE)

    done = await client.put(f"{account}/avatar", json={"uploadId": upload_id}, headers=KEY)
    again = await client.put(f"{account}/avatar", json={"uploadId": upload_id}, headers=KEY)

    assert (done.status_code, again.status_code) == (204, 204), done.text
    assert len(scene.alice.photos) == 2
    shown = await client.get(f"{account}/avatar")
    assert (shown.status_code, shown.content) == (200, LARGE)
    assert (await client.delete(f"{account}/avatar")).status_code == 204
    assert [str(each) for each in scene.alice.photos] == [before]
    for _ in range(2):
        assert (await client.delete(f"{account}/avatar")).status_code == 204
    assert scene.alice.photos == []
    assert_problem(await client.get(f"{account}/avatar"), 404, "media_not_found")


async def test_what_is_no_picture_is_said_so(
    client: httpx.AsyncClient, account: str, scene: Scene, dc: DataCentre
) -> None:
    text = await upload(client, account, b"words", "me.txt")
    tiny = await upload(client, account, images.landscape(3, 4, 4))
    good = await upload(client, account, LARGE)

    for upload_id, code in ((text, "not_a_picture"), (tiny, "too_small")):
        refused = await client.put(f"{account}/avatar", json={"uploadId": upload_id})
        problem = assert_problem(refused, 422, "validation_failed")
        assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [("/uploadId", code)]
    nothing = await client.put(f"{account}/avatar", json={"uploadId": "upl_" + "a" * 26})
    assert_problem(nothing, 404, "upload_not_found")
    for text_of, expected in (
        ("FILE_PART_0_MISSING", (404, "upload_not_found")),
        ("SOMETHING_ELSE", (502, "telegram_error")),
    ):
        dc.faults.add(
            Fault(
                action=Action.RPC_ERROR,
                request="photos.UploadProfilePhoto",
                code=400,
                text=text_of,
            )
        )
        refused = await client.put(f"{account}/avatar", json={"uploadId": good})
        assert_problem(refused, *expected)
    assert scene.alice.photos == []


async def test_a_dry_run_and_a_closed_gate_change_no_picture(
    client: httpx.AsyncClient, account: str, scene: Scene, dc: DataCentre
) -> None:
    body = {"uploadId": await upload(client, account, LARGE)}

    told = await client.put(f"{account}/avatar?dryRun=true", json=body)
    await client.patch(f"{API}/settings", json={"sendGate": "off"})
    shut = await client.put(f"{account}/avatar", json=body)

    assert told.json()["wouldExecute"] is True, told.text
    assert told.json()["preview"]["request"] == body
    assert_problem(shut, 403, "sending_disabled")
    assert dc.requests["photos.UploadProfilePhoto"] == 0
    assert scene.alice.photos == []


async def test_an_upload_of_another_credential_is_not_there(
    client: httpx.AsyncClient, agent: httpx.AsyncClient, account: str
) -> None:
    body = {"uploadId": await upload(client, account, LARGE)}

    assert_problem(await agent.put(f"{account}/avatar", json=body), 404, "upload_not_found")


@pytest.mark.short_deadlines
async def test_a_picture_is_not_taken_away_twice_where_nobody_knows_of_the_first_time(
    client: httpx.AsyncClient, account: str, scene: Scene, dc: DataCentre
) -> None:
    show(scene, scene.alice, 2)
    dc.faults.add(Fault(action=Action.SILENCE, request="photos.DeletePhotos"))
    first = await client.delete(f"{account}/avatar", headers=KEY)
    assert_problem(first, 409, "outcome_unknown")
    left = list(scene.alice.photos)

    again = await client.delete(f"{account}/avatar", headers=KEY)

    assert_problem(again, 409, "outcome_unknown")
    assert scene.alice.photos == left


async def test_each_needs_its_scope(
    with_key: Callable[..., Awaitable[httpx.AsyncClient]], account: str, scene: Scene
) -> None:
    show(scene, scene.alice)
    reader = await with_key(scopes=["accounts:read"])

    assert (await reader.get(f"{account}/avatar")).content == LARGE
    for method, path, body, scope in (
        ("PUT", "avatar", {"uploadId": "x"}, "accounts:write"),
        ("DELETE", "avatar", None, "accounts:write"),
        ("GET", "users/me/photos", None, "contacts:read"),
        ("GET", "users/me/photos/1", None, "contacts:read"),
    ):
        refused = await reader.request(method, f"{account}/{path}", json=body)
        assert assert_problem(refused, 403, "scope_required")["requiredScope"] == scope
