"""Messages over HTTP: read, send, edit, delete, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.api.test_idempotency import repeated
from tests.problems import assert_problem
from vasya_sandbox.faults import Action, Fault

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Scene
    from vasya_sandbox.dc import DataCentre

KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}


def _texts(scene: Scene) -> list[str]:
    """Return what Bob's box holds from Alice, oldest first."""
    ids = scene.world.ids(scene.bob, scene.alice)
    records = [scene.world.message(scene.bob, scene.alice, each) for each in ids]
    return [r.text for r in records if r is not None and r.author_id == scene.alice.id]


async def test_history_is_newest_first_and_marked_untrusted(
    client: httpx.AsyncClient, account: str
) -> None:
    page = (await client.get(f"{account}/chats/@bob_b/messages", params={"limit": 3})).json()

    assert [m["text"] for m in page["items"]] == ["good morning", "hello 5", "hello 4"]
    assert page["items"][0]["isOutgoing"] is True
    assert page["items"][1]["sender"]["name"] == "Bob"
    assert page["trust"] == "untrusted"
    assert "next" in page


async def test_history_pages_to_its_end(client: httpx.AsyncClient, account: str) -> None:
    seen: list[str] = []
    parameters: dict[str, str | int] = {"limit": 2}
    while True:
        page = (await client.get(f"{account}/chats/@bob_b/messages", params=parameters)).json()
        seen += [m["text"] for m in page["items"]]
        if "next" not in page:
            break
        parameters["cursor"] = page["next"]

    assert seen == ["good morning", "hello 5", "hello 4", "hello 3", "hello 2", "hello 1"]


async def test_search_finds_words(client: httpx.AsyncClient, account: str) -> None:
    page = (await client.get(f"{account}/chats/@bob_b/messages", params={"q": "morning"})).json()

    assert [m["text"] for m in page["items"]] == ["good morning"]


async def test_the_compact_view_says_chat_and_people_once(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    parameters: dict[str, str | int] = {"view": "compact", "limit": 2}
    page = (await client.get(f"{account}/chats/@bob_b/messages", params=parameters)).json()

    assert page["chat"] == {
        "id": scene.bob.id,
        "type": "user",
        "title": "Bob",
        "username": "bob_b",
    }
    assert page["people"] == {str(scene.alice.id): "Alice Archer", str(scene.bob.id): "Bob"}
    assert page["items"][1]["from"] == scene.bob.id
    assert page["items"][1]["text"] == "hello 5"


@pytest.mark.parametrize(
    "query",
    [
        "before=5&after=1",
        "around=3&ids=1",
        "type=videos",
        "since=someday",
        "limit=101",
        "before=0",
        "order=newest",
        "view=tiny",
    ],
)
async def test_a_wrong_filter_is_refused(
    client: httpx.AsyncClient, account: str, query: str
) -> None:
    response = await client.get(f"{account}/chats/@bob_b/messages?{query}")

    assert_problem(response, 422, "validation_failed")


async def test_a_sent_message_stands_on_telegram(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    response = await client.post(
        f"{account}/chats/@bob_b/messages", json={"text": "hi **Bob**"}, headers=KEY
    )

    sent = response.json()
    assert response.status_code == 201
    assert response.headers["idempotency-key"] == KEY["Idempotency-Key"]
    assert sent["text"] == "hi Bob"
    assert sent["entities"] == [{"type": "bold", "offset": 3, "length": 3}]
    assert sent["chatId"] == scene.bob.id
    assert _texts(scene)[-1] == "hi Bob"
    again = (await client.get(f"{account}/chats/@bob_b/messages/{sent['id']}")).json()
    assert again["text"] == "hi Bob"


async def test_the_names_of_one_chat_and_account_are_one_content(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    body = {"text": "by any name"}
    for base in (account, "/api/v1/accounts/me"):
        for chat in (scene.bob.id, "@bob_b", "@Bob_B"):
            sent = await client.post(f"{base}/chats/{chat}/messages", json=body, headers=KEY)
            assert sent.status_code == 201

    assert _texts(scene).count("by any name") == 1


async def test_without_a_key_every_request_is_its_own_message(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    headers = {"X-Request-Id": "the-same-request-id"}
    for _ in range(2):
        await client.post(f"{account}/chats/@bob_b/messages", json={"text": "x"}, headers=headers)

    assert _texts(scene)[-2:] == ["x", "x"]


@pytest.mark.parametrize("key", ["", " ", "a" * 256, "with space", "naïve", '"open'])
async def test_a_key_of_the_wrong_form_is_refused_before_anything_is_sent(
    client: httpx.AsyncClient, account: str, scene: Scene, key: str
) -> None:
    before = _texts(scene)

    response = await client.post(
        f"{account}/chats/@bob_b/messages",
        json={"text": "x"},
        headers={b"Idempotency-Key": key.encode("latin-1")},
    )

    assert_problem(response, 400, "idempotency_key_invalid")
    assert _texts(scene) == before


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/text"),
        ({"text": ""}, "/text"),
        ({"text": "x", "chat": "y"}, "/chat"),
        ({"text": "x", "replyTo": "1"}, "/replyTo"),
        ({"text": "x", "format": "rtf"}, "/format"),
        ({"text": "x" * 4097, "format": "plain"}, "/text"),
        ({"text": " "}, "/text"),
        ([], ""),
    ],
    ids=["missing", "empty", "unknown", "type", "enum", "too long", "blank", "array"],
)
async def test_a_body_that_says_nothing_sendable_is_refused_by_field(
    client: httpx.AsyncClient, account: str, body: object, pointer: str
) -> None:
    response = await client.post(f"{account}/chats/@bob_b/messages", json=body)

    problem = assert_problem(response, 422, "validation_failed")
    assert pointer in {error["pointer"] for error in problem["errors"]}


@pytest.mark.parametrize("raw", [b"{", b"", b"{} x", b"\xef\xbb\xbf{}", b"[" * 100_000])
async def test_a_body_that_is_no_json_is_malformed(
    client: httpx.AsyncClient, account: str, raw: bytes
) -> None:
    response = await client.post(
        f"{account}/chats/@bob_b/messages",
        content=raw,
        headers={"Content-Type": "application/json"},
    )

    assert_problem(response, 400, "malformed_json")


@pytest.mark.parametrize("raw", [b'{"text": "\xff"}', b'{"text": "a\\u0000b"}'])
async def test_a_body_that_is_not_clean_utf8_is_refused(
    client: httpx.AsyncClient, account: str, raw: bytes
) -> None:
    response = await client.post(
        f"{account}/chats/@bob_b/messages",
        content=raw,
        headers={"Content-Type": "application/json"},
    )

    assert_problem(response, 400, "encoding_invalid")


async def test_a_reply_keeps_what_it_answers(client: httpx.AsyncClient, account: str) -> None:
    page = (await client.get(f"{account}/chats/@bob_b/messages", params={"q": "hello 5"})).json()
    target = page["items"][0]["id"]

    sent = await client.post(
        f"{account}/chats/@bob_b/messages", json={"text": "indeed", "replyTo": target}
    )

    assert sent.json()["replyTo"] == {"messageId": target}


async def test_an_edit_changes_the_text_and_can_be_repeated(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    sent = (await client.post(f"{account}/chats/@bob_b/messages", json={"text": "helo"})).json()
    path = f"{account}/chats/@bob_b/messages/{sent['id']}"

    for _ in range(2):
        edited = await client.patch(path, json={"text": "hello"})
        assert edited.status_code == 200
        assert edited.json()["text"] == "hello"
    assert _texts(scene)[-1] == "hello"


async def test_somebody_elses_message_cannot_be_edited(
    client: httpx.AsyncClient, account: str
) -> None:
    page = (await client.get(f"{account}/chats/@bob_b/messages", params={"q": "hello 5"})).json()
    path = f"{account}/chats/@bob_b/messages/{page['items'][0]['id']}"

    assert_problem(await client.patch(path, json={"text": "x"}), 403, "chat_write_forbidden")


async def test_a_message_is_deleted_for_everyone(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    sent = (await client.post(f"{account}/chats/@bob_b/messages", json={"text": "oops"})).json()
    path = f"{account}/chats/@bob_b/messages/{sent['id']}"

    deleted = await client.delete(path, params={"forEveryone": "true"})

    assert deleted.status_code == 204
    assert "oops" not in _texts(scene)
    assert_problem(await client.get(path), 404, "message_not_found")


async def test_deleting_for_oneself_leaves_the_other_side_alone(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    sent = (await client.post(f"{account}/chats/@bob_b/messages", json={"text": "mine"})).json()
    path = f"{account}/chats/@bob_b/messages/{sent['id']}"

    await client.delete(path, params={"forEveryone": "false"})

    assert "mine" in _texts(scene)


async def test_for_whom_to_delete_has_no_default(client: httpx.AsyncClient, account: str) -> None:
    response = await client.delete(f"{account}/chats/@bob_b/messages/1")

    assert assert_problem(response, 422, "validation_failed")["errors"] == [
        {"pointer": "?forEveryone", "code": "missing", "allowed": ["true", "false"]}
    ]


@pytest.mark.parametrize("message", ["0", "-1", "abc", "99999999999", "1.5", "٣"])
async def test_a_message_id_that_is_none_is_refused(
    client: httpx.AsyncClient, account: str, message: str
) -> None:
    response = await client.get(f"{account}/chats/@bob_b/messages/{message}")

    problem = assert_problem(response, 422, "validation_failed")
    assert problem["errors"][0]["pointer"] == "{message}"


async def test_writing_where_one_may_not_is_forbidden(
    client: httpx.AsyncClient, account: str
) -> None:
    response = await client.post(f"{account}/chats/@daily_news/messages", json={"text": "x"})

    assert response.status_code == 403
    assert response.json()["code"] in {"chat_write_forbidden", "admin_required"}


@pytest.mark.short_deadlines
async def test_a_silent_data_centre_ends_a_read_by_its_deadline(
    client: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    dc.faults.add(Fault(action=Action.SILENCE, request="messages.GetHistory"))

    async with asyncio.timeout(8):
        response = await client.get(f"{account}/chats/@bob_b/messages")

    assert_problem(response, 504, "telegram_timeout")
    assert (await client.get(f"{account}/chats/@bob_b/messages")).status_code == 200


@pytest.mark.short_deadlines
async def test_a_silent_data_centre_makes_a_send_unknown_and_a_retry_settles_it(
    client: httpx.AsyncClient, account: str, dc: DataCentre, scene: Scene
) -> None:
    dc.faults.add(Fault(action=Action.DELAY, request="messages.SendMessage", secs=20))
    path = f"{account}/chats/@bob_b/messages"
    await client.get(path)

    async with asyncio.timeout(12):
        unknown = await client.post(path, json={"text": "maybe"}, headers=KEY)
    assert_problem(unknown, 409, "outcome_unknown")
    dc.drop_connections()
    await dc.stop()
    await dc.start(port=dc.address[1])
    settled = await repeated(lambda: client.post(path, json={"text": "maybe"}, headers=KEY))

    assert settled.status_code == 201
    assert _texts(scene).count("maybe") == 1


@pytest.mark.short_deadlines
async def test_an_unknown_send_without_a_key_must_not_be_repeated_blindly(
    client: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    dc.faults.add(Fault(action=Action.SILENCE, request="messages.SendMessage", times=9))

    response = await client.post(f"{account}/chats/@bob_b/messages", json={"text": "maybe"})

    problem = assert_problem(response, 409, "outcome_unknown")
    assert problem["isRetryable"] is False
    assert problem["remedy"].startswith("Look at the chat")


@pytest.mark.short_deadlines
async def test_resolving_the_chat_counts_against_the_deadline_of_a_send(
    client: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    path = f"{account}/chats/@bob_b/messages"
    await client.get(path)
    dc.faults.add(Fault(action=Action.DELAY, request="users.GetUsers", secs=1.5))
    dc.faults.add(Fault(action=Action.SILENCE, request="messages.SendMessage", times=9))

    async with asyncio.timeout(3.9):
        response = await client.post(path, json={"text": "x"}, headers=KEY)

    assert_problem(response, 409, "outcome_unknown")


@pytest.mark.parametrize("action", [Action.DROP, Action.DROP_AFTER])
async def test_a_connection_lost_during_a_send_costs_nothing(
    client: httpx.AsyncClient, account: str, dc: DataCentre, scene: Scene, action: Action
) -> None:
    path = f"{account}/chats/@bob_b/messages"
    await client.get(path)
    dc.faults.add(Fault(action=action, request="messages.SendMessage"))

    response = await client.post(path, json={"text": "through"})

    assert response.status_code == 201
    assert _texts(scene).count("through") == 1


async def test_a_duplicate_that_is_still_running_is_waited_for(
    client: httpx.AsyncClient, account: str, dc: DataCentre, scene: Scene
) -> None:
    dc.faults.add(
        Fault(
            action=Action.RPC_ERROR,
            request="messages.SendMessage",
            code=500,
            text="RANDOM_ID_DUPLICATE",
        )
    )

    response = await client.post(f"{account}/chats/@bob_b/messages", json={"text": "twice?"})

    assert response.status_code == 201
    assert _texts(scene).count("twice?") == 1


async def test_a_flood_wait_is_told_at_once_and_binds_only_its_method(
    client: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    dc.faults.add(Fault(action=Action.FLOOD_WAIT, request="messages.SendMessage", secs=33))

    response = await client.post(f"{account}/chats/@bob_b/messages", json={"text": "x"})

    assert assert_problem(response, 429, "telegram_flood_wait")["retryAfterSecs"] == 33
    assert (await client.get(f"{account}/chats/@bob_b/messages")).status_code == 200


@pytest.mark.short_deadlines
async def test_a_data_centre_that_restarts_is_found_again(
    client: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    path = f"{account}/chats/@bob_b/messages"
    await client.get(path)
    await dc.stop()
    down = await client.get(path)
    await dc.start(port=dc.address[1])
    found = await repeated(lambda: client.get(path))

    assert down.status_code in {503, 504}
    assert found.json()["items"]


async def test_a_session_that_telegram_ends_asks_for_a_login(
    client: httpx.AsyncClient, account: str, dc: DataCentre, scene: Scene
) -> None:
    await client.get(f"{account}/chats/@bob_b/messages")
    for authorization in dc.authorizations_of(scene.alice):
        dc.log_out(authorization)

    for _ in range(2):
        response = await client.get(f"{account}/chats/@bob_b/messages")
        assert_problem(response, 409, "account_reauth_required")
    assert (await client.get(account)).json()["status"] == "reauth_required"
