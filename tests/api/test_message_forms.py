"""A message and its files in one form: received, made and sent as one request, exactly once."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.test_uploads import KEY, files
from tests.problems import assert_problem
from vasya_sandbox import images
from vasya_sandbox.faults import Action, Fault
from vasya_server.auth.chat_lists import ChatRule
from vasya_server.store.uploads import LIVE_UPLOADS, LiveRow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.api.conftest import Acting, Scene
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

DECK: Any = ("file", ("deck.pdf", b"%PDF-1.7", "application/pdf"))
PICTURES = [images.landscape(seed, 4, 4) for seed in range(3)]
ALBUM: list[Any] = [
    ("file", (f"{n}.jpg", picture, "image/jpeg")) for n, picture in enumerate(PICTURES)
]


def message(**fields: Any) -> Any:
    return ("message", (None, json.dumps(fields), "application/json"))


async def test_a_file_is_sent_with_its_caption(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    response = await client.post(to_bob, files=[DECK, message(text="the **deck**", isSilent=True)])

    sent = response.json()
    assert response.status_code == 201, response.text
    assert (sent["text"], sent["media"]["fileName"], sent["media"]["sizeBytes"]) == (
        "the deck",
        "deck.pdf",
        8,
    )
    assert files(scene) == [b"%PDF-1.7"]


@pytest.mark.parametrize("is_message_first", [True, False])
async def test_several_files_are_one_album_in_their_order(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, *, is_message_first: bool
) -> None:
    said = message(text="three")
    form = [said, *ALBUM] if is_message_first else [*ALBUM, said]

    response = await client.post(to_bob, files=form)

    sent = response.json()
    assert response.status_code == 201, response.text
    assert (sent["text"], len(sent["albumIds"])) == ("three", 3)
    assert files(scene) == PICTURES


async def test_a_form_may_have_files_alone_or_a_message_alone(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    of_a_file = await client.post(to_bob, files=[DECK])
    of_a_text = await client.post(to_bob, files=[message(text="hello")])

    assert [of_a_file.status_code, of_a_text.status_code] == [201, 201]
    assert files(scene) == [b"%PDF-1.7"]
    assert of_a_text.json()["text"] == "hello"


async def test_the_same_file_twice_is_two_messages(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    response = await client.post(to_bob, files=[ALBUM[0], ALBUM[0]])

    assert len(response.json()["albumIds"]) == 2
    assert files(scene) == [PICTURES[0]] * 2


async def test_a_form_repeated_with_its_key_is_answered_as_it_was(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, dc: DataCentre
) -> None:
    form = [*ALBUM, message(text="three")]
    first = await client.post(to_bob, files=form, headers=KEY)
    parts = dc.requests["upload.SaveFilePart"]

    again = await client.post(to_bob, files=form, headers=KEY)

    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    assert files(scene) == PICTURES
    assert (dc.requests["upload.SaveFilePart"], dc.requests["messages.UploadMedia"]) == (parts, 3)


@pytest.mark.parametrize(
    "form",
    [
        [("file", ("deck.pdf", b"%PDF-1.8", "application/pdf")), message(text="x")],
        [("file", ("other.pdf", b"%PDF-1.7", "application/pdf")), message(text="x")],
        [("file", ("deck.pdf", b"%PDF-1.7", "text/plain")), message(text="x")],
        [DECK, message(text="y")],
        [DECK, DECK, message(text="x")],
        [message(text="x")],
    ],
    ids=["other bytes", "other name", "other type", "other text", "one more", "none"],
)
async def test_a_key_does_not_swallow_another_form(
    client: httpx.AsyncClient, to_bob: str, scene: Scene, form: list[Any]
) -> None:
    await client.post(to_bob, files=[DECK, message(text="x")], headers=KEY)

    response = await client.post(to_bob, files=form, headers=KEY)

    assert_problem(response, 422, "idempotency_key_reused")
    assert files(scene) == [b"%PDF-1.7"]


async def test_a_form_does_not_depend_on_where_its_parts_stand(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    await client.post(to_bob, files=[DECK, message(text="x")], headers=KEY)
    again = await client.post(to_bob, files=[message(text="x"), DECK], headers=KEY)

    assert again.headers["idempotency-replayed"] == "true"
    assert len(files(scene)) == 1


@pytest.mark.short_deadlines
@pytest.mark.parametrize("action", [Action.DROP, Action.DROP_AFTER, Action.SILENCE])
async def test_a_form_whose_answer_is_lost_stands_once(
    client: httpx.AsyncClient, to_bob: str, dc: DataCentre, scene: Scene, action: Action
) -> None:
    dc.faults.add(Fault(action=action, request="messages.SendMultiMedia"))

    response = await client.post(to_bob, files=ALBUM, headers=KEY)
    if response.status_code == 409:
        response = await client.post(to_bob, files=ALBUM, headers=KEY)

    assert response.status_code == 201, response.text
    assert files(scene) == PICTURES


async def test_parallel_forms_with_one_key_are_one_album(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    answers = await asyncio.gather(
        *(client.post(to_bob, files=ALBUM, headers=KEY) for _ in range(6))
    )

    assert {answer.status_code for answer in answers} <= {201, 409}
    assert files(scene) == PICTURES


async def test_a_dry_run_of_a_form_sends_nothing_and_stores_nothing(
    client: httpx.AsyncClient, to_bob: str, dc: DataCentre, scene: Scene, gateway: Gateway
) -> None:
    response = await client.post(f"{to_bob}?dryRun=true", files=[*ALBUM, message(text="three")])
    mixed = await client.post(f"{to_bob}?dryRun=true", files=[ALBUM[0], DECK])

    told = response.json()
    assert (response.status_code, told["wouldExecute"]) == (200, True)
    assert (told["preview"]["mediaCount"], told["preview"]["text"]) == (3, "three")
    assert_problem(mixed, 422, "validation_failed")
    assert files(scene) == []
    assert not {"upload.SaveFilePart", "messages.UploadMedia"} & dc.requests.keys()
    account_id = to_bob.split("/")[4]
    stored = await gateway.db.one(LIVE_UPLOADS, LiveRow, account_id=account_id, now_ms=0)
    assert stored == LiveRow(total=0)


async def test_a_form_that_a_human_is_asked_about_is_sent_once_they_agree(
    client: httpx.AsyncClient,
    with_key: Callable[..., Awaitable[httpx.AsyncClient]],
    to_bob: str,
    scene: Scene,
) -> None:
    agent = await with_key(approval={"messages:send": "always"})
    asked = await agent.post(to_bob, files=[*ALBUM, message(text="three")], headers=KEY)
    again = await agent.post(to_bob, files=[*ALBUM, message(text="three")], headers=KEY)
    action = asked.json()
    before = files(scene)

    approved = await client.post(
        f"/api/v1/actions/{action['actionId']}/approve", json={"digest": action["digest"]}
    )

    assert (asked.status_code, again.status_code, before) == (202, 202, [])
    assert action["preview"]["mediaCount"] == 3
    assert approved.json()["result"]["text"] == "three"
    assert files(scene) == PICTURES


@pytest.mark.parametrize(
    ("form", "pointer", "code"),
    [
        ([DECK, message(text="x", colour="red")], "/colour", "unknown"),
        ([DECK, message(media=["upl_x"])], "/media", "not_with_files"),
        ([message(text="x"), message(text="y")], "/message", "repeated"),
        ([DECK] * 11, "/file", "too_many"),
        ([("file", (None, "no file"))], "/file", "missing"),
        ([("picture", DECK[1])], "/picture", "unknown"),
        ([("file", ("a.txt", b""))], "", "empty"),
        ([message()], "/text", "missing"),
        ([ALBUM[0], DECK], "/media", "mixed"),
    ],
    ids=[
        "a wrong field",
        "uploads too",
        "two messages",
        "eleven files",
        "no file's name",
        "another part",
        "an empty file",
        "nothing at all",
        "a mixed album",
    ],
)
async def test_what_is_no_message_with_files_is_refused(
    client: httpx.AsyncClient,
    to_bob: str,
    scene: Scene,
    form: list[Any],
    pointer: str,
    code: str,
) -> None:
    response = await client.post(to_bob, files=form)

    problem = assert_problem(response, 422, "validation_failed")
    assert [(each["pointer"], each["code"]) for each in problem["errors"]] == [(pointer, code)]
    assert files(scene) == []


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"files": [("message", (None, "{"))]}, 400, "malformed_json"),
        ({"files": [("message", (None, b'{"text": "\xff"}'))]}, 400, "encoding_invalid"),
        ({"files": [message(text="x" * 5000)]}, 413, "body_too_large"),
        ({"files": [("file", ("a", b"x" * 40_001))]}, 413, "body_too_large"),
        ({"files": [DECK], "headers": {"Content-Length": "9999999"}}, 413, "body_too_large"),
        (
            {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
            400,
            "malformed_request",
        ),
        ({"files": [DECK], "params": {"colour": "red"}}, 422, "validation_failed"),
        (
            {"content": b"x", "headers": {"Content-Type": "text/plain"}},
            415,
            "unsupported_media_type",
        ),
    ],
    ids=[
        "no JSON",
        "no UTF-8",
        "a large message",
        "a large file",
        "announced",
        "no boundary",
        "query",
        "no form",
    ],
)
async def test_a_form_has_the_limits_of_every_body(
    client: httpx.AsyncClient,
    to_bob: str,
    scene: Scene,
    request_: dict[str, Any],
    status: int,
    code: str,
) -> None:
    assert_problem(await client.post(to_bob, **request_), status, code)
    assert files(scene) == []


async def test_a_form_may_be_as_large_as_all_its_files(
    client: httpx.AsyncClient, to_bob: str, scene: Scene
) -> None:
    form = [("file", (f"{n}.bin", b"%d" % n * 40_000)) for n in range(10)]

    response = await client.post(to_bob, files=form)

    assert response.status_code == 201, response.text
    assert [len(file) for file in files(scene)] == [40_000] * 10


async def test_no_other_route_takes_a_form(client: httpx.AsyncClient, account: str) -> None:
    response = await client.post(f"{account}/chats/me/read", files=[DECK])

    assert_problem(response, 415, "unsupported_media_type")


async def test_a_key_sends_forms_where_it_may_write_and_nowhere_else(
    acting: Acting, account: str, scene: Scene
) -> None:
    agent = await acting(ChatRule(ids=frozenset({scene.carol.id})))

    outside = await agent.post(f"{account}/chats/{scene.bob.id}/messages", files=[DECK])
    inside = await agent.post(f"{account}/chats/{scene.carol.id}/messages", files=[DECK])

    assert_problem(outside, 403, "chat_not_allowed")
    assert inside.status_code == 201
    assert files(scene) == []


async def test_a_key_without_the_scope_is_refused_before_anything_is_read(
    with_key: Callable[..., Awaitable[httpx.AsyncClient]], to_bob: str, dc: DataCentre
) -> None:
    agent = await with_key(scopes=["messages:read"])

    assert_problem(await agent.post(to_bob, files=[DECK]), 403, "scope_required")
    assert "upload.SaveFilePart" not in dc.requests


async def test_a_form_is_one_change_in_the_audit_log(
    client: httpx.AsyncClient, to_bob: str
) -> None:
    await client.post(to_bob, files=ALBUM)

    entries = (await client.get("/api/v1/audit?action=message:send")).json()["items"]
    assert [entry["kind"] for entry in entries] == ["outcome", "intent"]


@pytest.fixture
def environment(environment: dict[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    if "limits_of" in request.node.name or "as_large_as" in request.node.name:
        environment |= {"VASYA_UPLOAD_MAX_BYTES": "40000", "VASYA_JSON_MAX_BYTES": "4096"}
    return environment
