"""`dryRun=true`: everything is looked at, said, and nothing of it done (D-8.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.api.changes import PARTS, changes
from tests.api.conftest import API, followed
from tests.problems import assert_problem
from vasya_server.auth.chat_lists import ChatRule

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from tests.api.conftest import Acting, Scene
    from vasya_sandbox.dc import DataCentre

# What a change sends that changes nothing, at most.
READS = {
    "messages.GetMessages",
    "channels.GetMessages",
    "messages.GetScheduledMessages",
    "messages.GetDialogFilters",
    "messages.GetForumTopicsByID",
    "messages.GetExportedChatInvite",
    "messages.GetPeerDialogs",
    "contacts.ResolveUsername",
    "users.GetUsers",
    "users.GetFullUser",
    "channels.GetFullChannel",
    "messages.GetFullChat",
    "channels.GetChannels",
    "channels.GetParticipant",
    "messages.GetChats",
    "photos.GetUserPhotos",
    "updates.GetState",
}


async def dry(
    client: httpx.AsyncClient, chat: str, change: tuple[str, str, Any], **more: Any
) -> httpx.Response:
    method, path, body = change
    sign = "&" if "?" in path else "?"
    return await client.request(method, f"{chat}/{path}{sign}dryRun=true", json=body, **more)


@pytest.mark.parametrize("part", PARTS)
async def test_nothing_that_changes_anything_is_sent_and_nothing_is_stored(
    part: str,
    client: httpx.AsyncClient,
    account: str,
    scene: Scene,
    dc: DataCentre,
    log: Path,
) -> None:
    asked_for = changes(part, scene)
    await client.get(f"{account}/chats/{scene.bob.id}/messages")
    await followed(dc)
    before = log.read_text().count('"kind":"intent"')
    dc.reset_counters()

    for name, (method, path, body, _, _, title) in asked_for.items():
        said = await dry(client, account, (method, path, body))
        assert said.status_code == 200, (name, said.text)
        told = said.json()
        assert told["isDryRun"] is True, name
        assert told["wouldExecute"] is True, name
        assert told["preview"].get("chat", {}).get("title") == title, name
        assert "action-id" not in said.headers

    assert set(dc.requests) <= READS
    assert log.read_text().count('"kind":"dry_run"') == len(asked_for)
    assert log.read_text().count('"kind":"intent"') == before


async def test_it_says_what_would_be_done(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    chat = f"{account}/chats/{scene.group.peer_id}"

    told = (await dry(client, chat, ("POST", "messages", {"text": "hi *there*"}))).json()

    preview = told["preview"]
    assert preview.pop("accountId")
    assert preview == {
        "kind": "message:send",
        "chat": {"id": scene.group.peer_id, "type": "group", "title": "Lunch", "membersCount": 3},
        "text": "hi *there*",
        "format": "markdown",
        "isReversible": True,
    }


async def test_what_has_no_field_of_its_own_is_said_as_it_was_asked_for(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    chat = f"{account}/chats/{scene.bob.id}"
    answered = scene.world.ids(scene.alice, scene.bob)[0]
    body = {"text": "this", "replyTo": answered, "quote": "hello", "hasLinkPreview": True}

    preview = (await dry(client, chat, ("POST", "messages", body))).json()["preview"]

    assert preview["request"] == {"replyTo": answered, "quote": "hello"}


async def test_what_would_be_refused_anyway_is_refused(
    client: httpx.AsyncClient, account: str, scene: Scene, acting: Acting
) -> None:
    chat = f"{account}/chats/{scene.bob.id}"
    key = await acting(ChatRule(ids=frozenset({scene.bob.id})))

    assert_problem(
        await dry(client, chat, ("PATCH", "messages/4711", {"text": "x"})), 404, "message_not_found"
    )
    assert_problem(
        await dry(client, chat, ("POST", "messages", {"text": "x" * 5000})),
        422,
        "validation_failed",
    )
    elsewhere = f"{account}/chats/{scene.carol.id}"
    assert_problem(
        await dry(key, elsewhere, ("POST", "messages", {"text": "x"})), 403, "chat_not_allowed"
    )
    nobody = f"{account}/chats/@nobody_at_all"
    assert_problem(
        await dry(client, nobody, ("POST", "messages", {"text": "x"})), 404, "chat_not_found"
    )


async def test_a_closed_gate_is_a_reason_and_not_a_refusal(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    await client.patch(account, json={"canSend": False})
    chat = f"{account}/chats/{scene.bob.id}"

    told = (await dry(client, chat, ("POST", "messages", {"text": "x"}))).json()
    real = await client.post(f"{chat}/messages", json={"text": "x"})

    assert told["wouldExecute"] is False
    (reason,) = told["reasons"]
    assert reason["code"] == "sending_disabled"
    assert "canSend" in reason["remedy"]
    refused = assert_problem(real, 403, "sending_disabled")
    assert refused["preview"]["text"] == "x"
    assert refused["preview"]["chat"]["title"] == "Bob"


async def test_the_idempotency_key_of_a_dry_run_is_free_for_the_real_one(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    chat = f"{account}/chats/{scene.bob.id}"
    key = {"Idempotency-Key": "rehearsal-1"}

    await dry(client, chat, ("POST", "messages", {"text": "x"}), headers=key)
    sent = await client.post(f"{chat}/messages", json={"text": "x"}, headers=key)

    assert sent.status_code == 201
    assert "idempotency-replayed" not in sent.headers


@pytest.mark.parametrize(
    ("query", "code"), [("dryRun=yes", "not_allowed"), ("dryRun=true&dryRun=true", "repeated")]
)
async def test_dry_run_is_true_or_false_and_said_once(
    client: httpx.AsyncClient, account: str, scene: Scene, query: str, code: str
) -> None:
    response = await client.post(
        f"{account}/chats/{scene.bob.id}/messages?{query}", json={"text": "x"}
    )

    (fault,) = assert_problem(response, 422, "validation_failed")["errors"]
    assert (fault["pointer"], fault["code"]) == ("?dryRun", code)


async def test_what_changes_nothing_at_telegram_has_no_dry_run(
    client: httpx.AsyncClient, account: str
) -> None:
    response = await client.patch(f"{account}?dryRun=true", json={"alias": "mine"})
    assert_problem(response, 422, "validation_failed")
    assert (await client.get(f"{API}/accounts")).json()["items"][0].get("alias") is None


async def test_a_dry_run_of_a_log_out_logs_nobody_out(
    client: httpx.AsyncClient, account: str, dc: DataCentre
) -> None:
    await client.get(f"{account}/chats")

    told = (await client.delete(f"{account}?dryRun=true")).json()

    assert told["preview"]["kind"] == "account:delete"
    assert dc.requests["auth.LogOut"] == 0
    assert (await client.get(account)).status_code == 200
