"""The audit log over HTTP: what an owner reads of it, and what happens while it cannot be written."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.problems import assert_problem
from vasya_server.audit.actions import Action
from vasya_server.audit.entry import Actor, Entry, EntryKind

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Scene
    from vasya_server.gateway import Gateway

API = "/api/v1"
STRANGER = Actor(type="embedded", owner="own_" + "z" * 26, lineage="user")


async def send(client: httpx.AsyncClient, account: str, chat: object, text: str) -> dict[str, Any]:
    response = await client.post(f"{account}/chats/{chat}/messages", json={"text": text})
    assert response.status_code == 201, response.text
    message: dict[str, Any] = response.json()
    return message


async def listed(client: httpx.AsyncClient, **query: object) -> list[dict[str, Any]]:
    parameters = {name: str(value) for name, value in query.items()}
    response = await client.get(f"{API}/audit", params=parameters)
    assert response.status_code == 200, response.text
    items: list[dict[str, Any]] = response.json()["items"]
    return items


async def changes(client: httpx.AsyncClient, **query: object) -> list[dict[str, Any]]:
    """Return the entries that are not about reading the log itself."""
    entries = await listed(client, **query)
    return [entry for entry in entries if not entry["action"].startswith("audit:")]


async def test_a_send_is_an_intent_and_an_outcome(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    await send(client, account, scene.bob.id, "the owl of Minerva")

    outcome, intent = (await listed(client))[:2]
    assert (intent["kind"], outcome["kind"]) == ("intent", "outcome")
    assert intent["action"] == outcome["action"] == "message:send"
    assert intent["actor"] == {"type": "embedded"}
    assert intent["accountId"] == account.rpartition("/")[2]
    assert intent["target"].startswith("p:")
    assert outcome["result"]["status"] == "done"
    assert outcome["seq"] == intent["seq"] + 1
    assert outcome["actionId"] == intent["actionId"]


async def test_one_chat_has_one_pseudonym_and_another_another(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    for chat in (scene.bob.id, "@bob_b", scene.carol.id):
        await send(client, account, chat, "hello")

    entries = await listed(client, action="message:send")
    carol, bob_by_name, bob = [e["target"] for e in entries if e["kind"] == "intent"]
    assert bob == bob_by_name != carol


async def test_nothing_personal_is_in_the_file(
    client: httpx.AsyncClient, account: str, scene: Scene, gateway: Gateway
) -> None:
    await client.get(f"{account}/chats/@bob_b/messages", params={"q": "needle in a haystack"})
    sent = await send(client, account, "@bob_b", "xylophone quartz")
    edit = {"text": "zygote jamboree"}
    await client.patch(f"{account}/chats/@bob_b/messages/{sent['id']}", json=edit)
    await client.patch(account, json={"alias": "wombat"})

    written = (gateway.settings.data_dir / "audit.log").read_bytes().lower()
    assert written.count(b"message:send") == 2
    for secret in (
        b"xylophone",
        b"zygote",
        b"needle",
        b"wombat",
        b"bob",
        b"alice",
        b"99966210001",
        str(scene.bob.id).encode(),
        b"user:",
    ):
        # As a word: three letters in a row stand in some random id every now and then.
        word = rb"(?<![a-z0-9])" + secret + rb"(?![a-z0-9])"
        assert re.search(word, written) is None, secret


async def test_an_entry_names_the_request_as_its_answer_does(
    client: httpx.AsyncClient, account: str
) -> None:
    uuid = "8e03978e-40d5-43e8-bc93-6894a57f9324"
    for headers in ({}, {"X-Request-Id": uuid}):
        url = f"{account}/chats/me/messages"
        response = await client.post(url, json={"text": "hello"}, headers=headers)
        assert (await listed(client))[0]["requestId"] == response.headers["x-request-id"]


async def test_what_a_client_calls_its_request_is_not_written_down(
    client: httpx.AsyncClient, account: str, gateway: Gateway
) -> None:
    own = {"X-Request-Id": "79991234567", "Idempotency-Key": "rent-for-mrs-smith"}
    await client.post(f"{account}/chats/me/messages", json={"text": "hello"}, headers=own)

    written = (gateway.settings.data_dir / "audit.log").read_bytes()
    assert b"79991234567" not in written
    assert b"smith" not in written
    assert (await listed(client))[0]["requestId"].startswith("r:")


async def test_filters_narrow_the_list(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    await client.patch(account, json={"alias": "main"})
    await send(client, account, scene.bob.id, "hello")
    whole = await changes(client)

    assert {e["action"] for e in await listed(client, action="message:send")} == {"message:send"}
    assert await listed(client, account="main") == [e for e in whole if "accountId" in e]
    assert await listed(client, account="acc_" + "a" * 26) == []
    assert await listed(client, key="ak0123456789abcdef") == []
    assert await changes(client, since="1h") == whole
    assert await listed(client, until="1h") == []
    assert await changes(client, since=whole[0]["at"]) == whole[:1]


async def test_pages_join_to_the_whole_list(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    for n in range(4):
        await send(client, account, scene.bob.id, f"hello {n}")
    whole, collected = await listed(client), []
    read = (await listed(client))[:1]
    query = {"limit": "3"}
    while True:
        page = (await client.get(f"{API}/audit", params=query)).json()
        collected += page["items"]
        if "next" not in page:
            break
        query["cursor"] = page["next"]

    assert collected[0]["action"] == read[0]["action"] == "audit:read"
    assert collected[1:] == read + whole
    assert [entry["seq"] for entry in whole] == list(range(len(whole), 0, -1))


async def test_a_cursor_is_good_for_its_own_filters_only(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    await send(client, account, scene.bob.id, "hello")
    cursor = (await client.get(f"{API}/audit", params={"limit": "1"})).json()["next"]

    for path in (f"{API}/audit?action=message:send&cursor=", f"{API}/activity?cursor="):
        problem = assert_problem(await client.get(path + cursor), 422, "validation_failed")
        assert problem["errors"][0]["pointer"] == "?cursor"


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "?limit"),
        ("action=message:sent", "?action"),
        ("key=bob", "?key"),
        ("since=soon", "?since"),
        ("until=tomorrow", "?until"),
        ("peer=1", "?peer"),
    ],
)
async def test_a_wrong_filter_is_refused(
    client: httpx.AsyncClient, query: str, pointer: str
) -> None:
    problem = assert_problem(await client.get(f"{API}/audit?{query}"), 422, "validation_failed")

    assert problem["errors"][0]["pointer"] == pointer


async def test_somebody_elses_entries_are_neither_listed_nor_counted(
    client: httpx.AsyncClient, account: str, scene: Scene, gateway: Gateway
) -> None:
    before = await listed(client)
    theirs = Entry(kind=EntryKind.ADMIN, action=Action.CREDENTIALS_SET, actor=STRANGER)
    await gateway.audit.record(theirs)
    await send(client, account, scene.bob.id, "hello")

    after = await listed(client)
    assert [entry["seq"] for entry in after] == list(range(len(before) + 3, 0, -1))
    assert "credentials:set" not in {entry["action"] for entry in after}
    verdict = (await client.get(f"{API}/audit/verify")).json()
    assert verdict == {"isOk": True, "verified": len(after) + 1}


async def test_a_changed_entry_is_found_by_its_owners_number(
    client: httpx.AsyncClient, account: str, scene: Scene, gateway: Gateway
) -> None:
    await send(client, account, scene.bob.id, "hello")
    path = gateway.settings.data_dir / "audit.log"
    lines = path.read_bytes().splitlines()
    number = json.loads(lines[-1])["oseq"]
    lines[-1] = lines[-1].replace(b'"status":"done"', b'"status":"gone"')
    path.write_bytes(b"".join(line + b"\n" for line in lines))

    verdict = (await client.get(f"{API}/audit/verify")).json()

    assert verdict == {
        "isOk": False,
        "verified": number - 1,
        "firstBadSeq": number,
        "reason": "mac",
    }


async def test_without_its_log_the_server_reads_and_changes_nothing(
    client: httpx.AsyncClient, account: str, scene: Scene, gateway: Gateway
) -> None:
    await send(client, account, scene.bob.id, "before")
    path = gateway.settings.data_dir / "audit.log"
    kept = path.with_name("kept")
    path.rename(kept)
    path.mkdir()

    chat = f"{account}/chats/{scene.bob.id}"
    refused = await client.post(f"{chat}/messages", json={"text": "meanwhile"})
    assert_problem(refused, 503, "audit_unavailable")
    assert (await client.get(f"{chat}/messages")).json()["items"][0]["text"] == "before"
    assert (await client.get(f"{API}/audit")).status_code == 200
    ready = (await client.get(f"{API}/ready")).json()
    assert (ready["isReady"], ready["audit"], ready["storage"]) == (False, False, True)
    path.rmdir()
    kept.rename(path)
    assert (await client.get(f"{API}/ready")).json()["isReady"] is True
    await send(client, account, scene.bob.id, "after")

    assert [m["text"] for m in (await client.get(f"{chat}/messages")).json()["items"][:2]] == [
        "after",
        "before",
    ]
    assert (await client.get(f"{API}/audit/verify")).json()["isOk"] is True


async def test_activity_tells_a_person_where_what_and_how_to_undo(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    await client.patch(account, json={"alias": "main"})
    sent = await send(client, account, scene.bob.id, "see you at noon")
    post = await send(client, account, "@garden_club", "roses are red")

    page = (await client.get(f"{API}/activity", params={"limit": 2})).json()
    club, bob = page["items"]
    assert page["trust"] == "untrusted"
    assert bob["chat"] == {"id": scene.bob.id, "type": "user", "title": "Bob", "username": "bob_b"}
    assert (bob["text"], bob["action"], bob["accountAlias"]) == (
        "see you at noon",
        "message:send",
        "main",
    )
    assert bob["messageIds"] == [sent["id"]]
    assert "link" not in bob
    assert club["chat"]["title"] == "Garden club"
    assert club["link"] == f"https://t.me/garden_club/{post['id']}"
    method, path = bob["undo"].split()
    assert (await client.request(method, path)).status_code == 204
    messages = (await client.get(f"{account}/chats/{scene.bob.id}/messages")).json()["items"]
    assert sent["id"] not in {message["id"] for message in messages}


async def test_activity_pages_join_and_show_no_intents(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    for n in range(3):
        await send(client, account, scene.bob.id, f"hello {n}")
    whole = (await client.get(f"{API}/activity")).json()["items"]
    first = (await client.get(f"{API}/activity", params={"limit": 2})).json()
    rest = (await client.get(f"{API}/activity", params={"cursor": first["next"]})).json()

    assert first["items"] + rest["items"] == whole
    assert len(first["items"]) == 2
    assert [item["text"] for item in whole[:3]] == ["hello 2", "hello 1", "hello 0"]


async def test_activity_of_an_erased_account_is_told_without_names(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    await send(client, account, scene.bob.id, "hello")
    account_id = account.rpartition("/")[2]
    assert (await client.delete(account)).status_code == 200

    items = (await client.get(f"{API}/activity", params={"account": account_id})).json()["items"]
    assert {item["action"] for item in items} >= {"message:send", "account:delete"}
    assert not any("chat" in item or "text" in item for item in items)


async def test_reading_the_log_is_an_entry_in_it_and_not_on_its_own_page(
    client: httpx.AsyncClient, account: str
) -> None:
    before = await listed(client)
    verdict = await client.get(f"{API}/audit/verify")
    activity = await client.get(f"{API}/activity")

    shown = await listed(client)
    looked, proved, read = shown[:3]
    assert [entry["action"] for entry in shown[:3]] == ["audit:read", "audit:verify", "audit:read"]
    assert {entry["kind"] for entry in shown[:3]} == {"admin"}
    assert looked["requestId"] == activity.headers["x-request-id"]
    assert proved["requestId"] == verdict.headers["x-request-id"]
    assert read["actor"] == {"type": "embedded"}
    assert shown[3:] == before
    assert len(await listed(client, action="audit:read")) == 3
    assert len(await listed(client, action="audit:verify")) == 1


async def test_a_refused_reading_is_none(client: httpx.AsyncClient, account: str) -> None:
    assert_problem(await client.get(f"{API}/audit?limit=0"), 422, "validation_failed")

    assert await listed(client, action="audit:read") == []


async def test_activity_does_not_fill_with_looking_at_it(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    await send(client, account, scene.bob.id, "hello")
    first = (await client.get(f"{API}/activity")).json()
    for path in ("/activity", "/audit", "/audit/verify"):
        await client.get(API + path)

    assert (await client.get(f"{API}/activity")).json() == first


async def test_a_log_that_cannot_be_written_stops_no_reading_of_it(
    client: httpx.AsyncClient, account: str, gateway: Gateway
) -> None:
    before = await listed(client)
    path = gateway.settings.data_dir / "audit.log"
    kept = path.with_name("kept")
    path.rename(kept)
    path.mkdir()

    for name in ("/audit", "/audit/verify", "/activity"):
        assert (await client.get(API + name)).status_code == 200
    path.rmdir()
    kept.rename(path)
    await client.get(f"{API}/ready")

    # Refused readings took no number: the chain has no gap.
    assert (await listed(client))[1:] == before
    assert (await client.get(f"{API}/audit/verify")).json()["isOk"] is True


async def test_a_denial_is_an_entry_of_the_owner_and_a_failed_authentication_of_nobody(
    client: httpx.AsyncClient, account: str, gateway: Gateway
) -> None:
    key = Actor(type="agent_key", owner=gateway.owner, key="ak0123456789abcdef")
    for _ in range(3):
        gateway.denials.note_denied(
            key, "scope_required", operation="send_message", request_id="tea for two"
        )
        gateway.denials.note_failed("203.0.113.7", "invalid_token")
    await gateway.denials.flush(is_last=True)

    rest, first = (await listed(client, key="ak0123456789abcdef"))[:2]
    assert first["actor"] == {"type": "agent_key", "keyId": "ak0123456789abcdef"}
    assert (first["kind"], first["action"], first["operation"]) == (
        "denied",
        "access:denied",
        "send_message",
    )
    assert first["result"] == {"status": "refused", "code": "scope_required"}
    assert first["requestId"].startswith("r:")
    assert rest["count"] == 2
    assert await listed(client, action="auth:failed") == []
    items = (await client.get(f"{API}/activity", params={"limit": 2})).json()["items"]
    assert [(item.get("operation"), item.get("count")) for item in items] == [
        (None, 2),
        ("send_message", None),
    ]
    written = (gateway.settings.data_dir / "audit.log").read_bytes()
    assert written.count(b"auth:failed") == 1
    assert b"203.0.113" not in written
